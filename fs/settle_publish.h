/* From marks that are over to a batch: compared, published to the journal, told. The settling thread's, but for the last one. */
#pragma once
#include "core/journal_record.h"

struct telling { /* a batch as it fills */
	struct journal *journal;
	int root_fd;
	dev_t dev; /* of the mount */
	struct change *changes; /* their paths are owned */
	size_t count, room;
	int64_t first_ns; /* of the marks in it */
	bool truncated;
};

/* Compares and publishes the mark; what it was is added. False: it was touched again and stays. */
bool telling_add(struct telling *t, const struct mark *m, bool open);
/* Fills in what is asked only for a whole batch: git's verdicts, writers that are not known yet. */
void telling_complete(struct telling *t);
void telling_done(struct telling *t);
/* Publishes what the mark's path is now, as an intermediate state; nothing when that has been done already. Any thread. */
void publish_intermediate(struct journal *j, int root_fd, const struct mark *m);
