/*
 * Writes to terminals and pipes that may be slow, by a thread of its own: what is given while more than a
 * limit waits is dropped and counted, and the count is told when there is room again.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct printer;

/* unread: called once on the printer's thread when a pipe's reader has gone; not after printer_free(). 0 or -errno */
int printer_new(void (*unread)(void *arg), void *arg, struct printer **out);
/* whole lines; never waits. Dropped ones are counted by newlines */
void printer_put(struct printer *p, int fd, const char *data, size_t len);
/* waits at most wait_ms for what is left to be written; what then blocks is left to end with the process */
void printer_free(struct printer *p, int wait_ms);
