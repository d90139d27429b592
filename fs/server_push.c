/*
 * What subscribers are told, batch by batch, or, when they were held back, as the difference to what
 * they were told last. Small things at once on the loop; what takes a look at files on the pool.
 */
#include "fs/ignore.h"
#include "core/base/path.h"
#include "fs/server_parts.h"
#include "fs/sidedoor_heard.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define BATCHES_AT_ONCE 64
#define CHANGES_AT_ONCE 256		/* more are not looked at on the loop */
#define WALKED_MAX (64UL * 1024 * 1024) /* text of a whole tree, for whom the journal doesn't reach back */

struct pushing {
	struct work work;
	struct subscription *subscription; /* referenced */
	struct kept_batch *batches[BATCHES_AT_ONCE];
	size_t count;
	bool difference; /* not the batches: what has changed since `from` */
	bool gap;	 /* there were batches that are forgotten */
	tick_t from, to;
	struct buf text;
	unsigned objects;
	int result;
};

/* ---- held back? ---- */

#define GIT_DIRS_MAX 16

static bool has_lock(const char *dir)
{
	AUTO_BUF lock = { 0 };
	const char *inside = NULL;

	if (buf_printf(&lock, "%s/index.lock", dir) < 0)
		return false;
	/* never by a path through the mount: this process serves it */
	if (path_is_below(lock.data, server.o.source))
		inside = lock.data + strlen(server.o.source);
	else if (path_is_below(lock.data, server.o.mountpoint))
		inside = lock.data + strlen(server.o.mountpoint);
	if (inside)
		return faccessat(server.o.root_fd, inside + strspn(inside, "/"), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return access(lock.data, F_OK) == 0;
}

static bool vcs_is_busy(void)
{
	char *dirs[GIT_DIRS_MAX];
	size_t count = ignore_git_dirs(dirs, GIT_DIRS_MAX);
	bool busy = faccessat(server.o.root_fd, ".git/index.lock", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	for (size_t i = 0; i < count; i++) {
		busy = busy || has_lock(dirs[i]);
		free(dirs[i]);
	}
	return busy;
}

static bool any_asserted(const struct strv *names)
{
	for (size_t i = 0; i < names->count; i++) {
		if (state_is_asserted(names->items[i]))
			return true;
	}
	return false;
}

bool subscription_is_held(struct subscription *s, bool *dropping)
{
	*dropping = any_asserted(&s->drop);
	if (*dropping)
		return true;
	if (s->flushing)
		return false;
	return any_asserted(&s->defer) || (s->defer_vcs && vcs_is_busy());
}

bool subscription_is_up_to_date(struct subscription *s)
{
	bool dropping;

	if (s->busy)
		return false;
	return s->tick >= batches_last() || subscription_is_held(s, &dropping);
}

bool push_is_held(void)
{
	struct subscription *s;

	TAILQ_FOREACH(s, &server.subscriptions, link)
	{
		if (s->coalesce && s->defer_vcs)
			return true;
	}
	return false;
}

/* ---- making the text; any thread ---- */

static int put_head(struct pushing *p, tick_t since, tick_t now, bool fresh)
{
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	int r = subscription_put_head(p->subscription, &p->text);

	return r < 0 ? r
		     : buf_printf(&p->text,
				  "\"clock\":\"%s\",\"since\":\"%s\",\"is_fresh_instance\":%s,\"hrfs-exact\":%s,",
				  server_clock(now, to), server_clock(since, from), fresh ? "true" : "false",
				  heard_since(fresh ? now : since) ? "true" : "false");
}

struct putting { /* one list of values */
	struct pushing *p;
	struct files files;
	size_t count;
};

static int after_value(struct putting *v, int put, size_t before)
{
	if (put <= 0)
		buf_truncate(&v->p->text, before);
	if (put > 0)
		v->count++;
	return put < 0 ? put : 0;
}

static int put_one(const struct change *c, void *arg)
{
	struct putting *v = arg;
	size_t before = v->p->text.len;
	int r = v->count ? buf_putc(&v->p->text, ',') : 0;

	if (r == 0)
		r = files_list_put_change(&v->files, c, &v->p->text);
	return after_value(v, r, before);
}

static int put_found(struct walk *w, const char *path, enum state_kind kind, void *arg)
{
	struct putting *v = arg;
	size_t before = v->p->text.len;
	int r = v->count ? buf_putc(&v->p->text, ',') : 0;

	v->files.walk_fd = w->dir_fd;
	if (r == 0)
		r = files_list_put_found(&v->files, path, kind, &v->p->text);
	r = after_value(v, r, before);
	return r == 0 && v->p->text.len > WALKED_MAX ? -ENOBUFS : r;
}

static int put_real_changes(struct putting *v, const struct batch *b)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->count; i++) {
		const struct change *c = &b->changes[i];

		if (c->reason == CHANGE_REAL && c->tick > v->p->subscription->start)
			r = put_one(c, v);
	}
	return r;
}

