/*
 * Services that read what each other's jobs write may go round for ever, if what they write differs each time. Of each it
 * is known for whose work it was built last: when that leads back to itself, some times in a row with nobody else's change
 * in between, it is not built any more, and who writes what is said.
 */
#include "supervisor/engine_service.h"
#include <string.h>

#define LAPS_MAX 3

static void set(char **place, const char *text, size_t len)
{
	free(*place);
	*place = text ? strndup(text, len) : NULL;
}

static void set_cause(struct service *s, const struct change *c)
{
	set(&s->cause_job, c ? c->writer.job : NULL, WRITER_JOB_SIZE);
	set(&s->cause_path, c ? c->path : NULL, c ? strlen(c->path) : 0);
}

static bool is_of_service(const char *job, const char *name)
{
	size_t len = strlen(name);

	return strncmp(job, name, len) == 0 && job[len] == '/';
}

static struct service *writer_of(const struct service *s)
{
	for (size_t i = 0; s->cause_job && i < s->engine->count; i++)
		if (is_of_service(s->cause_job, s->engine->services[i]->name))
			return s->engine->services[i];
	return NULL;
}

/* a change that counts and that another service's job has made; NULL: somebody else has made one */
static const struct change *cause_in(const struct service *s, const struct batch *b)
{
	const struct change *cause = NULL;

	for (size_t i = 0; i < b->count; i++) {
		const struct change *c = &b->changes[i];

		if (plan_judge(&s->plan, c) != PLAN_COUNTS)
			continue;
		if (!c->writer.job[0] || is_of_service(c->writer.job, s->name))
			return NULL;
		cause = cause ? cause : c;
	}
	return cause;
}

/* does it come of its own work, by way of others? */
static bool leads_back(const struct service *s)
{
	const struct service *at = writer_of(s);

	for (size_t i = 0; at && at != s && i < s->engine->count; i++)
		at = writer_of(at);
	return at == s;
}

static void put_way(const struct service *s, struct buf *out)
{
	const struct service *at = s;

	do {
		buf_printf(out, "%s%s reads %s, which %s writes", out->len ? "; " : "", at->name, at->cause_path, at->cause_job);
		at = writer_of(at);
	} while (at && at != s);
}

bool cycle_take(struct service *s, const struct batch *b)
{
	AUTO_BUF way = { 0 };

	set_cause(s, cause_in(s, b));
	s->laps = leads_back(s) ? s->laps + 1 : 0;
	if (s->laps <= LAPS_MAX)
		return false;
	put_way(s, &way);
	say_note(s, "failed: %s: %d times round. It is not built again for that; put one of these into ignore:", buf_str(&way),
		 LAPS_MAX);
	s->held_back = "what comes of its own work, by way of other services";
	return true;
}

void cycle_done(struct service *s)
{
	set_cause(s, NULL);
}
