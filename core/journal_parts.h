/*
 * How the journal lies in its region, and what its files share. Of core/journal*.c only; everything
 * here wants the journal's lock.
 *
 * The region: a header, then four slabs of equal size. A path's states are a chain from the newest
 * to the oldest one. A chain is changed by one store at a time, and after each of them it is right:
 * it never says "certain" for a clock that is not.
 *
 * A state with its doubt, {first, last, state}, says for a clock C:
 *   C >= last            `state`, up to the `first` of the next newer one
 *   first <= C < last    in doubt
 *   C < first            ask the next older one; when there is none, it is not known any more
 * What was there before the first change is the state {0, 0, before}.
 */
#pragma once
#include "core/base/slab.h"
#include "core/journal_record.h"
#include <pthread.h>

#define JOURNAL_HEADER_SIZE 8192
#define JOURNAL_DEFAULT_LIMIT (256UL << 20)
#define JOURNAL_PATH_MAX 65536

struct pin {
	uint32_t count; /* 0: free; stored last */
	uint32_t zero;
	tick_t at;
};

struct journal_header {
	uint32_t layout; /* stored last; 0: a new region */
	uint32_t zero;
	uint64_t size_bytes;
	tick_t tick;	 /* the last one taken; stored before anybody is told of it */
	tick_t oldest;	 /* clocks before it are not answered */
	tick_t answered; /* the highest `upto` that journal_since() has answered for */
	struct pin pins[JOURNAL_PINS];
};

#define TEXT_BYTES 56

struct text_item { /* a piece of a path's text */
	uint32_t used;
	uint32_t next; /* 0: the last piece */
	char bytes[TEXT_BYTES];
};

struct state_item {
	LAYOUT_OTHER_SPACE
	uint32_t used;
	uint32_t older; /* 0: none */
	tick_t first, last;
	struct state state;
};

struct path_item {
	uint32_t used;
	uint32_t text, len; /* its first piece; how many bytes in all */
	uint32_t newest;    /* of its states; 0: none published yet */
	uint32_t detail_of; /* the state that writer and stamp belong to; 0: they are being written */
	uint32_t has_stamp;
	struct writer writer;
	struct stamp stamp;
	/* derived: */
	uint32_t hash, hash_next;
	uint32_t mark;	 /* on this path, or 0 */
	uint32_t serial; /* tells this use of the place from earlier ones */
};

struct before_slot {
	uint32_t how; /* enum before */
	uint32_t zero;
	uint64_t size;
	struct state state;
};

/* Both before and writer are filled in where they are not read, then chosen by one store. */
struct mark_item {
	LAYOUT_OTHER_SPACE
	uint32_t used;
	uint32_t path;
	tick_t first, last;
	tick_t doubt;	  /* begin of the first request since what is published that may change the state; 0: none */
	tick_t first_end; /* the first end since then of a request that had an effect; 0: none */
	uint32_t in_flight, touched;
	uint32_t published;	       /* an intermediate state was */
	uint32_t effect;	       /* some request has not failed */
	uint32_t before_at, writer_at; /* which of the two */
	tick_t moved; /* not 0: `before` is that of a move which came before its requests, and not theirs to say */
	struct before_slot befores[2];
	struct writer writers[2];
	int64_t first_ns, last_ns;
	/* derived: the list of all marks, in the order in which they were made */
	uint32_t previous, next;
};

/* Published paths by the last tick of their newest state; elements whose path has moved on are skipped. */
struct order_item {
	tick_t tick;
	uint32_t path, serial;
};

struct order {
	struct order_item *items;
	size_t head, count, size;
	size_t sorted; /* items below this index are in order */
	bool lost;     /* no memory once: to be made anew from the paths */
};

struct journal {
	pthread_mutex_t lock;
	struct journal_header *header;
	struct slab texts, states, paths, marks;
	/* from here on private and derived */
	uint32_t *buckets; /* of paths by hash; chained through hash_next */
	size_t bucket_count;
	struct order order;
	uint32_t first_mark, last_mark;
	uint32_t serial;
	size_t path_count, state_count, mark_count, text_count;
	size_t published; /* paths with a state */
	size_t idle;	  /* of these, without a mark: may be let go of */
	size_t in_flight;
	size_t moves;	/* marks of directories that have moved */
	size_t pin_end; /* pins from here on were never used */
	size_t limit_bytes;
};

