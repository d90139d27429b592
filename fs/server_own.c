/* hrfs's own commands about the mount itself. */
#include "core/base/proc.h"
#include "fs/server_parts.h"
#include "fs/settle.h"
#include "fs/sidedoor_heard.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

static void finish(struct request *r, json_t *o)
{
	answer_object(r->answer, o);
	request_free(r);
}

/* The options' object, which may be missing. False: it is something else, and that is answered. */
static bool has_options(struct request *r)
{
	const json_t *options = request_option(r, 0);

	if (!options || json_is_object(options))
		return true;
	answer_error(r->answer, "%s: the third element must be an object", r->name);
	request_free(r);
	return false;
}

/* ---- hrfs-status ---- */

static json_t *journal_status(void)
{
	struct journal_stats stats;

	journal_stats(server.o.journal, &stats);
	return json_pack("{s:I,s:I,s:I,s:I}", "paths", (json_int_t)stats.paths, "states", (json_int_t)stats.states,
			 "marks", (json_int_t)stats.marks, "bytes", (json_int_t)stats.bytes);
}

/* from who might not enter the directories that they lie in */
static void hide_names(json_t *list)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
	{
		json_object_del(one, "name");
		json_object_del(one, "name_b64");
	}
}

void cmd_status(struct request *r)
{
	char clock[CLOCK_TEXT_SIZE], settled_text[CLOCK_TEXT_SIZE], device[32];
	tick_t settled = settle_done();
	/* the keeper is as old as the mount, whichever worker serves it */
	int64_t mount_ms = proc_age_ms(server.o.keeper_pid), worker_ms = server_now_ms() - server.started_ms;
	json_t *o;

	if (settled < batches_last())
		settled = batches_last();
	snprintf(device, sizeof(device), "%u:%u", major(server.device), minor(server.device));
	o = json_pack("{s:s,s:i,s:i,s:I,s:I,s:s,s:s,s:b,s:b,s:o,s:I,s:I,s:b,s:i}", "device", device, "pid",
		      (int)server.o.keeper_pid, "worker_pid", (int)getpid(), "uptime_s",
		      (json_int_t)((mount_ms > worker_ms ? mount_ms : worker_ms) / 1000), "worker_uptime_s",
		      (json_int_t)(worker_ms / 1000), "clock", server_clock(r->tick, clock),
		      "settled", server_clock(settled, settled_text), "exact", heard_since(r->tick), "allow_other", server.o.allow_other,
		      "journal", journal_status(), "connections", (json_int_t)server.connection_count, "subscriptions",
		      (json_int_t)server.subscription_count, "supervisor", supervisor_is_there(), "owner",
		      (int)server.o.owner);
	if (o) {
		json_set_bytes(o, "source", server.o.source);
		json_set_bytes(o, "mountpoint", server.o.mountpoint);
		if (server.o.status)
			server.o.status(o);
		if (!r->connection->trusted) {
			hide_names(json_object_get(o, "slow"));
			hide_names(json_object_get(json_object_get(o, "sidedoor"), "not_watched"));
			json_object_del(json_object_get(o, "upgrade"), "error");
		}
	}
	finish(r, o);
}

/* ---- hrfs-settle ---- */

struct settling {
	struct waiter waiter;
	struct request *request;
	bool for_wait; /* answers what hrfs-wait would */
};

static void settling_free(struct settling *s)
{
	request_free(s->request);
	free(s);
}

static void settling_gone(struct answer *a)
{
	struct settling *s = a->maker;

	waiter_remove(&s->waiter);
	settling_free(s);
}

static void settling_done(struct waiter *w, bool in_time)
{
	struct settling *s = (struct settling *)w;
	struct answer *a = s->request->answer;
	char clock[CLOCK_TEXT_SIZE];
	json_t *o = json_pack("{s:s,s:b}", "clock", server_clock(w->tick, clock), "settled", in_time);

	if (o && s->for_wait) {
		json_object_set_new(o, "ok", json_boolean(in_time));
		json_object_set_new(o, "services", json_array());
	}
	a->abandon = NULL;
	settling_free(s);
	answer_object(a, o);
}

