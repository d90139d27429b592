/*
 * The worker that serves, and one on standby that takes over when it dies. The keeper's thread only.
 */
#pragma once
#include "fs/control.h"
#include <stdbool.h>
#include <sys/types.h>

/* Starts one, and its standby where the mount is to outlive it. 0 or -errno */
int workers_start(int memfd);
/* The sockets to be polled; -1: there is none. */
int workers_active_socket(void);
int workers_standby_socket(void);
pid_t workers_active_pid(void);

/* Takes in what the worker has said; said() gets what is not about descriptors. false: it is dead. */
bool workers_hear(void (*said)(enum control_message m));
/* The worker is dead: the standby goes on. false: there is no successor, or too many have died at their start */
bool workers_replace(void);
/* The standby's socket can be read: it is dead, and another one is started. */
void workers_standby_died(void);
/* A child has ended, and has its number still. */
void workers_ended(pid_t pid);
/* It has not any more. hrfs-git is started again; until then nothing counts as ignored. */
void workers_reaped(pid_t pid);
/* Until all have ended: by themselves, after the active one's last word, unless at_once; who hangs is killed. */
void workers_end(bool at_once);