static inline struct text_item *text_at(struct journal *j, uint32_t index)
{
	return slab_at(&j->texts, index);
}

static inline struct state_item *state_at(struct journal *j, uint32_t index)
{
	return slab_at(&j->states, index);
}

static inline struct path_item *path_at(struct journal *j, uint32_t index)
{
	return slab_at(&j->paths, index);
}

static inline struct mark_item *mark_at(struct journal *j, uint32_t index)
{
	return slab_at(&j->marks, index);
}

/* A store after which the region must be right, and which the compiler may not move; a killed thread has stored in order. */
#define PUBLISH(place, value)                                        \
	do {                                                         \
		__atomic_store_n(&(place), value, __ATOMIC_RELEASE); \
		__atomic_signal_fence(__ATOMIC_SEQ_CST);             \
	} while (0)

/* journal.c */
tick_t journal_next_tick(struct journal *j);
size_t journal_bytes(const struct journal *j);

/* journal_path.c */
/* 0: not known */
uint32_t jpath_find(struct journal *j, const char *text, size_t len);
/* a path without states; 0: no room */
uint32_t jpath_make(struct journal *j, const char *text, size_t len);
/* with its states; it has no mark */
void jpath_free(struct journal *j, uint32_t index);
/* replaces what out held; 0 or -ENOMEM */
int jpath_text(struct journal *j, uint32_t index, struct buf *out);
bool jpath_text_is(struct journal *j, const struct path_item *p, const char *text, size_t len);
uint32_t jpath_hash(const char *text, size_t len);
/* more buckets, all chained anew; a failure is harmless */
int jpath_index_build(struct journal *j, size_t bucket_count);
/* frees it when it has neither mark nor state */
void jpath_collect(struct journal *j, uint32_t index);

/* journal_states.c */
/* what the published states say of a clock; unknown where they cannot tell */
struct state jstates_at(struct journal *j, const struct path_item *p, tick_t at);
/*
 * A new newest state. What it leaves no certain clock to is absorbed, and the oldest go when there
 * are too many. Its `last` is never before the one that it follows. 0 or -ENOSPC (nothing changed)
 */
int jstates_add(struct journal *j, struct path_item *p, tick_t first, tick_t last, const struct state *state);
/* what was there before the first state, for a path without states: 0 or -ENOSPC */
int jstates_add_first(struct journal *j, struct path_item *p, const struct state *before);
/* what the first state claims of clocks below `at` was a guess: then it was `before` */
void jstates_correct_first(struct journal *j, struct path_item *p, tick_t at, const struct state *before);
/* writer and stamp (NULL: none) of the newest state */
void jstates_set_detail(struct path_item *p, const struct writer *w, const struct stamp *stamp);
void jstates_free(struct journal *j, uint32_t newest);

/* journal_order.c */
void jorder_add(struct journal *j, uint32_t path);
/* sorted and whole; 0 or -ENOMEM */
int jorder_prepare(struct journal *j);
/* index of the first item later than the tick */
size_t jorder_after(const struct journal *j, tick_t tick);
/* the item's path is still where it says */
bool jorder_is_current(struct journal *j, const struct order_item *item);
/* lets go of what changed longest ago while the limit is passed; what has a mark stays */
void jorder_keep_limit(struct journal *j);
/* the same when a slab is full: lets go of a sixteenth. false: nothing could go */
bool jorder_drop_some(struct journal *j);

/* journal_mark.c */
/* NULL: there is none */
struct mark_item *jmark_used(struct journal *j, uint32_t index);
/* a mark without requests; 0: no room */
uint32_t jmark_make(struct journal *j, uint32_t path);
void jmark_remove(struct journal *j, uint32_t index);
void jmark_link(struct journal *j, uint32_t index);
const struct before_slot *jmark_before(const struct mark_item *m);
const struct writer *jmark_writer(const struct mark_item *m);
void jmark_set_before(struct mark_item *m, enum before how, const struct state *state, uint64_t size);
void jmark_set_writer(struct mark_item *m, const struct writer *w);
void jmark_touch(struct journal *j, struct mark_item *m, uint32_t touch);