static void settle(struct request *r, bool for_wait)
{
	struct settling *s;
	int64_t time_out;
	tick_t tick;

	if (!has_options(r))
		return;
	if (request_clock(r, request_option(r, 0), &tick) < 0 ||
	    request_time_out(r, request_option(r, 0), &time_out) < 0) {
		request_free(r);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		answer_error(r->answer, "out of memory");
		request_free(r);
		return;
	}
	s->request = r;
	s->for_wait = for_wait;
	s->waiter = (struct waiter){
		.tick = tick,
		.patient = !r->connection->trusted, /* else anybody could have half of what is being written published */
		.deadline_ms = time_out < 0 ? -1 : server_now_ms() + time_out,
		.connection = r->connection,
		.done = settling_done,
	};
	r->answer->maker = s;
	r->answer->abandon = settling_gone;
	waiter_add(&s->waiter);
}

void cmd_settle(struct request *r)
{
	settle(r, false);
}

void settle_for_wait(struct request *r)
{
	settle(r, true);
}

/* ---- hrfs-history ---- */

#define HISTORY_MAX 1000

struct history {
	struct work work;
	struct request *request;
	struct kept_batch *batches[HISTORY_MAX];
	size_t count, first;
	struct buf text;
	int result;
};

static void history_gone(struct answer *a)
{
	struct history *h = a->maker;

	h->request->answer = NULL;
}

static void history_make(struct work *w)
{
	struct history *h = (struct history *)w;
	int r = buf_printf(&h->text, "{\"version\":\"%s\",\"batches\":[", WATCHMAN_VERSION);

	for (size_t i = h->first; r == 0 && i < h->count; i++) {
		const struct buf *text = batch_text(h->batches[i]);

		r = i > h->first ? buf_putc(&h->text, ',') : 0;
		if (r == 0)
			r = text ? buf_put(&h->text, text->data, text->len) : -ENOMEM;
	}
	h->result = r < 0 ? r : buf_puts(&h->text, "]}\n");
}

static void history_done(struct work *w)
{
	struct history *h = (struct history *)w;
	struct answer *a = h->request->answer;

	for (size_t i = 0; i < h->count; i++)
		batch_unref(h->batches[i]);
	if (a) {
		a->abandon = NULL;
		if (h->result == 0) {
			answer_text(a, &h->text, false);
			answer_end(a);
		} else {
			answer_error(a, "out of memory");
		}
	}
	buf_done(&h->text);
	request_free(h->request);
	free(h);
}

static bool history_arguments(struct request *r, size_t *limit, tick_t *since)
{
	const json_t *options = request_option(r, 0);
	const json_t *number = json_object_get(options, "limit"), *clock = json_object_get(options, "since");
	struct clock c;

	*limit = HISTORY_MAX;
	*since = 0;
	if (number && (!json_is_integer(number) || json_integer_value(number) < 0)) {
		answer_error(r->answer, "hrfs-history: \"limit\" must be a number");
		return false;
	}
	if (number && json_integer_value(number) < HISTORY_MAX)
		*limit = (size_t)json_integer_value(number);
	if (!clock)
		return true;
	if (!json_is_string(clock) || clock_parse(json_string_value(clock), &c) < 0) {
		answer_error(r->answer, "hrfs-history: \"since\" must be a clock (c:…)");
		return false;
	}
	if (clock_same_journal(&c, &server.clock))
		*since = c.tick;
	return true;
}

void cmd_history(struct request *r)
{
	struct history *h;
	bool complete;
	size_t limit;
	tick_t since;

	if (!has_options(r))
		return;
	if (!history_arguments(r, &limit, &since)) {
		request_free(r);
		return;
	}
	h = calloc(1, sizeof(*h));
	if (!h) {
		answer_error(r->answer, "out of memory");
		request_free(r);
		return;
	}
	h->count = batches_after(since, h->batches, HISTORY_MAX, &complete);
	h->first = h->count > limit ? h->count - limit : 0;
	h->request = r;
	h->work.run = history_make;
	h->work.done = history_done;
	r->answer->maker = h;
	r->answer->abandon = history_gone;
	server_work(&h->work);
}

/* ---- hrfs-detach ---- */

void cmd_detach(struct request *r)
{
	server_say(LOG_INFO, "event=detach_asked pid=%d uid=%u", r->connection->peer.pid, r->connection->peer.uid);
	finish(r, json_pack("{s:b}", "detaching", 1));
	if (server.o.detach)
		server.o.detach();
}
