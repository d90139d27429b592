/* Requests: which command, may this client, and about which root. */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

static const struct command {
	const char *name;
	command_fn *run;
	int flags;
} commands[] = {
	{ "clock", cmd_clock, COMMAND_ROOT | COMMAND_OPEN | COMMAND_NOW },
	{ "find", cmd_find, COMMAND_ROOT | COMMAND_NOW },
	{ "flush-subscriptions", cmd_flush, COMMAND_ROOT | COMMAND_NOW },
	{ "get-config", cmd_get_config, COMMAND_ROOT | COMMAND_OPEN },
	{ "get-pid", cmd_get_pid, COMMAND_OPEN },
	{ "get-sockname", cmd_get_sockname, COMMAND_OPEN },
	{ "hrfs-detach", cmd_detach, COMMAND_ROOT },
	{ "hrfs-foreign", cmd_foreign, COMMAND_ROOT },
	{ "hrfs-history", cmd_history, COMMAND_ROOT | COMMAND_NOW },
	{ "hrfs-job-add", cmd_job_add, COMMAND_ROOT },
	{ "hrfs-job-names", cmd_job_names, COMMAND_ROOT },
	{ "hrfs-job-remove", cmd_job_remove, COMMAND_ROOT },
	{ "hrfs-register", cmd_register, COMMAND_ROOT },
	{ "hrfs-reply", cmd_reply, 0 },
	{ "hrfs-settle", cmd_settle, COMMAND_ROOT | COMMAND_OPEN | COMMAND_NOW },
	{ "hrfs-state", cmd_state, COMMAND_ROOT | COMMAND_NOW },
	{ "hrfs-status", cmd_status, COMMAND_ROOT | COMMAND_OPEN },
	{ "hrfs-upgrade", cmd_upgrade, COMMAND_ROOT },
	{ "list-capabilities", cmd_list_capabilities, COMMAND_OPEN },
	{ "log-level", cmd_log_level, 0 },
	{ "query", cmd_query, COMMAND_ROOT | COMMAND_NOW },
	{ "since", cmd_since, COMMAND_ROOT | COMMAND_NOW },
	{ "state-enter", cmd_state_enter, COMMAND_ROOT | COMMAND_NOW },
	{ "state-leave", cmd_state_leave, COMMAND_ROOT | COMMAND_NOW },
	{ "subscribe", cmd_subscribe, COMMAND_ROOT },
	{ "unsubscribe", cmd_unsubscribe, COMMAND_ROOT },
	{ "version", cmd_version, COMMAND_OPEN },
	{ "watch", cmd_watch, COMMAND_ROOT | COMMAND_OPEN },
	{ "watch-del", cmd_watch_del, COMMAND_ROOT },
	{ "watch-list", cmd_watch_list, COMMAND_OPEN },
	{ "watch-project", cmd_watch_project, COMMAND_ROOT | COMMAND_OPEN },
};

const char *command_name(size_t n)
{
	return n < ARRAY_SIZE(commands) ? commands[n].name : NULL;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

void request_free(struct request *r)
{
	json_decref(r->args);
	free(r->root);
	connection_unref(r->connection);
	free(r);
}

/* the client may have left while its root was looked for, or others' changes were waited for */
static void on_gone(struct answer *a)
{
	struct request *r = a->maker;

	r->answer = NULL;
}

void request_go_on(struct request *r)
{
	if (supervisor_takes(r))
		return;
	answer_error(r->answer,
		     "no supervisor is running for this mount: start one with hrfs run, or hrfs mount SRC -- COMMAND");
	request_free(r);
}

static void run(struct request *r, int result)
{
	const struct command *c = find(r->name);

	if (!r->answer) {
		request_free(r);
		return;
	}
	r->answer->abandon = NULL;
	if (result < 0) {
		const char *path = json_string_value(json_array_get(r->args, 1));

		answer_error(r->answer, "RootResolveError: unable to resolve root %s: directory %s is not watched",
			     path, path);
		request_free(r);
	} else if (c) {
		c->run(r);
	} else {
		request_go_on(r);
	}
}

/* false: answered */
static bool is_known_and_allowed(struct request *r, const struct command *c)
{
	bool open = c && (c->flags & COMMAND_OPEN);

	if (!c && !supervisor_claims(r->name)) {
		answer_error(r->answer, "failed to validate command: unknown command %.100s", r->name);
		return false;
	}
	if (r->connection->trusted || open)
		return true;
	answer_error(r->answer, "%.100s: only the mount's owner (user %u) and root may ask this", r->name,
		     server.o.owner);
	return false;
}

static void resolve(struct request *r)
{
	const char *path = json_string_value(json_array_get(r->args, 1));

	if (path && r->answer) {
		root_resolve(r, path, run);
		return;
	}
	if (r->answer)
		answer_error(r->answer,
			     "failed to validate command: the second element of %.100s must be the root, an absolute path",
			     r->name);
	request_free(r);
}

static bool is_about_now(const struct request *r, const struct command *c)
{
	return c ? c->flags & COMMAND_NOW : strcmp(r->name, "hrfs-wait") == 0;
}

void request_take(struct connection *c, json_t *args)
{
	struct request *r = calloc(1, sizeof(*r));
	const struct command *command;

	if (!r || !(r->answer = answer_new(c))) {
		free(r);
		json_decref(args);
		connection_close(c, "no memory");
		return;
	}
	r->args = args;
	r->connection = c;
	r->name = json_string_value(json_array_get(args, 0));
	r->tick = server_tick();
	r->answer->maker = r;
	r->answer->abandon = on_gone;
	connection_ref(c);
	command = find(r->name);
	if (!is_known_and_allowed(r, command)) {
		request_free(r);
		return;
	}
	if (command && !(command->flags & COMMAND_ROOT)) {
		run(r, 0);
		return;
	}
	if (is_about_now(r, command))
		request_when_told(r, resolve);
	else
		resolve(r);
}

/* ---- arguments ---- */

json_t *request_option(const struct request *r, size_t n)
{
	return json_array_get(r->args, 2 + n);
}

int request_clock(struct request *r, const json_t *options, tick_t *out)
{
	const json_t *value = json_object_get(options, "clock");
	struct clock c;

	*out = r->tick;
	if (!value)
		return 0;
	if (!json_is_string(value) || clock_parse(json_string_value(value), &c) < 0) {
		answer_error(r->answer, "%s: \"clock\" must be a clock as hrfs clock prints it (c:…)", r->name);
		return -EINVAL;
	}
	if (clock_same_journal(&c, &server.clock) && c.tick < r->tick)
		*out = c.tick;
	return 0;
}

int request_time_out(struct request *r, const json_t *options, int64_t *out)
{
	const json_t *value = json_object_get(options, "timeout_ms");

	*out = -1;
	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > INT32_MAX) {
		answer_error(r->answer, "%s: \"timeout_ms\" must be a number of milliseconds", r->name);
		return -EINVAL;
	}
	*out = json_integer_value(value);
	return 0;
}
