#include "cli/outcome.h"
#include "cli/say.h"
#include "cli/services.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* longer than what the server was told, so that its answer comes first */
#define GRACE_MS 5000
#define PATIENCE_MS 3000 /* after which it says what it waits for */

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static void tell_failures(const json_t *services)
{
	size_t i;
	json_t *s;

	json_array_foreach(services, i, s)
	{
		const char *error = json_string_value(json_object_get(s, "error"));

		if (!error)
			continue;
		say_error("%s: %s", text_of(s, "name"), text_of(s, "summary"));
		if (strstr(text_of(s, "summary"), error))
			continue; /* there is no text of a compiler: the line has said it all */
		fprintf(stderr, "%s%s", error, *error && error[strlen(error) - 1] != '\n' ? "\n" : "");
	}
}

static void tell_unfinished(const json_t *services)
{
	size_t i;
	json_t *s;

	say_error("not done in time");
	json_array_foreach(services, i, s) fprintf(stderr, "  %s: %s\n", text_of(s, "name"), text_of(s, "summary"));
}

static bool timed_out(const json_t *answer)
{
	return json_is_true(json_object_get(answer, "timed_out")) || json_is_false(json_object_get(answer, "settled"));
}

static int judge(const json_t *answer, bool as_json)
{
	const json_t *services = json_object_get(answer, "services");

	if (as_json)
		say_json(answer);
	if (timed_out(answer)) {
		if (!as_json)
			tell_unfinished(services);
		return CLI_TIMEOUT;
	}
	if (!json_is_false(json_object_get(answer, "ok")))
		return CLI_OK;
	if (!as_json) {
		tell_failures(services);
		services_say_config_error(answer);
	}
	return CLI_FAILED;
}

static bool is_under_way(const char *state)
{
	return strcmp(state, "building") == 0 || strcmp(state, "starting") == 0 || strcmp(state, "stopping") == 0;
}

/* Whoever stands before a prompt that does not come back is told why, once. */
static void tell_slow(struct ask *a)
{
	AUTO_BUF error = { 0 };
	struct client *client;
	json_t *answer, *s;
	size_t i;

	/* the first connection owes its answer */
	if (client_connect(a->mount.socket, &client, &error) < 0)
		return;
	if (client_call(client, ask_request(a, "hrfs-services", NULL), GRACE_MS, &answer) == 0) {
		json_array_foreach(json_object_get(answer, "services"), i, s)
		{
			if (is_under_way(text_of(s, "state")))
				say_note("waits for %s: %s", text_of(s, "name"), text_of(s, "summary"));
		}
		json_decref(answer);
	}
	client_free(client);
}

static void tell_nothing(struct ask *a)
{
}

int outcome_wait(struct ask *a, const char *clock, int64_t timeout_ms, bool as_json)
{
	json_t *o = json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms);
	json_t *answer;
	int r;

	if (clock)
		json_object_set_new(o, "clock", json_bytes(clock));
	r = ask_call_slow(a, ask_request(a, "hrfs-wait", o), timeout_ms + GRACE_MS, PATIENCE_MS,
			  as_json ? tell_nothing : tell_slow, &answer);
	if (r != CLI_OK)
		return r;
	r = judge(answer, as_json);
	json_decref(answer);
	return r;
}
