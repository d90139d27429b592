#include "cli/services.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "core/config.h"
#include <string.h>

bool services_configured(const char *tree)
{
	AUTO_BUF path = { 0 };

	return buf_printf(&path, "%s/" CONFIG_FILE_NAME, tree) == 0 && access(path.data, F_OK) == 0;
}

int services_start(const struct launch_mount *m, char *const *command, json_t **ready)
{
	AUTO_BUF error = { 0 };
	AUTO_STRV argv = { 0 };
	int r = launch_supervisor_argv(m, &argv, &error);

	if (r == 0)
		r = launch_supervisor(&argv, command, ready, &error);
	if (r == 0)
		return CLI_OK;
	say_error("%s", error.len ? error.data : strerror(-r));
	return CLI_FAILED;
}

bool services_say_not_started(const json_t *ready, const char *source)
{
	const json_t *list = json_object_get(ready, "not_started");
	AUTO_BUF word = { 0 };
	size_t i;
	json_t *s;

	if (!json_array_size(list))
		return false;
	json_array_foreach(list, i, s)
	{
		const char *run = json_string_value(json_object_get(s, "run"));
		const char *reason = json_string_value(json_object_get(s, "reason"));
		const char *name = json_string_value(json_object_get(s, "service"));
		AUTO_BUF command = { 0 };

		say_safe(&command, run ? run : "");
		say_note("not started: %s%s%s%s%s%s", name ? name : "?", command.len ? ": " : "", buf_str(&command),
			 reason ? " (" : "", reason ? reason : "", reason ? ")" : "");
	}
	say_word(&word, source);
	say_note("to look at " CONFIG_FILE_NAME " and start what it says: hrfs trust %s", buf_str(&word));
	return true;
}

bool services_say_config_error(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "config_error"));
	AUTO_BUF safe = { 0 };

	if (!error || say_safe(&safe, error) < 0)
		return false;
	say_error("%s", buf_str(&safe));
	return true;
}

int services_names(const json_t *ready, struct buf *out)
{
	const json_t *list = json_object_get(ready, "services");
	int r = buf_puts(out, "");
	size_t i;
	json_t *s;

	json_array_foreach(list, i, s)
	{
		if (r == 0 && i)
			r = buf_puts(out, ", ");
		if (r == 0 && json_string_value(s))
			r = say_safe(out, json_string_value(s));
	}
	return r;
}
