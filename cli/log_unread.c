#include "cli/log_unread.h"
#include <string.h>

static json_t *names_of(const json_t *batches)
{
	json_t *names = json_array(), *batch, *change;
	size_t i, k;

	json_array_foreach(batches, i, batch)
	{
		json_array_foreach(json_object_get(batch, "changes"), k, change)
		{
			const char *reason = json_string_value(json_object_get(change, "reason"));

			if (reason && strcmp(reason, "changed") == 0)
				json_array_append(names, json_object_get(change, "name"));
		}
	}
	return names;
}

static void mark(json_t *batches, const json_t *unread)
{
	json_t *set = json_object(), *one, *batch, *change;
	size_t i, k;

	json_array_foreach(unread, i, one) json_object_set_new(set, json_string_value(one), json_true());
	json_array_foreach(batches, i, batch)
	{
		json_array_foreach(json_object_get(batch, "changes"), k, change)
		{
			const char *name = json_string_value(json_object_get(change, "name"));

			if (name && json_object_get(set, name))
				json_object_set_new(change, "unread", json_true());
		}
	}
	json_decref(set);
}

void log_mark_unread(struct ask *a, json_t *batches)
{
	json_t *request = ask_request(a, "hrfs-deps", json_pack("{s:o}", "paths", names_of(batches)));
	json_t *answer;

	if (ask_call_supervisor(a, request, ASK_TIMEOUT_MS, &answer) != CLI_OK)
		return;
	mark(batches, json_object_get(answer, "unread"));
	json_decref(answer);
}
