/*
 * Which of the request threads wait for requests. The kernel wakes the one that has slept longest, whose stack and caches
 * have gone cold. So few read at a time, and one client's requests go to and fro between them. The others rest, until
 * a request waits while all of those are busy.
 */
#pragma once
#include <stdbool.h>

/* Comes back when this thread is to read from the device. */
void readers_begin(int device);
/* It has read. takes_long: the others are not to count on it soon */
void readers_end(int device, bool takes_long);
