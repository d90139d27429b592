/*
 * A tool that writes on a build's behalf from outside of its processes (a docker or gradle daemon) looks
 * like somebody else, and would have it built for ever: what changes only while the build runs, again and again, is
 * not built for any more, and that is said.
 */
#include "supervisor/engine_service.h"
#include <string.h>

#define ECHOES_MAX 3 /* builds in a row that such paths may ask for */

/* counted in the value itself: in how many builds it changed, and never beside one; 0 + 1: beside one */
static uintptr_t count_of(const struct service *s, const char *path)
{
	uintptr_t value = (uintptr_t)map_get(&s->echoes, path, strlen(path));

	return value ? value - 1 : 0;
}

static bool is_known(const struct service *s, const char *path)
{
	return map_get(&s->echoes, path, strlen(path)) != NULL;
}

static void set_count(struct service *s, const char *path, uintptr_t count)
{
	if (s->echoes.count < PLAN_MAX_PATHS || is_known(s, path))
		map_put(&s->echoes, path, strlen(path), (void *)(count + 1));
}

static void note_one(struct service *s, const char *path, bool during)
{
	uintptr_t count = count_of(s, path);

	if (!during)
		set_count(s, path, 0);
	else if (!is_known(s, path) || count)
		set_count(s, path, count + 1);
}

bool echo_take(struct service *s, const struct batch *batch, bool during)
{
	uintptr_t least = UINTPTR_MAX;
	const char *path = NULL;

	for (size_t i = 0; i < batch->count; i++) {
		const struct change *c = &batch->changes[i];

		if (plan_judge(&s->plan, c) != PLAN_COUNTS)
			continue;
		note_one(s, c->path, during);
		if (count_of(s, c->path) < least) {
			least = count_of(s, c->path);
			path = c->path;
		}
	}
	if (!path || !during || least <= ECHOES_MAX) {
		s->held_back = s->held_back && !path;
		return false;
	}
	if (!s->held_back)
		say_note(s,
			 "failed: %s changed only while its build ran, %d times in a row: it is not built again for that. When a tool "
			 "writes it for the build, put it into ignore:, else save it again",
			 path, ECHOES_MAX);
	s->held_back = true;
	return true;
}

void echo_done(struct service *s)
{
	map_done(&s->echoes);
}
