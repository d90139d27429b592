/*
 * Cookies for the entries of a directory, where the lower's own do not survive that it is opened
 * again: a table of names per directory, with a cookie for each. A cookie is never another name's until the
 * kernel forgets the directory; of names that have gone nothing is kept. Any thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listing;

struct listing_entry {
	char *name; /* owned by the listing */
	ino_t ino;
	uint64_t cookie;
	unsigned char type; /* DT_* */
	bool present;
};

struct listing *listing_new(void);
void listing_free(struct listing *l);
/* Nothing was ever read into it: after a worker's death its cookies are gone. */
bool listing_is_new(struct listing *l);
/* names that are kept */
size_t listing_count(struct listing *l);
/*
 * Reads the directory (O_RDONLY, from its start) anew. after: the first time, cookies begin behind it: who
 * is in the middle of a listing gets some names twice then rather than never. 0 or -errno
 */
int listing_refresh(struct listing *l, int fd, uint64_t after);
/*
 * Calls fn with each present entry behind the cookie `after` and with the entry's own cookie, until it
 * answers false. fn runs under the listing's lock.
 */
void listing_each(struct listing *l, uint64_t after,
		  bool (*fn)(const struct listing_entry *e, uint64_t cookie, void *arg), void *arg);
