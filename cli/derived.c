#include "cli/derived.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "cli/say.h"
#include "core/base/path.h"
#include "core/config.h"
#include <errno.h>
#include <string.h>

/* ---- nothing there ---- */

static const struct {
	const char *file, *command;
} likely[] = {
	{ "go.mod", "go run ." },      { "package.json", "npm start" },
	{ "Cargo.toml", "cargo run" }, { "manage.py", "./manage.py runserver" },
	{ "Makefile", "make run" },
};

/* A project whose parts are started from its own directory, when that is above the one that one stands in. */
static bool say_above(const char *word, const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(likely); i++) {
		AUTO_BUF found = { 0 };
		AUTO_BUF safe = { 0 };

		if (project_find_up(dir, likely[i].file, &found) < 0 || strcmp(found.data, dir) == 0)
			continue;
		say_word(&safe, found.data);
		say_error("%s: nothing here says what to run; there is a %s above: hrfs %s --source %s", word,
			  likely[i].file, word, buf_str(&safe));
		return true;
	}
	return false;
}

static int say_nothing(const char *word, const char *dir, const struct derived *d)
{
	const char *command = "COMMAND";

	for (size_t i = 0; i < d->notes.count; i++)
		say_note("left out: %s", d->notes.items[i]);
	for (size_t i = 0; i < ARRAY_SIZE(likely); i++) {
		AUTO_BUF found = { 0 };

		if (project_find_up(dir, likely[i].file, &found) == 0 && strcmp(found.data, dir) == 0) {
			command = likely[i].command;
			break;
		}
	}
	if (strcmp(command, "COMMAND") != 0 || !say_above(word, dir))
		say_error("%s: neither a command nor, here or above, an " CONFIG_FILE_NAME
			  ", nor anything from which services could be derived; say what to run: hrfs %s -- %s",
			  word, word, command);
	return CLI_USAGE;
}

int derived_find(const char *word, const char *dir, const char *at, char *const *command, struct derived *d)
{
	AUTO_BUF error = { 0 };
	AUTO_BUF place = { 0 };
	int r = command ? derive_command(dir, command, d, &error) : derive(dir, at, d, &error);

	if (r == 0)
		r = *at ? path_join(&place, dir, at) : buf_puts(&place, dir);

	if (r < 0) {
		say_error("%s: %s", word, error.len ? error.data : strerror(-r));
		return CLI_FAILED;
	}
	return d->count ? CLI_OK : say_nothing(word, place.data, d);
}

int derived_text(const struct derived *d, struct buf *text)
{
	int r = derive_print(d, text);

	if (r == 0)
		return CLI_OK;
	say_error("%s", r == -EINVAL ? "a name or a command here is no UTF-8, which hrfs.yaml must be" : strerror(-r));
	return CLI_FAILED;
}
