/* Procfile, or Procfile.dev where there is one: a service a line. */
#include "core/derive_parts.h"
#include <ctype.h>
#include <string.h>

#define FIRST_PORT 5000 /* as foreman gives them out: a hundred more for each line */

/* "web: npm start": the command; NULL: no such line */
static char *command_of(char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line || isspace((unsigned char)*line) || *line == '#')
		return NULL;
	*colon = '\0';
	if (line[strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")])
		return NULL;
	colon++;
	return colon + strspn(colon, " \t");
}

int derive_procfile(struct derive *d, const struct place *p)
{
	static const char *const files[] = { "Procfile.dev", "Procfile" };
	AUTO_BUF text = { 0 };
	char *rest, *line;
	size_t f = 0;
	int added = 0;

	while (f < ARRAY_SIZE(files) && !place_read(d, p, files[f], &text))
		f++;
	if (f == ARRAY_SIZE(files) || !text.len)
		return 0;
	for (rest = text.data; next_line(&rest, &line);) {
		char *command = command_of(line);
		struct derived_service *s;

		if (!command || !*command)
			continue;
		if (strcmp(line, "release") == 0) {
			derived_note(d, "%s: release runs once, when it is deployed", files[f]);
			continue;
		}
		s = derived_add(d, p, line, files[f]);
		if (!s)
			break;
		if (strcmp(line, "web") == 0 || strstr(command, "$PORT") || strstr(command, "${PORT"))
			s->port = FIRST_PORT + 100 * added;
		derived_command(d, p, s, command);
		added++;
	}
	if (added && place_has(d, p, ".env"))
		derived_note(d, ".env: say what is needed of it in env:");
	return added;
}
