/*
 * Which paths a request touches, and what is there before it. A request's own, in its thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/journal_record.h"
#include "fs/observe.h"

enum path_role {
	PATH_OF_NODE, /* a name of op->node */
	PATH_MADE,    /* op->name is made */
	PATH_FROM,    /* op->name goes: removed, or moved away */
	PATH_TO,      /* op->new_name gets another object */
	PATH_ORIGIN,  /* what the path that was added before it was called before its directory moved */
};

enum was { /* before the batch, where a directory above has moved in it */
	WAS_AS_FOUND,
	WAS_ABSENT,
	WAS_UNKNOWN,
};

struct observed_path {
	size_t at; /* in text */
	unsigned touch;
	enum path_role role;
	enum was was;
	enum path_role origin_of;
	uint32_t came, went; /* marks of the moves of a directory above that have changed what is here; 0: none */
};

struct named { /* what a name leads to before the request */
	bool exists;
	int error; /* -ENOENT, …; 0 when it exists */
	struct stat st;
};

struct observed {
	struct buf text; /* paths, each with its NUL */
	struct observed_path *paths;
	size_t count, room;
	struct named name, new_name; /* of requests that name something */
};

/* 0; no path at all (a file without a name) is a success with count 0. -errno: the request cannot be carried out */
int observed_collect(struct observed *o, const struct observe_op *op);
const char *observed_path(const struct observed *o, size_t i);
void observed_done(struct observed *o);
#define AUTO_OBSERVED AUTO_DONE(observed) struct observed
