/*
 * Names that the kernel has been told are absent, and for how long: nothing else remembers them. What is believed for
 * longer than NEGATIVE_SHORT_MS a worker's successor finds in the shared memory (AREA_ABSENT). Any thread; a lock of its
 * own.
 */
#pragma once
#include "fs/node.h"
#include <stdbool.h>
#include <stdint.h>

/* Of struct absent_names and what it holds; not LAYOUT(), nothing that lies otherwise elsewhere is in it. */
#define ABSENT_LAYOUT 1
#define ABSENT_SIZE (sizeof(struct absent_names))
#define ABSENT_HALF (2U << 20)

#define NEGATIVE_SHORT_MS 1010

/* Names one behind the other: the directory's id, the length in one byte, and the text. */
struct absent_names {
	_Atomic uint32_t whole;	  /* none that may still be believed is missing: workers from before kept none */
	_Atomic uint32_t current; /* the half in force; what is good of it goes over to the other when it is full */
	_Atomic uint32_t used[2]; /* bytes */
	_Alignas(4096) char half[2][ABSENT_HALF];
};

/* Before anything is served. first: no worker has answered before this one; else it takes what they have left */
void negative_start(bool first);
/* All that workers before this one have said for long is known. */
bool negative_is_whole(void);
/* From here on: what had not been kept is not believed any more. */
void negative_set_whole(void);
/* it will be told so, for timeout_s from now. false: too many are remembered, so the kernel must not keep it */
bool negative_note(node_id dir, const char *name, double timeout_s);
/* There is room for those that are to be remembered for long. */
bool negative_has_room(void);
/*
 * fn for each that is still good, without the lock; true: it has asked for a notice, and the name is forgotten. Where
 * that is so it returns when the kernel has had the notices: not on a request thread
 */
void negative_each(bool (*fn)(node_id dir, const char *name, void *arg), void *arg);
