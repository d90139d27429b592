#include "cli/outcome.h"
#include "cli/say.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* longer than what the server was told, so that its answer comes first */
#define GRACE_MS 5000

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
	if (!as_json)
		tell_failures(services);
	return CLI_FAILED;
}

int outcome_wait(struct ask *a, const char *clock, int64_t timeout_ms, bool as_json)
{
	json_t *o = json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms);
	json_t *answer;
	int r;

	if (clock)
		json_object_set_new(o, "clock", json_bytes(clock));
	r = ask_call(a, ask_request(a, "hrfs-wait", o), timeout_ms + GRACE_MS, &answer);
	if (r != CLI_OK)
		return r;
	r = judge(answer, as_json);
	json_decref(answer);
	return r;
}
