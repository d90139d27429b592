/*
 * Lists of files. Short ones are made on libuv's pool; what turns out long, and every walk of the
 * tree, goes on a thread of its own, which waits while the client is slow: the text of a large tree
 * is never in memory as a whole.
 */
#include "core/base/map.h"
#include "fs/server_parts.h"
#include "fs/settle.h"
#include "fs/sidedoor_heard.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

#define POOL_TEXT_MAX (256UL * 1024) /* beyond: a thread */
#define AHEAD_MAX (1024UL * 1024)    /* text that the client has not taken yet */
#define PIECE (32UL * 1024)
#define STACK (512UL * 1024)

#define TOO_LONG 1 /* for the pool */

struct making { /* the maker's side of a job */
	struct file_job *job;
	struct files files;
	struct buf text;
	struct map told; /* names, where two generators may find the same */
	bool remember;
};

/* ---- from the maker to the loop ---- */

static void on_piece(struct call *call);

static void tell_locked(struct file_job *j)
{
	if (j->called)
		return;
	j->called = true;
	j->call.fn = on_piece;
	server_call(&j->call);
}

/* Hands text over; a thread waits here for a slow client. -ECANCELED: it is gone */
static int hand_over(struct making *m)
{
	struct file_job *j = m->job;
	int r;

	pthread_mutex_lock(&j->lock);
	while (j->may_block && j->out.len > AHEAD_MAX && !atomic_load(&j->cancelled))
		pthread_cond_wait(&j->room, &j->lock);
	r = atomic_load(&j->cancelled) ? -ECANCELED : buf_put(&j->out, m->text.data, m->text.len);
	if (j->may_block)
		tell_locked(j);
	pthread_mutex_unlock(&j->lock);
	buf_truncate(&m->text, 0);
	return r;
}

static int begin(struct making *m)
{
	struct file_job *j = m->job;
	char clock[CLOCK_TEXT_SIZE];

	if (j->begun)
		return 0;
	j->begun = true;
	if (buf_put(&m->text, j->head.data, j->head.len) < 0)
		return -ENOMEM;
	return buf_printf(&m->text, "\"clock\":\"%s\",\"is_fresh_instance\":%s,\"hrfs-exact\":%s,\"files\":[",
			  server_clock(j->now, clock), m->files.fresh ? "true" : "false",
			  j->all_told && heard_since(m->files.fresh ? j->now : j->since) ? "true" : "false");
}

/* A value stands in text from `from` on, behind a comma. */
static int value_put(struct making *m)
{
	struct file_job *j = m->job;

	j->told = true;
	if (!j->may_block && j->out.len + m->text.len > POOL_TEXT_MAX)
		return TOO_LONG;
	return m->text.len >= PIECE ? hand_over(m) : 0;
}

static int put_comma(struct making *m)
{
	int r = begin(m);

	return r == 0 && m->job->told ? buf_putc(&m->text, ',') : r;
}

/* ---- since ---- */

static int on_change(const struct change *c, void *arg)
{
	struct making *m = arg;
	size_t len;
	int r;

	if (atomic_load_explicit(&m->job->cancelled, memory_order_relaxed))
		return -ECANCELED;
	if (c->reason == CHANGE_SAME_CONTENT)
		return 0;
	len = m->text.len;
	r = put_comma(m);
	if (r == 0)
		r = files_list_put_change(&m->files, c, &m->text);
	if (r <= 0) {
		/* the comma was for nothing; the head, once begun, stays */
		if (r == 0 && m->text.len > len && m->job->told)
			buf_truncate(&m->text, len);
		return r;
	}
	if (m->remember)
		map_put(&m->told, c->path, strlen(c->path), m);
	return value_put(m);
}

/* ---- fresh ---- */

static bool may_enter(const char *path, void *arg)
{
	struct making *m = arg;
	const char *name = files_list_name(&m->files, path);

	return !name || query_may_hold(m->files.query, name);
}

