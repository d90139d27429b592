/*
 * What the jobs of one service have read, as it is kept between one run of hrfs and the next: the bytes of a file, with a
 * version and a checksum. Pure; any thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/hash.h"
#include "supervisor/plan.h"
#include "supervisor/seen.h"

#define READFILE_MAX_BYTES (128UL * 1024 * 1024)

struct readfile_path {
	const char *path; /* owned */
	unsigned how;	  /* bits of enum read_how */
	struct seen seen; /* when it was read */
};

/* one job's */
struct readfile_job {
	struct hash command; /* of what was run: another command may read something else */
	struct readfile_path *paths;
	size_t count;
	bool known;  /* nothing is missing; else there are no paths */
	bool missed; /* a build has not been seen whole: no later one is, by itself */
};

struct readfile {
	struct readfile_job jobs[PLAN_STAGES];
};

#define AUTO_READFILE AUTO_DONE(readfile) struct readfile

void readfile_done(struct readfile *f);
/* appends; of: what it is about, any bytes. 0, -EFBIG, -ENOMEM */
int readfile_put(const struct readfile *f, const void *of, size_t of_len, struct buf *out);
/*
 * 0; -ENOENT: it is about something else; -EPROTO: another version; -EBADMSG: damaged, which whoever has put the checksum in
 * might have done on purpose; -ENOMEM. out is empty unless 0
 */
int readfile_get(const void *data, size_t len, const void *of, size_t of_len, struct readfile *out);
