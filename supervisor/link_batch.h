/* A batch as the socket tells it, as a value. Any thread. */
#pragma once
#include "core/change.h"
#include "core/json.h"

struct link_batch {
	struct batch batch; /* changes and their paths are owned */
	int64_t settle_ms;
};

/* object: the value of "hrfs-batch". 0, -EPROTO, -ENOMEM; nothing is left to free then */
int link_batch_parse(const json_t *object, struct link_batch *out);
void link_batch_done(struct link_batch *b);