static int on_found(struct walk *w, const char *path, enum state_kind kind, void *arg)
{
	struct making *m = arg;
	size_t len = m->text.len;
	int r;

	if (m->remember && map_get(&m->told, path, strlen(path)))
		return 0;
	m->files.walk_fd = w->dir_fd;
	r = put_comma(m);
	if (r == 0)
		r = files_list_put_found(&m->files, path, kind, &m->text);
	if (r <= 0) {
		if (r == 0 && m->text.len > len && m->job->told)
			buf_truncate(&m->text, len);
		return r;
	}
	return value_put(m);
}

static int walk(struct making *m)
{
	struct walk w = {
		.start = m->job->root,
		.cancelled = &m->job->cancelled,
		.enter = may_enter,
		.found = on_found,
		.arg = m,
	};
	uint64_t losses = heard_losses();
	int r;

	r = walk_tree(&w);
	if (r == 0 && !w.partly && !*w.start)
		heard_whole(losses, m->job->now);
	return r;
}

/* ---- the whole ---- */

static int make_since(struct making *m)
{
	struct file_job *j = m->job;
	int r = 0;

	if (j->compare && !j->begun)
		r = settle_compare_now(j->now);
	if (r < 0)
		log_debug("event=compare_now error=%d", r);
	m->remember = query_has_generators(j->query);
	/* what is as it was at the clock, but was another in between, is told: the client may have read that */
	r = journal_touched_since(server.o.journal, j->since, j->upto, on_change, m);
	if (r == 0 && m->remember) {
		/* as Watchman has it: what has changed, and what the generators name */
		m->files.generate = true;
		r = walk(m);
	}
	return r;
}

static int make_fresh(struct making *m)
{
	m->files.fresh = m->files.generate = true;
	if (m->job->query->empty_on_fresh_instance)
		return begin(m);
	/* older clocks are from before something went unheard, and this listing may make up for it from here on */
	if (!m->job->subscription && !m->job->begun && !heard_since(m->job->now))
		m->job->now = journal_take_tick(server.o.journal);
	return walk(m);
}

static int finish_text(struct making *m)
{
	struct file_job *j = m->job;
	int r;

	if (!j->told && j->skip_empty && !m->files.fresh)
		return 0;
	r = begin(m);
	if (r == 0)
		r = buf_puts(&m->text, "]}\n");
	return r < 0 ? r : hand_over(m);
}

static int make(struct file_job *j)
{
	struct making m = { .job = j };
	int r;

	files_list_init(&m.files, j->query, j->root);
	m.files.since = j->since;
	r = j->fresh ? make_fresh(&m) : make_since(&m);
	if (r == 0)
		r = finish_text(&m);
	files_list_done(&m.files);
	buf_done(&m.text);
	map_done(&m.told);
	return r;
}

/* ---- on a thread ---- */

static void *run_thread(void *arg)
{
	struct file_job *j = arg;
	int r = make(j);

	if (r == -ESTALE && !j->begun) {
		j->fresh = true;
		r = make(j);
	}
	pthread_mutex_lock(&j->lock);
	j->result = r;
	j->finished = true;
	tell_locked(j);
	pthread_mutex_unlock(&j->lock);
	return NULL;
}

