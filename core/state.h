/*
 * The state of a path: absent, or type + executable bits + content hash (of a link: of its target).
 * A plain value of 24 bytes without pointers, fit for shared memory.
 */
#pragma once
#include "core/hash.h"
#include <sys/types.h>

enum state_kind {
	STATE_UNKNOWN, /* equal to nothing, not even to itself */
	STATE_ABSENT,
	STATE_FILE,
	STATE_DIR,
	STATE_SYMLINK,
	STATE_OTHER /* fifo, socket, device */
};

struct state {
	uint8_t kind;	/* enum state_kind */
	uint8_t exec;	/* of a file: which of owner (4), group (2), others (1) may execute it */
	uint8_t hashed; /* of a file or symlink: `content` holds; else the content is not known */
	uint8_t type;	/* of OTHER: its S_IFMT bits >> 12, so that a fifo is no socket */
	uint8_t zero[4];
	struct hash content;
};

#define STATE_TEXT_SIZE 64

struct state state_absent(void);
struct state state_unknown(void);
/* kind and exec of a mode; content not known yet */
struct state state_of_mode(mode_t mode);
struct state state_with_content(struct state s, struct hash content);
/* True only when they are known to be equal: a file whose content is not known equals nothing. */
bool state_equal(const struct state *a, const struct state *b);
/* "absent", "dir", "file 1f3a…" with x where executable, "file ?" */
const char *state_text(const struct state *s, char text[static STATE_TEXT_SIZE]);
