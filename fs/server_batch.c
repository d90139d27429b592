/*
 * Batches: taken over from the settling thread, and the newest kept in a ring that history and
 * subscriptions read. The ring is bounded by count and by bytes.
 */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>
#include <time.h>

#define RING_MAX 1000
#define RING_BYTES_MAX (64UL * 1024 * 1024)
#define CHANGES_MAX 100000 /* of one batch; the settler has the same limit */

STAILQ_HEAD(list, kept_batch);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* incoming */
static struct list incoming = STAILQ_HEAD_INITIALIZER(incoming);

static struct list ring;
static size_t ring_count, ring_bytes;
static tick_t last, oldest; /* the ring covers oldest < t <= last */

void batches_init(void)
{
	STAILQ_INIT(&ring);
	ring_count = ring_bytes = 0;
	last = oldest = server_tick();
}

void batch_ref(struct kept_batch *b)
{
	b->refs++;
}

void batch_unref(struct kept_batch *b)
{
	if (--b->refs)
		return;
	pthread_mutex_destroy(&b->lock);
	buf_done(&b->text);
	free((void *)b->batch.changes);
	free(b);
}

void batches_done(void)
{
	struct kept_batch *b;

	batches_take();
	while ((b = STAILQ_FIRST(&ring))) {
		STAILQ_REMOVE_HEAD(&ring, link);
		batch_unref(b);
	}
}

/* ---- copies ---- */

static size_t size_of(const struct batch *b, size_t count)
{
	size_t bytes = count * sizeof(struct change);

	for (size_t i = 0; i < count; i++)
		bytes += strlen(b->changes[i].path) + 1;
	return bytes;
}

/* One block: the changes, and behind them their paths. */
static struct change *copy_changes(const struct batch *b, size_t count, size_t bytes)
{
	struct change *changes = malloc(bytes ? bytes : 1);
	char *text = changes ? (char *)(changes + count) : NULL;

	for (size_t i = 0; changes && i < count; i++) {
		changes[i] = b->changes[i];
		changes[i].path = text;
		text = stpcpy(text, b->changes[i].path) + 1;
	}
	return changes;
}

static struct kept_batch *copy(const struct batch *batch)
{
	size_t count = batch->count > CHANGES_MAX ? CHANGES_MAX : batch->count;
	struct kept_batch *b = calloc(1, sizeof(*b));
	struct change *changes;

