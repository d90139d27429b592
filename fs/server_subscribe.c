/* subscribe and unsubscribe. What subscribers are told later is in server_push.c. */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

static void fail(struct request *r, const char *text)
{
	answer_error(r->answer, "%s", text);
	request_free(r);
}

/* ---- lives ---- */

void subscription_unref(struct subscription *s)
{
	if (--s->refs)
		return;
	query_free(s->query);
	strv_done(&s->defer);
	strv_done(&s->drop);
	buf_done(&s->raw_paths);
	free(s->name);
	free(s->root);
	free(s->path);
	free(s);
}

void subscription_end(struct subscription *s)
{
	TAILQ_REMOVE(&server.subscriptions, s, link);
	server.subscription_count--;
	s->connection->subscriptions--;
	s->connection = NULL;
	if (s->raw)
		raw_count(-1);
	subscription_unref(s);
}

struct subscription *subscription_find(struct connection *c, const char *name)
{
	struct subscription *s;

	TAILQ_FOREACH(s, &server.subscriptions, link)
	{
		if (s->connection == c && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

void subscriptions_of_connection_end(struct connection *c)
{
	struct subscription *s = TAILQ_FIRST(&server.subscriptions);

	while (s) {
		struct subscription *next = TAILQ_NEXT(s, link);

		if (s->connection == c)
			subscription_end(s);
		s = next;
	}
}

int subscription_put_head(const struct subscription *s, struct buf *out)
{
	int r = buf_printf(out, "{\"version\":\"%s\",\"unilateral\":true,\"subscription\":", WATCHMAN_VERSION);

	if (r == 0)
		r = protocol_put_string(out, s->name, NULL);
	if (r == 0)
		r = buf_puts(out, ",\"root\":");
	if (r == 0)
		r = protocol_put_string(out, s->root, NULL);
	return r < 0 ? r : buf_putc(out, ',');
}

/* ---- what is asked for ---- */

static int names(const json_t *spec, const char *key, struct strv *out)
{
	const json_t *list = json_object_get(spec, key);

	if (list && !json_is_array(list))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		int r = name && i < STATES_MAX ? strv_add(out, name) : -EINVAL;

		if (r < 0)
			return r;
	}
	return 0;
}

static int flag(const json_t *spec, const char *key, bool otherwise, bool *out)
{
	const json_t *value = json_object_get(spec, key);

	if (value && !json_is_boolean(value))
		return -EINVAL;
	*out = value ? json_is_true(value) : otherwise;
	return 0;
}

/* The keys of a subscription beside its query's. NULL, or what is wrong with them */
static const char *read_spec(struct subscription *s, const json_t *spec)
{
	if (names(spec, "defer", &s->defer) < 0)
		return "defer field must be an array of strings";
	if (names(spec, "drop", &s->drop) < 0)
		return "drop field must be an array of strings";
	if (flag(spec, "hrfs-batches", false, &s->batches) < 0)
		return "hrfs-batches must be boolean";
	if (flag(spec, "hrfs-raw", false, &s->raw) < 0)
		return "hrfs-raw must be boolean";
	/* settling waits for git already; whoever asks for batches wants them all */
	if (flag(spec, "defer_vcs", !s->batches, &s->defer_vcs) < 0)
		return "defer_vcs must be boolean";
	return NULL;
}

static json_t *asserted(const struct subscription *s)
{
	const struct strv *lists[] = { &s->defer, &s->drop };
	json_t *found = json_array();

	for (size_t n = 0; n < ARRAY_SIZE(lists); n++) {
		for (size_t i = 0; i < lists[n]->count; i++) {
			if (state_is_asserted(lists[n]->items[i]))
				json_array_append_new(found, json_string(lists[n]->items[i]));
		}
	}
	return found;
}

/* ---- the beginning ---- */

static void initial_done(struct file_job *j)
{
	struct subscription *s = j->subscription;

	s->busy = false;
	if (j->told || j->fresh)
		s->pushed++;
	server_look_again();
}

/* What it is told first: all files, or what has changed since its clock. */
static int start_initial(struct connection *c, struct subscription *s, tick_t now)
{
	struct answer *a = answer_new(c);
	struct file_job *j = a ? job_new(c, a) : NULL;
	char clock[CLOCK_TEXT_SIZE];
	int r = -ENOMEM;

	if (!j)
		return r;
	j->root = strdup(s->path);
	j->query = s->query;
	j->subscription = s;
	j->all_told = true;
	j->now = j->upto = now; /* what comes later is told as it settles */
	j->skip_empty = true;
	j->done = initial_done;
	job_set_since(j, &s->query->since);
	if (j->root)
		r = subscription_put_head(s, &j->head);
	if (r == 0 && !j->fresh && s->query->since.kind == QUERY_CLOCK)
		r = buf_printf(&j->head, "\"since\":\"%s\",", server_clock(j->since, clock));
	s->refs++;
	s->busy = true;
	job_start(j);
	return r;
}

/* Where it begins: what has been published is told at first, the rest as it settles. */
static tick_t set_start(struct subscription *s)
{
	const struct query_since *since = &s->query->since;

	s->tick = batches_last();
	s->start = 0;
	if (since->kind == QUERY_CLOCK && clock_same_journal(&since->clock, &server.clock))
		s->start = since->clock.tick;
	return s->start > s->tick && s->start <= server_tick() ? s->start : s->tick;
}

static void add(struct request *r, struct subscription *s)
{
	struct connection *c = r->connection;
	struct subscription *old = subscription_find(c, s->name);
	char clock[CLOCK_TEXT_SIZE];
	tick_t now;

	if (old)
		subscription_end(old);
	s->connection = c;
	c->subscriptions++;
	server.subscription_count++;
	TAILQ_INSERT_TAIL(&server.subscriptions, s, link);
	if (s->raw)
		raw_count(1);
	now = set_start(s);
	answer_object(r->answer, json_pack("{s:s,s:s,s:o}", "subscribe", s->name, "clock", server_clock(now, clock),
					   "asserted-states", asserted(s)));
	if (start_initial(c, s, now) < 0)
		connection_close(c, "no memory");
	request_free(r);
}

static struct subscription *make(struct request *r, const char *name, struct query *q)
{
	struct subscription *s = calloc(1, sizeof(*s));

	if (!s) {
		query_free(q);
		return NULL;
	}
	s->refs = 1;
	s->query = q;
	s->name = strdup(name);
	s->root = strdup(r->root);
	s->path = query_root(r->path, q);
	if (s->name && s->root && s->path)
		return s;
	subscription_unref(s);
	return NULL;
}

void cmd_subscribe(struct request *r)
{
	const char *name = json_string_value(request_option(r, 0)), *wrong;
	const json_t *spec = request_option(r, 1);
	AUTO_BUF error = { 0 };
	struct subscription *s;
	struct query *q;

	if (json_array_size(r->args) != 4 || !name) {
		fail(r, name ? "wrong number of arguments for subscribe"
			     : "expected 2nd parameter to be subscription name");
		return;
	}
	if (server.subscription_count >= SUBSCRIPTIONS_MAX) {
		fail(r, "too many subscriptions (256 at most in all)");
		return;
	}
	if (query_parse(spec, &q, &error) < 0) {
		fail(r, error.len ? error.data : "out of memory");
		return;
	}
	s = make(r, name, q);
	wrong = s ? read_spec(s, spec) : "out of memory";
	if (wrong) {
		if (s)
			subscription_unref(s);
		fail(r, wrong);
		return;
	}
	add(r, s);
}

void cmd_unsubscribe(struct request *r)
{
	const char *name = json_string_value(request_option(r, 0));
	struct subscription *s = name ? subscription_find(r->connection, name) : NULL;

	if (!name) {
		fail(r, "expected 2nd parameter to be subscription name");
		return;
	}
	if (s)
		subscription_end(s);
	answer_object(r->answer, json_pack("{s:s,s:b}", "unsubscribe", name, "deleted", s != NULL));
	request_free(r);
}
