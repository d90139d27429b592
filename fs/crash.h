/*
 * A crash becomes a kill that is counted against its request: a thread that dumps core first waits for
 * all others, also for a notifier that waits for an answer which will never come. A build with
 * sanitizers leaves crashes to them (crash_none.c).
 */
#pragma once

/* once, before any thread */
void crash_handle(void);
/* in each thread that serves: a stack for the case that its own is used up */
void crash_thread(void);
