#include "cli/question.h"
#include "cli/say.h"
#include <string.h>

static bool is_service(struct ask *a, const char *word)
{
	json_t *answer;
	json_t *services, *s;
	bool found = false;
	size_t i;

	if (ask_call_supervisor(a, ask_request(a, "hrfs-services", NULL), ASK_TIMEOUT_MS, &answer) != CLI_OK)
		return false;
	services = json_object_get(answer, "services");
	json_array_foreach(services, i, s)
	{
		const char *name = json_string_value(json_object_get(s, "name"));

		found = found || (name && strcmp(name, word) == 0);
	}
	json_decref(answer);
	return found;
}

int question_about(struct ask *a, const char *command, const char *word, json_t **out)
{
	AUTO_BUF path = { 0 };
	int r;

	*out = json_object();
	if (is_service(a, word)) {
		json_object_set_new(*out, "service", json_bytes(word));
		return CLI_OK;
	}
	r = ask_path(a, word, &path);
	if (r == 0)
		r = json_set_bytes(*out, "path", path.data);
	if (r == 0)
		return CLI_OK;
	json_decref(*out);
	*out = NULL;
	say_error("%s: '%s' is no service here, and no path in %s", command, word, a->mount.mountpoint);
	return CLI_FAILED;
}