static void start_thread(struct file_job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	j->may_block = true;
	j->begun = j->told = false;
	buf_truncate(&j->out, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	server.running++;
	r = pthread_create(&thread, &attr, run_thread, j);
	pthread_attr_destroy(&attr);
	if (r == 0)
		return;
	pthread_mutex_lock(&j->lock);
	j->result = -r;
	j->finished = true;
	tell_locked(j);
	pthread_mutex_unlock(&j->lock);
}

/* ---- on the loop ---- */

static void run_next(struct connection *c)
{
	struct file_job *j = STAILQ_FIRST(&c->jobs);

	if (c->job_runs || !j)
		return;
	STAILQ_REMOVE_HEAD(&c->jobs, link);
	c->job_runs = true;
	if (j->fresh || query_has_generators(j->query))
		start_thread(j);
	else
		server_work(&j->work);
}

static void free_job(struct file_job *j)
{
	struct connection *c = j->connection;

	if (j->subscription)
		subscription_unref(j->subscription);
	else
		query_free(j->query);
	pthread_mutex_destroy(&j->lock);
	pthread_cond_destroy(&j->room);
	buf_done(&j->head);
	buf_done(&j->out);
	free(j->root);
	free(j);
	c->job_runs = false;
	run_next(c);
	connection_unref(c);
}

/* The end. An answer that has begun can't be taken back: then the connection ends, and the client knows that it has not all. */
static void conclude(struct file_job *j)
{
	struct answer *a = j->answer;

	if (a) {
		a->more = a->abandon = NULL;
		if (j->result == 0) {
			answer_end(a);
		} else if (!j->begun || !j->may_block) {
			buf_truncate(&j->out, 0);
			answer_error(a, "the files can't be listed: %s", strerror(-j->result));
		} else {
			connection_close(j->connection, strerror(-j->result));
		}
	}
	if (j->done)
		j->done(j);
	free_job(j);
}

/* Moves what is there to the client, as much as it takes; the rest when it has room. */
static void pass_on(struct file_job *j)
{
	struct buf text = { 0 };

	pthread_mutex_lock(&j->lock);
	if (!j->answer || connection_unsent(j->connection) < AHEAD_MAX) {
		text = j->out;
		j->out = (struct buf){ 0 };
		pthread_cond_signal(&j->room);
	}
	pthread_mutex_unlock(&j->lock);
	if (j->answer && text.len)
		answer_text(j->answer, &text, !j->landed);
	buf_done(&text);
	/* nobody else holds it any more, so that out may be looked at */
	if (j->landed && !j->out.len)
		conclude(j);
}

static void on_piece(struct call *call)
{
	struct file_job *j = (struct file_job *)((char *)call - offsetof(struct file_job, call));

	pthread_mutex_lock(&j->lock);
	j->called = false;
	j->landed = j->finished;
	pthread_mutex_unlock(&j->lock);
	if (j->landed)
		server.running--;
	pass_on(j);
}

static void on_room(struct answer *a)
{
	struct file_job *j = a->maker;

	if (j->may_block || j->landed)
		pass_on(j);
}

static void on_gone(struct answer *a)
{
	struct file_job *j = a->maker;

	j->answer = NULL;
	pthread_mutex_lock(&j->lock);
	atomic_store(&j->cancelled, true);
	pthread_cond_signal(&j->room);
	pthread_mutex_unlock(&j->lock);
}

static void run_on_pool(struct work *w)
{
	struct file_job *j = (struct file_job *)((char *)w - offsetof(struct file_job, work));

	j->result = make(j);
}

static void back_from_pool(struct work *w)
{
	struct file_job *j = (struct file_job *)((char *)w - offsetof(struct file_job, work));

	if (j->result == -ESTALE)
		j->fresh = true;
	if ((j->result == -ESTALE || j->result == TOO_LONG) && !atomic_load(&j->cancelled)) {
		start_thread(j);
		return;
	}
	j->landed = true;
	if (j->result == 0)
		pass_on(j);
	else
		conclude(j);
}

struct file_job *job_new(struct connection *c, struct answer *a)
{
	struct file_job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->connection = c;
	j->answer = a;
	j->upto = UINT64_MAX;
	j->work.run = run_on_pool;
	j->work.done = back_from_pool;
	pthread_mutex_init(&j->lock, NULL);
	pthread_cond_init(&j->room, NULL);
	return j;
}

/* a client may ask for any second there is */
static int64_t in_ms(int64_t seconds)
{
	int64_t ms;

	if (__builtin_mul_overflow(seconds, 1000, &ms))
		return seconds < 0 ? INT64_MIN : INT64_MAX;
	return ms;
}

void job_set_since(struct file_job *j, const struct query_since *since)
{
	tick_t tick = 0;

	if (since->kind == QUERY_CLOCK && clock_same_journal(&since->clock, &server.clock) &&
	    since->clock.tick >= journal_oldest(server.o.journal))
		tick = since->clock.tick;
	else if (since->kind != QUERY_TIME || !batches_tick_at(in_ms(since->time), &tick))
		j->fresh = true;
	j->since = tick;
}

void job_start(struct file_job *j)
{
	connection_ref(j->connection);
	if (j->answer) {
		j->answer->maker = j;
		j->answer->more = on_room;
		j->answer->abandon = on_gone;
	}
	STAILQ_INSERT_TAIL(&j->connection->jobs, j, link);
	run_next(j->connection);
}
