/*
 * Another program takes over from the worker, as a successor does after a death, but asked before whether it
 * fits. The keeper's thread only.
 *
 *   CHECKING   the new program has been started, and says whether it knows the layouts in memory, or
 *   ASKING     the standby of the one that serves says whether it can make them what the new one wants
 *   STOPPING   the worker has been killed; what ends before its socket does is refused: nothing has changed
 *   MAKING     the standby makes them
 *   STARTING   the new one makes them where that is its part, starts, and puts them in force by one store
 *              (layout_commit()); what ends before that leaves the program before to go on
 *   COMMITTED  the new program is the mount's, and dies and is replaced as any
 */
#pragma once
#include "fs/control.h"
#include <stdbool.h>
#include <sys/types.h>

/* CONTROL_UPGRADE's descriptor, taken over */
void upgrade_asked(int paths);
/* to be polled, with upgrade_heard() when it can be read; -1: there is none */
int upgrade_socket(void);
void upgrade_heard(void);
/* for poll(), -1: for ever; and what is due then */
int upgrade_time_left_ms(void);
void upgrade_check_time(void);

/* The worker is dead. true: the upgrade goes on instead of the standby */
bool upgrade_goes_on(void);
/* The worker says that it serves. */
void upgrade_serves(void);
void upgrade_standby_said(enum control_message m);
void upgrade_standby_died(void);
/* there is no worker, and needs to be none */
bool upgrade_is_making(void);
/* the program is not yet the mount's: no other worker of it is to be started */
bool upgrade_is_starting(void);
/* The mount ends. The pid of a process that has been killed, and is to be waited for; 0: none */
pid_t upgrade_end(void);
