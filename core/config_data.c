/* The plain data of a configuration: finding, comparing, freeing; and the nearest word to a misspelt one. */
#include "core/config_keys.h"
#include <errno.h>
#include <string.h>

static void command_done(struct config_command *c)
{
	free(c->line);
	strv_done(&c->argv);
}

void config_service_done(struct config_service *s)
{
	free(s->name);
	command_done(&s->build);
	command_done(&s->run);
	command_done(&s->check);
	command_done(&s->clean);
	strv_done(&s->listen.addresses);
	strv_done(&s->listen.names);
	free(s->ready.text);
	command_done(&s->reload.exec);
	strv_done(&s->env);
	free(s->cwd);
	strv_done(&s->after);
	strv_done(&s->watch);
	strv_done(&s->ignore);
	*s = (struct config_service){ 0 };
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		config_service_done(&c->services[i]);
	free(c->services);
	config_service_done(&c->defaults);
	free(c);
}

const struct config_service *config_find(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->services[i].name && strcmp(c->services[i].name, name) == 0)
			return &c->services[i];
	}
	return NULL;
}

int config_service_equal(const struct config_service *a, const struct config_service *b)
{
	AUTO_BUF one = { 0 };
	AUTO_BUF other = { 0 };

	if (config_print_service(a, &one) < 0 || config_print_service(b, &other) < 0)
		return -ENOMEM;
	return strcmp(buf_str(&one), buf_str(&other)) == 0;
}

/* Levenshtein's distance; words longer than a key can be are never near. */
static size_t distance(const char *a, const char *b)
{
	size_t row[33], la = strlen(a), lb = strlen(b);

	if (la > 32 || lb > 32)
		return 33;
	for (size_t k = 0; k <= lb; k++)
		row[k] = k;
	for (size_t i = 1; i <= la; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t k = 1; k <= lb; k++) {
			size_t cost = corner + (a[i - 1] != b[k - 1]);

			corner = row[k];
			if (row[k] + 1 < cost)
				cost = row[k] + 1;
			if (row[k - 1] + 1 < cost)
				cost = row[k - 1] + 1;
			row[k] = cost;
		}
	}
	return row[lb];
}

const char *config_nearest(const char *word, const char *const *names, size_t count)
{
	const char *nearest = NULL;
	size_t best = strlen(word) / 3 + 2; /* below it: a slip, not another word */

	for (size_t i = 0; i < count; i++) {
		size_t d = distance(word, names[i]);

		if (d < best && d < strlen(names[i])) {
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}