static int put_batch(struct pushing *p, struct kept_batch *b, tick_t since)
{
	const struct subscription *s = p->subscription;
	struct putting v = { .p = p };
	size_t before = p->text.len;
	int r = put_head(p, since, b->batch.to, false);

	if (r == 0 && s->batches) {
		const struct buf *text = batch_text(b);

		r = text ? buf_puts(&p->text, "\"hrfs-batch\":") : -ENOMEM;
		if (r == 0)
			r = buf_put(&p->text, text->data, text->len);
		if (r == 0)
			r = buf_putc(&p->text, ',');
	}
	if (r == 0)
		r = buf_puts(&p->text, "\"files\":[");
	files_list_init(&v.files, s->query, s->path);
	if (r == 0)
		r = put_real_changes(&v, &b->batch);
	files_list_done(&v.files);
	if (r == 0)
		r = buf_puts(&p->text, "]}\n");
	if (r < 0 || (!v.count && !s->batches))
		buf_truncate(&p->text, before);
	else
		p->objects++;
	return r;
}

/* For who wants batches and has missed some: all may have changed. */
static int put_gap(struct pushing *p)
{
	char clock[CLOCK_TEXT_SIZE];
	tick_t to = p->count ? p->batches[0]->batch.from : p->to;
	int r = put_head(p, p->from, to, false);

	p->objects++;
	return r < 0 ? r
		     : buf_printf(
			       &p->text,
			       "\"hrfs-batch\":{\"from\":%lu,\"to\":%lu,\"clock\":\"%s\",\"time_ms\":0,\"settle_ms\":0,"
			       "\"truncated\":true,\"suppressed\":false,\"changes\":[]},\"files\":[]}\n",
			       p->from, to, server_clock(to, clock));
}

static int put_fresh(struct pushing *p)
{
	atomic_bool cancelled = false;
	struct putting v = { .p = p };
	struct walk w = { .start = p->subscription->path, .cancelled = &cancelled, .found = put_found, .arg = &v };
	int r = put_head(p, p->from, p->to, true);

	if (r == 0)
		r = buf_puts(&p->text, "\"files\":[");
	files_list_init(&v.files, p->subscription->query, p->subscription->path);
	v.files.fresh = true;
	if (r == 0)
		r = walk_tree(&w);
	files_list_done(&v.files);
	p->objects++;
	return r < 0 ? r : buf_puts(&p->text, "]}\n");
}

static int put_difference(struct pushing *p)
{
	const struct subscription *s = p->subscription;
	struct putting v = { .p = p };
	int r = put_head(p, p->from, p->to, false);

	if (r == 0)
		r = buf_puts(&p->text, "\"files\":[");
	files_list_init(&v.files, s->query, s->path);
	if (r == 0)
		r = journal_since(server.o.journal, p->from > s->start ? p->from : s->start, p->to, put_one, &v);
	files_list_done(&v.files);
	if (r == -ESTALE) {
		buf_truncate(&p->text, 0);
		return put_fresh(p);
	}
	if (r == 0)
		r = buf_puts(&p->text, "]}\n");
	if (r < 0 || !v.count)
		buf_truncate(&p->text, 0);
	else
		p->objects++;
	return r;
}

