/*
 * When what is behind the mount hangs, requests that need nothing of it go on: there are more lanes once all have been
 * busy with one request each for a second, up to LANES_MAX; beyond that everybody waits, and the status says for
 * what. Who is killed while he waits for something that changes nothing is let go.
 *
 * A thread of its own, asleep while nobody asks anything.
 */
#pragma once

/* Before the lanes. 0 or -errno */
int relief_start(void);
/* A lane's thread: a request has been read. */
void relief_note(void);
