/*
 * A tool that writes on a job's behalf from outside of its processes (a docker or gradle daemon) looks like somebody else,
 * and would have it built and started for ever: what changes only while the service builds or starts, again and again, is
 * no reason any more, and that is said. Whoever writes at other times too is no such tool, but perhaps somebody who types.
 */
#include "supervisor/engine_service.h"
#include <stdio.h>
#include <string.h>

#define ECHOES_MAX 3 /* attempts in a row that such paths may ask for */
#define WRITER_KEY 32

struct echo {
	unsigned attempts; /* in which it changed */
	unsigned last;	   /* the newest of them */
	bool beside;	   /* it has changed at another time, too */
};

/* a name that no path has */
static size_t writer_key(const struct change *c, char key[static WRITER_KEY])
{
	return (size_t)snprintf(key, WRITER_KEY, "/%d %s", (int)c->writer.pid, c->writer.command);
}

static struct echo *echo_of(struct service *s, const char *key, size_t len)
{
	struct echo *e = map_get(&s->echoes, key, len);

	if (e || s->echoes.count >= PLAN_MAX_PATHS)
		return e;
	e = calloc(1, sizeof(*e));
	if (e && map_put(&s->echoes, key, len, e) < 0) {
		free(e);
		return NULL;
	}
	return e;
}

/* in how many attempts it changed, and never beside one */
static unsigned note(struct service *s, const char *key, size_t len, bool during)
{
	struct echo *e = echo_of(s, key, len);

	if (!e)
		return 0;
	e->beside = e->beside || !during;
	if (during && e->last != s->attempts) {
		e->attempts++;
		e->last = s->attempts;
	}
	return e->beside ? 0 : e->attempts;
}

static unsigned note_change(struct service *s, const struct change *c, bool during)
{
	char key[WRITER_KEY];
	size_t len = writer_key(c, key);
	unsigned of_path;

	if (c->writer.job[0])
		return 0; /* it is known whose it is: engine_cycle.c */
	of_path = note(s, c->path, strlen(c->path), during);
	return c->writer.pid && !note(s, key, len, during) ? 0 : of_path;
}

static bool decide(struct service *s, const char *path, unsigned attempts, bool during)
{
	if (!during || attempts <= ECHOES_MAX) {
		s->held_back = NULL;
		return false;
	}
	if (!s->held_back)
		say_note(s,
			 "failed: %s changed only while it was built or started, %d times in a row: it is not built again for that. When a tool "
			 "writes it for the build, put it into ignore:, else save it again",
			 path, ECHOES_MAX);
	s->held_back = "what changes only while it is built or started";
	return true;
}

bool echo_take_one(struct service *s, const struct change *c, bool during)
{
	return decide(s, c->path, note_change(s, c, during), during);
}

bool echo_take(struct service *s, const struct batch *batch, bool during)
{
	unsigned least = UINT32_MAX;
	const char *path = NULL;

	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->changes[i];
		unsigned count;

		if (plan_judge(&s->plan, c) != PLAN_COUNTS)
			continue;
		count = note_change(s, c, during);
		if (count < least) {
			least = count;
			path = c->path;
		}
	}
	return path && decide(s, path, least, during);
}

void echo_done(struct service *s)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&s->echoes, e)))
		free(e->value);
	map_done(&s->echoes);
}