static void make(struct work *w)
{
	struct pushing *p = (struct pushing *)w;
	tick_t since = p->from;
	int r = 0;

	if (p->difference)
		r = put_difference(p);
	else if (p->gap)
		r = put_gap(p);
	for (size_t i = 0; r == 0 && i < p->count; i++) {
		r = put_batch(p, p->batches[i], since);
		since = p->batches[i]->batch.to;
	}
	p->result = r;
}

/* ---- on the loop ---- */

static void made(struct work *w)
{
	struct pushing *p = (struct pushing *)w;
	struct subscription *s = p->subscription;

	s->busy = false;
	s->tick = p->to;
	s->pushed += p->objects;
	if (s->connection && p->result < 0)
		connection_close(s->connection, strerror(-p->result));
	else if (s->connection && p->text.len)
		connection_push(s->connection, p->text.data, p->text.len);
	for (size_t i = 0; i < p->count; i++)
		batch_unref(p->batches[i]);
	subscription_unref(s);
	buf_done(&p->text);
	free(p);
}

static bool is_quick(const struct pushing *p)
{
	size_t changes = 0;

	if (p->difference || p->subscription->query->needs_stat)
		return false;
	for (size_t i = 0; i < p->count; i++) {
		const struct batch *b = &p->batches[i]->batch;

		changes += b->count;
		for (size_t n = 0; changes <= CHANGES_AT_ONCE && n < b->count; n++) {
			if (b->changes[n].after.kind == STATE_UNKNOWN)
				return false;
		}
	}
	return changes <= CHANGES_AT_ONCE;
}

static bool has_truncated(const struct pushing *p)
{
	for (size_t i = 0; i < p->count; i++) {
		if (p->batches[i]->batch.truncated)
			return true;
	}
	return false;
}

static void forget_batches(struct pushing *p)
{
	while (p->count)
		batch_unref(p->batches[--p->count]);
	p->to = batches_last();
}

static void collect(struct pushing *p)
{
	struct subscription *s = p->subscription;
	bool complete;

	p->from = s->tick;
	p->to = batches_last();
	p->count = batches_after(s->tick, p->batches, BATCHES_AT_ONCE, &complete);
	p->gap = !complete;
	if (p->count == BATCHES_AT_ONCE)
		p->to = p->batches[p->count - 1]->batch.to;
	if (!s->batches && (s->coalesce || p->gap || has_truncated(p))) {
		forget_batches(p);
		p->difference = true;
	}
	s->coalesce = false;
}

static void start(struct subscription *s)
{
	struct pushing *p = calloc(1, sizeof(*p));

	if (!p) {
		connection_close(s->connection, "no memory");
		return;
	}
	p->subscription = s;
	s->refs++;
	s->busy = true;
	p->work.run = make;
	p->work.done = made;
	collect(p);
	if (!is_quick(p)) {
		server_work(&p->work);
		return;
	}
	make(&p->work);
	made(&p->work);
}

void push_to(struct subscription *s)
{
	while (s->connection && !*s->connection->doomed && !s->busy && s->tick < batches_last()) {
		bool dropping;

		if (subscription_is_held(s, &dropping)) {
			if (dropping)
				s->tick = batches_last();
			else
				s->coalesce = true;
			return;
		}
		start(s);
		if (!s->busy && *s->connection->doomed)
			return;
	}
}

void push_all(void)
{
	struct subscription *s;

	jobs_tell_opened();
	TAILQ_FOREACH(s, &server.subscriptions, link)
	push_to(s);
}
