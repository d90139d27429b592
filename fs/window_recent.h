/*
 * Who has just been answered a name. An answer is in force when its asker has run: that may be after a notice that came
 * later, which then is as if it had not been. Any thread; a lock of its own.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* this thread is about to be answered */
void recent_answer(pid_t tid);
/* Waits until whoever has been answered in the last moments has run since. false: somebody has not, in all that time */
bool recent_wait(void);
