/* From marks that are over to a batch: compared, published to the journal, told. The settling thread's, but for the last one. */
#pragma once
#include "core/journal_record.h"
#include "fs/settle_compare.h"

struct telling { /* a batch as it fills */
	struct journal *journal;
	int root_fd;
	dev_t dev; /* of the mount */
	struct change *changes; /* their paths are owned */
	size_t count, room;
	int64_t first_ns; /* of the marks in it */
	bool truncated;
};

/* One mark of a batch: compared, yet to be published. */
struct item {
	struct mark mark;
	struct compared found;
	char *path;   /* NULL: not to be published now */
	bool open;    /* its writer has it open still */
	bool forced;  /* published though requests may have come meanwhile */
	bool settled; /* out: the mark is gone */
};

/* Compares. The mark stays if it is in flight, or if something of it is not known yet. */
void item_compare(struct telling *t, struct item *i);
/* Has it been touched since? Then what was found may be half of something. */
bool item_is_stale(const struct telling *t, const struct item *i);
/* Publishes what was found, and adds it to what is told. */
void item_publish(struct telling *t, struct item *i);
/* Fills in what is asked only for a whole batch: git's verdicts, writers that are not known yet. */
void telling_complete(struct telling *t);
void telling_done(struct telling *t);
/* Publishes what the mark's path is now, as an intermediate state; nothing when that has been done already. Any thread. */
void publish_intermediate(struct journal *j, int root_fd, const struct mark *m);