	if (!b)
		return NULL;
	b->bytes = size_of(batch, count);
	changes = copy_changes(batch, count, b->bytes);
	if (!changes) {
		free(b);
		return NULL;
	}
	b->refs = 1;
	b->batch = *batch;
	b->batch.changes = changes;
	b->batch.count = count;
	b->batch.truncated = batch->truncated || count < batch->count;
	/* with what it takes as text */
	b->bytes = b->bytes * 4 + sizeof(*b);
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void server_batch(const struct batch *batch)
{
	struct kept_batch *b = copy(batch);

	if (!b) {
		/* the clients are told that they don't know, which is true */
		struct batch bare = *batch;

		bare.count = 0;
		bare.truncated = true;
		b = copy(&bare);
	}
	if (!b) {
		log_error("event=batch_lost from=%lu to=%lu reason=\"no memory\"", batch->from, batch->to);
		return;
	}
	pthread_mutex_lock(&lock);
	STAILQ_INSERT_TAIL(&incoming, b, link);
	pthread_mutex_unlock(&lock);
	server_look_again();
}

/* ---- the ring ---- */

static void forget_oldest(void)
{
	struct kept_batch *b = STAILQ_FIRST(&ring);

	STAILQ_REMOVE_HEAD(&ring, link);
	ring_count--;
	ring_bytes -= b->bytes;
	oldest = b->batch.to;
	batch_unref(b);
}

bool batches_take(void)
{
	struct list came = STAILQ_HEAD_INITIALIZER(came);
	struct kept_batch *b;
	bool any = false;

	pthread_mutex_lock(&lock);
	STAILQ_CONCAT(&came, &incoming);
	pthread_mutex_unlock(&lock);
	while ((b = STAILQ_FIRST(&came))) {
		STAILQ_REMOVE_HEAD(&came, link);
		last = b->batch.to;
		any = true;
		if (!b->batch.count && !b->batch.truncated) { /* only says how far it has settled */
			batch_unref(b);
			continue;
		}
		STAILQ_INSERT_TAIL(&ring, b, link);
		ring_count++;
		ring_bytes += b->bytes;
	}
	/* the newest stays, however large */
	while (ring_count > RING_MAX || (ring_bytes > RING_BYTES_MAX && ring_count > 1))
		forget_oldest();
	return any;
}

tick_t batches_last(void)
{
	return last;
}

size_t batches_after(tick_t tick, struct kept_batch **out, size_t max, bool *complete)
{
	struct kept_batch *b;
	size_t n = 0;

	*complete = tick >= oldest;
	STAILQ_FOREACH(b, &ring, link)
	{
		if (n == max)
			break;
		if (b->batch.to <= tick)
			continue;
		batch_ref(b);
		out[n++] = b;
	}
	return n;
}

bool batches_tick_at(int64_t time_ms, tick_t *out)
{
	struct kept_batch *b;

	if (oldest == 0 && time_ms <= server.o.start_time * 1000)
		return false;
	STAILQ_FOREACH(b, &ring, link)
	{
		if (b->batch.time_ms < time_ms)
			continue;
		if (b == STAILQ_FIRST(&ring) && oldest)
			return false; /* what was before it is forgotten */
		*out = b->batch.from;
		return true;
	}
	*out = last;
	return true;
}

/* ---- as JSON ---- */

static const char *kind_name(const struct state *s)
{
	static const char *const names[] = {
		[STATE_UNKNOWN] = "unknown", [STATE_ABSENT] = "absent",	  [STATE_FILE] = "file",
		[STATE_DIR] = "dir",	     [STATE_SYMLINK] = "symlink", [STATE_OTHER] = "other",
	};

	return names[s->kind < ARRAY_SIZE(names) ? s->kind : STATE_UNKNOWN];
}

json_t *state_to_json(const struct state *s)
{
	char text[HASH_TEXT_SIZE];

	return json_pack("{s:s,s:i,s:s?}", "kind", kind_name(s), "exec", s->exec, "hash",
			 s->hashed ? hash_text(&s->content, text) : NULL);
}

static int put_state(struct buf *out, const char *key, const struct state *s)
{
	char text[HASH_TEXT_SIZE];
	int r = buf_printf(out, ",\"%s\":{\"kind\":\"%s\",\"exec\":%u,\"hash\":", key, kind_name(s), s->exec);

	if (r == 0)
		r = s->hashed ? buf_printf(out, "\"%s\"}", hash_text(&s->content, text)) : buf_puts(out, "null}");
	return r;
}

static int put_writer(struct buf *out, const struct writer *w)
{
	int r = buf_printf(out, ",\"writer\":{\"pid\":%d,\"command\":", w->pid);

	if (r == 0)
		r = protocol_put_string(out, w->command, NULL);
	if (r == 0)
		r = buf_puts(out, ",\"job\":");
	if (r == 0)
		r = protocol_put_string(out, w->job, NULL);
	return r < 0 ? r : buf_printf(out, ",\"appended\":%s,\"outside\":%s}}", w->appended ? "true" : "false", w->outside ? "true" : "false");
}

static int put_change(struct buf *out, const struct change *c)
{
	static const char *const reasons[] = {
		[CHANGE_REAL] = "changed",
		[CHANGE_SAME_CONTENT] = "same-content",
		[CHANGE_ONLY_TIMES] = "only-times",
		[CHANGE_REVERTED] = "reverted",
	};
	int r = buf_putc(out, '{');

	if (r == 0)
		r = protocol_put_bytes(out, "name", c->path);
	if (r == 0)
		r = put_state(out, "before", &c->before);
	if (r == 0)
		r = put_state(out, "after", &c->after);
	if (r == 0)
		r = buf_printf(out, ",\"tick\":%lu,\"reason\":\"%s\",\"ignored\":%s,\"open\":%s", c->tick,
			       c->reason < ARRAY_SIZE(reasons) ? reasons[c->reason] : "changed",
			       c->ignored ? "true" : "false", c->open ? "true" : "false");
	return r < 0 ? r : put_writer(out, &c->writer);
}

static bool is_suppressed(const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->changes[i].reason == CHANGE_REAL)
			return false;
	}
	return !b->truncated;
}

static int put_batch(struct buf *out, const struct batch *b)
{
	char clock[CLOCK_TEXT_SIZE];
	int r = buf_printf(out,
			   "{\"from\":%lu,\"to\":%lu,\"clock\":\"%s\",\"time_ms\":%ld,\"settle_ms\":%ld,"
			   "\"truncated\":%s,\"suppressed\":%s,\"changes\":[",
			   b->from, b->to, server_clock(b->to, clock), b->time_ms,
			   (b->settled_ns - b->first_ns) / 1000000, b->truncated ? "true" : "false",
			   is_suppressed(b) ? "true" : "false");

	for (size_t i = 0; r == 0 && i < b->count; i++) {
		if (i)
			r = buf_putc(out, ',');
		if (r == 0)
			r = put_change(out, &b->changes[i]);
	}
	return r < 0 ? r : buf_puts(out, "]}");
}

const struct buf *batch_text(struct kept_batch *b)
{
	int r = 0;

	pthread_mutex_lock(&b->lock);
	if (!b->text.len)
		r = put_batch(&b->text, &b->batch);
	if (r < 0)
		buf_done(&b->text);
	pthread_mutex_unlock(&b->lock);
	return r < 0 ? NULL : &b->text;
}
