/* What a marked path was and what it is. Off the request threads; no locks. */
#pragma once
#include "core/journal_record.h"

struct compared {
	struct state before, after;
	struct stamp stamp;
	bool has_stamp;
	enum change_reason reason; /* CHANGE_REAL: they differ, or are not known to be equal */
};

void compare(int root_fd, const struct mark *m, const char *path, struct compared *out);
