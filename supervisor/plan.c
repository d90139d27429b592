#include "supervisor/plan.h"
#include "core/base/path.h"
#include "supervisor/pattern.h"
#include "supervisor/printed.h"
#include <errno.h>
#include <string.h>

static void paths_clear(struct plan_paths *p)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&p->states, e)))
		free(e->value);
	map_done(&p->states);
	p->all = false;
}

static void paths_give_up(struct plan_paths *p)
{
	paths_clear(p);
	p->all = true;
}

/* `before` counts when the path is new here, else what it was first stays; back in it, it drops out */
static void paths_take(struct plan_paths *p, const struct change *c)
{
	size_t len = strlen(c->path);
	struct state *was = map_get(&p->states, c->path, len);

	if (p->all)
		return;
	if (was) {
		if (state_equal(was, &c->after))
			free(map_remove(&p->states, c->path, len));
		return;
	}
	was = p->states.count < PLAN_MAX_PATHS ? malloc(sizeof(*was)) : NULL;
	if (!was || map_put(&p->states, c->path, len, was) < 0) {
		free(was);
		paths_give_up(p); /* too much to compare is not too much to rebuild for */
		return;
	}
	*was = c->before;
}

/* the service's own job wrote it last: what it was before is no input any more */
static bool paths_drop(struct plan_paths *p, const char *path)
{
	struct state *was = map_remove(&p->states, path, strlen(path));

	free(was);
	return was != NULL;
}

static void paths_copy(struct plan_paths *to, const struct plan_paths *from)
{
	struct map_entry *e = NULL;

	paths_clear(to);
	to->all = from->all;
	while (!to->all && (e = map_next(&from->states, e))) {
		struct state *copy = malloc(sizeof(*copy));

		if (!copy || map_put(&to->states, e->key, e->key_len, copy) < 0) {
			free(copy);
			paths_give_up(to);
			return;
		}
		*copy = *(struct state *)e->value;
	}
}

void plan_init(struct plan *p, const struct config_service *service)
{
	*p = (struct plan){ .service = service };
}

void plan_configure(struct plan *p, const struct config_service *service)
{
	p->service = service;
}

void plan_done(struct plan *p)
{
	paths_clear(&p->since_try);
	paths_clear(&p->since_good);
}

static bool has_part(const char *path, const char *part)
{
	size_t len = strlen(part);

	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == len && memcmp(path, part, n) == 0)
			return true;
		if (!path[n])
			return false;
		path += n + 1;
	}
}

static bool is_own_output(const struct plan *p, const struct change *c)
{
	size_t len = p->service->name ? strlen(p->service->name) : 0;

	/* "api/build", "api/run"; "api2/run" is another's */
	return len && strncmp(c->writer.job, p->service->name, len) == 0 && c->writer.job[len] == '/';
}

static bool is_of_run_job(const struct change *c)
{
	const char *slash = strrchr(c->writer.job, '/');

	return slash && strcmp(slash, "/run") == 0;
}

static bool is_only_directory(const struct change *c)
{
	return (c->before.kind == STATE_DIR || c->before.kind == STATE_ABSENT) &&
	       (c->after.kind == STATE_DIR || c->after.kind == STATE_ABSENT);
}

enum plan_reason plan_judge(const struct plan *p, const struct change *c)
{
	static const enum plan_reason no_change[] = { PLAN_COUNTS, PLAN_SAME_CONTENT, PLAN_ONLY_TIMES,
						      PLAN_REVERTED };
	const struct config_service *s = p->service;

	if (c->reason != CHANGE_REAL && c->reason < ARRAY_SIZE(no_change))
		return no_change[c->reason];
	if (has_part(c->path, ".git"))
		return PLAN_GIT_DIR;
	if (is_own_output(p, c))
		return PLAN_OWN_OUTPUT;
	if (strcmp(c->writer.job, PRINTED_JOB) == 0)
		return PLAN_PRINTED;
	if (is_only_directory(c))
		return PLAN_DIRECTORY;
	if (strcmp(c->path, CONFIG_FILE_NAME) == 0)
		return PLAN_CONFIG;
	if (pattern_match_any(&s->ignore, c->path))
		return PLAN_IGNORE_KEY;
	if (pattern_names(&s->watch, c->path))
		return PLAN_COUNTS;
	if (c->open && is_of_run_job(c))
		return PLAN_LIVE_STATE;
	if (path_is_editor_temporary(path_base(c->path)))
		return PLAN_EDITOR_FILE;
	if (c->ignored)
		return PLAN_IGNORED;
	if (s->watch.count && !pattern_match_any(&s->watch, c->path))
		return PLAN_NOT_WATCHED;
	return PLAN_COUNTS;
}

enum plan_reason plan_take(struct plan *p, const struct change *c, bool *moved)
{
	enum plan_reason reason = plan_judge(p, c);

	*moved = false;
	if (reason == PLAN_OWN_OUTPUT) {
		*moved = paths_drop(&p->since_try, c->path);
		paths_drop(&p->since_good, c->path);
	} else if (reason == PLAN_COUNTS) {
		paths_take(&p->since_try, c);
		paths_take(&p->since_good, c);
		*moved = true;
	}
	return reason;
}

void plan_take_all(struct plan *p)
{
	paths_give_up(&p->since_try);
	paths_give_up(&p->since_good);
}

bool plan_is_stale(const struct plan *p)
{
	return p->since_try.all || p->since_try.states.count;
}

bool plan_is_as_good(const struct plan *p)
{
	return !p->since_good.all && !p->since_good.states.count;
}

void plan_begin(struct plan *p)
{
	paths_clear(&p->since_try);
}

void plan_good(struct plan *p)
{
	paths_copy(&p->since_good, &p->since_try);
}

void plan_forget_good(struct plan *p)
{
	paths_give_up(&p->since_good);
}

const char *plan_reason_text(enum plan_reason reason)
{
	static const char *const texts[PLAN_REASONS] = {
		[PLAN_COUNTS] = "counts",
		[PLAN_SAME_CONTENT] = "saved with the content it had",
		[PLAN_ONLY_TIMES] = "only its times or modes were touched",
		[PLAN_REVERTED] = "written and put back before anyone could use it",
		[PLAN_GIT_DIR] = "inside a git directory",
		[PLAN_EDITOR_FILE] = "an editor's temporary file",
		[PLAN_DIRECTORY] = "only a directory; what is in it counts by itself",
		[PLAN_CONFIG] = "the configuration: only services whose settings differ are restarted",
		[PLAN_OWN_OUTPUT] = "written last by one of its own jobs",
		[PLAN_PRINTED] = "what hrfs prints is written there",
		[PLAN_LIVE_STATE] = "a running server holds it open for writing",
		[PLAN_IGNORED] = "ignored by git",
		[PLAN_NOT_WATCHED] = "not among watch:",
		[PLAN_IGNORE_KEY] = "among ignore:",
	};

	return texts[reason];
}
