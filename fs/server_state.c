/* States that clients assert (a checkout is under way): subscriptions may hold back or drop while one is in force. */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

struct state_held {
	struct waiter waiter; /* until what was changed before has been told */
	TAILQ_ENTRY(state_held) link;
	struct connection *connection; /* NULL: it is being left */
	char *name, *root;
	json_t *metadata;
	bool in_force, waiting, abandoned;
};

static TAILQ_HEAD(, state_held) states = TAILQ_HEAD_INITIALIZER(states);

static struct state_held *find(const char *name)
{
	struct state_held *s;

	TAILQ_FOREACH(s, &states, link)
	{
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

bool state_is_asserted(const char *name)
{
	struct state_held *s = find(name);

	return s && s->in_force;
}

static void free_state(struct state_held *s)
{
	TAILQ_REMOVE(&states, s, link);
	if (s->waiting)
		waiter_remove(&s->waiter);
	json_decref(s->metadata);
	free(s->name);
	free(s->root);
	free(s);
}

/* to every subscription: key is state-enter or state-leave */
static void broadcast(const struct state_held *state, const char *key, bool abandoned)
{
	char clock[CLOCK_TEXT_SIZE];
	struct subscription *s;

	TAILQ_FOREACH(s, &server.subscriptions, link)
	{
		json_t *o = json_pack("{s:s,s:b,s:s,s:o,s:s,s:s}", "version", WATCHMAN_VERSION, "unilateral", 1,
				      "subscription", s->name, "root", json_bytes(s->root), "clock",
				      server_clock(server_tick(), clock), key, state->name);

		if (o && state->metadata)
			json_object_set(o, "metadata", state->metadata);
		if (o && abandoned)
			json_object_set_new(o, "abandoned", json_true());
		connection_push_object(s->connection, o);
	}
}

static void entered(struct waiter *w, bool in_time)
{
	struct state_held *s = (struct state_held *)w;

	s->waiting = false;
	s->in_force = true;
	broadcast(s, "state-enter", false);
}

static void left(struct waiter *w, bool in_time)
{
	struct state_held *s = (struct state_held *)w;

	s->waiting = false;
	if (!s->in_force) /* left before it had begun */
		broadcast(s, "state-enter", false);
	broadcast(s, "state-leave", s->abandoned);
	free_state(s);
	server_look_again(); /* what was held back */
}

/* What was changed up to now is before the state's beginning, or before its end. */
static void wait_then(struct state_held *s, void (*done)(struct waiter *w, bool in_time))
{
	if (s->waiting)
		waiter_remove(&s->waiter);
	s->waiter = (struct waiter){ .tick = server_tick(), .deadline_ms = -1, .done = done };
	s->waiting = true;
	waiter_add(&s->waiter);
}

static void leave(struct state_held *s)
{
	s->connection->states--;
	s->connection = NULL;
	wait_then(s, left);
}

void states_of_connection_end(struct connection *c)
{
	struct state_held *s;

	TAILQ_FOREACH(s, &states, link)
	{
		if (s->connection == c) {
			s->abandoned = true;
			leave(s);
		}
	}
}

/* ---- commands ---- */

/* a name, or {"name","metadata"}; false: answered */
static bool read_arguments(struct request *r, const char **name, json_t **metadata)
{
	json_t *value = request_option(r, 0);

	*name = json_string_value(json_is_object(value) ? json_object_get(value, "name") : value);
	*metadata = json_object_get(value, "metadata");
	if (json_array_size(r->args) == 3 && *name && **name)
		return true;
	answer_error(r->answer, "%s: takes a state's name, or an object with 'name' and perhaps 'metadata'", r->name);
	request_free(r);
	return false;
}

static struct state_held *new_state(struct request *r, const char *name, json_t *metadata)
{
	struct state_held *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->connection = r->connection;
	s->connection->states++;
	s->name = strdup(name);
	s->root = strdup(r->root);
	s->metadata = json_incref(metadata);
	TAILQ_INSERT_TAIL(&states, s, link);
	if (s->name && s->root)
		return s;
	s->connection->states--;
	free_state(s);
	return NULL;
}

static void answer(struct request *r, const char *name)
{
	answer_object(r->answer, json_pack("{s:o,s:s}", "root", json_bytes(r->root), r->name, name));
	request_free(r);
}

void cmd_state_enter(struct request *r)
{
	struct state_held *s;
	const char *name;
	json_t *metadata;

	if (!read_arguments(r, &name, &metadata))
		return;
	if (find(name)) {
		answer_error(r->answer, "state %.100s is already asserted", name);
		request_free(r);
		return;
	}
	s = r->connection->states < STATES_MAX ? new_state(r, name, metadata) : NULL;
	if (!s) {
		answer_error(r->answer, "state-enter: too many states (64 at most)");
		request_free(r);
		return;
	}
	answer(r, name);
	wait_then(s, entered);
}

void cmd_state_leave(struct request *r)
{
	struct state_held *s;
	const char *name;
	json_t *metadata;

	if (!read_arguments(r, &name, &metadata))
		return;
	s = find(name);
	if (!s || s->connection != r->connection) {
		answer_error(r->answer,
			     s ? "state %.100s was not asserted by this session" : "state %.100s is not asserted",
			     name);
		request_free(r);
		return;
	}
	json_decref(s->metadata);
	s->metadata = json_incref(metadata);
	answer(r, name);
	leave(s);
}
