/*
 * The worker that serves, and one on standby that takes over when it dies. The keeper's thread only.
 */
#pragma once
#include "fs/control.h"
#include "fs/program.h"
#include <stdbool.h>
#include <sys/types.h>

struct worker {
	pid_t pid;
	int control;
	bool served;
};

#define NO_WORKER { .control = -1 }

/* Starts one, and its standby where the mount is to outlive it. The program is taken over. 0 or -errno */
int workers_start(int memfd, struct program *p);
/* The sockets to be polled; -1: there is none. */
int workers_active_socket(void);
int workers_standby_socket(void);
pid_t workers_active_pid(void);

/* Takes in what the worker has said; said() gets what is not about descriptors. false: it is dead. */
bool workers_hear(void (*said)(enum control_message m));
/* The worker is dead: the standby goes on. false: there is no successor, or too many have died at their start */
bool workers_replace(void);
/* The standby's socket can be read: it has answered, or is dead, and another one is started. */
void workers_standby_heard(void);
/* A child has ended, and has its number still. */
void workers_ended(pid_t pid);
/* It has not any more. hrfs-git is started again; until then nothing counts as ignored. */
void workers_reaped(pid_t pid);
/* what an upgrade needs of them (fs/upgrade.c) */
int workers_memory(void);
const struct program *workers_program(void);
bool workers_tell_standby(enum control_message m); /* false: there is none */
void workers_drop(struct worker *w);		   /* kills it; *w is NO_WORKER then */
/* its end is heard as any other */
void workers_kill_active(void);
void workers_drop_standby(void);
/* The standby, or else a new worker of the program, serves. false: there is none, nor will be */
bool workers_go_on(void);
/* `w` serves, the standby stays as it is; id: of CONTROL_GO */
void workers_go_with(struct worker *w, uint64_t id);
/* what is started from now on is of the program `p`; what it was is put into p */
void workers_swap_program(struct program *p);
/* a standby of the program as it is now instead of the one there is */
void workers_new_standby(void);

/* Until all have ended: by themselves, after the active one's last word, unless at_once; who hangs is killed. */
void workers_end(bool at_once);
