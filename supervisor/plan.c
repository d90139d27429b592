#include "supervisor/plan.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include "supervisor/pattern.h"
#include "supervisor/printed.h"
#include <errno.h>
#include <string.h>

struct plan_path {
	struct state was;
	tick_t last; /* of its changes */
};

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

/* of one behind the mount it is not known what was seen when; nor of one that is not the journal's */
static tick_t tick_of(const struct change *c)
{
	return c->tick && !c->writer.outside ? c->tick : UINT64_MAX;
}

/*
 * `before` counts when the path is new here, else what it was first stays; back in it, it drops out. Not so what has
 * changed while a job runs (reading): which of both it has read is not known.
 */
static void paths_take(struct plan_paths *p, const struct change *c, bool reading)
{
	size_t len = strlen(c->path);
	struct plan_path *at = map_get(&p->states, c->path, len);

	if (p->all)
		return;
	if (at) {
		at->last = tick_of(c);
		if (reading)
			at->was = state_unknown();
		if (state_equal(&at->was, &c->after))
			free(map_remove(&p->states, c->path, len));
		return;
	}
	at = p->states.count < PLAN_MAX_PATHS ? malloc(sizeof(*at)) : NULL;
	if (!at || map_put(&p->states, c->path, len, at) < 0) {
		free(at);
		paths_give_up(p); /* too much to compare is not too much to rebuild for */
		return;
	}
	*at = (struct plan_path){ .was = reading ? state_unknown() : c->before, .last = tick_of(c) };
}

/* the service's own job wrote it last: what it was before is no input any more */
static bool paths_drop(struct plan_paths *p, const char *path)
{
	struct plan_path *at = map_remove(&p->states, path, strlen(path));

	free(at);
	return at != NULL;
}

static void paths_copy(struct plan_paths *to, const struct plan_paths *from)
{
	struct map_entry *e = NULL;

	paths_clear(to);
	to->all = from->all;
	while (!to->all && (e = map_next(&from->states, e))) {
		struct plan_path *copy = malloc(sizeof(*copy));

		if (!copy || map_put(&to->states, e->key, e->key_len, copy) < 0) {
			free(copy);
			paths_give_up(to);
			return;
		}
		*copy = *(struct plan_path *)e->value;
	}
}

void plan_init(struct plan *p, const struct config_service *service)
{
	*p = (struct plan){ .service = service };
}

void plan_configure(struct plan *p, const struct config_service *service)
{
	p->service = service;
	/* another command, or elsewhere: it is looked at as if for the first time */
	for (int i = 0; i < PLAN_STAGES; i++)
		p->reads[i].token = 0;
}

static void change_free(struct change *c)
{
	free((char *)c->path);
	free(c);
}

static void later_clear(struct plan *p)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&p->later, e)))
		change_free(e->value);
	map_done(&p->later);
	p->later_all = false;
}

void plan_done(struct plan *p)
{
	later_clear(p);
	paths_clear(&p->since_try);
	paths_clear(&p->since_good);
	for (int i = 0; i < PLAN_STAGES; i++) {
		paths_clear(&p->since[i]);
		readset_done(&p->reads[i].set);
	}
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

/* "api/build" and stage "build"; stage NULL: any. "api2/run" is another's */
static bool is_of_job(const struct plan *p, const struct change *c, const char *stage)
{
	size_t len = p->service->name ? strlen(p->service->name) : 0;

	if (!len || strncmp(c->writer.job, p->service->name, len) != 0 || c->writer.job[len] != '/')
		return false;
	return !stage || strcmp(c->writer.job + len + 1, stage) == 0;
}

/* what the build makes is there for the job that runs */
static bool is_own_output(const struct plan *p, enum plan_stage stage, const struct change *c)
{
	return is_of_job(p, c, NULL) &&
	       !(stage == PLAN_RUN && p->reads[PLAN_RUN].known && is_of_job(p, c, "build"));
}

static bool is_of_run_job(const struct change *c)
{
	const char *slash = strrchr(c->writer.job, '/');

	return slash && strcmp(slash, "/run") == 0;
}

static bool is_live_state(const struct plan *p, enum plan_stage stage, const struct change *c)
{
	if (is_of_run_job(c) && (c->open || c->ignored))
		return true;
	/* its log, say, that somebody else has emptied */
	return stage == PLAN_RUN && c->ignored && (readset_how(&p->reads[stage].set, c->path) & READ_WROTE);
}

static bool is_only_directory(const struct change *c)
{
	return (c->before.kind == STATE_DIR || c->before.kind == STATE_ABSENT) &&
	       (c->after.kind == STATE_DIR || c->after.kind == STATE_ABSENT);
}

/* by what no job need have read */
static enum plan_reason judge_change(const struct plan *p, enum plan_stage stage, const struct change *c)
{
	static const enum plan_reason no_change[] = { PLAN_COUNTS, PLAN_SAME_CONTENT, PLAN_ONLY_TIMES,
						      PLAN_REVERTED };

	if (c->reason != CHANGE_REAL && c->reason < ARRAY_SIZE(no_change))
		return no_change[c->reason];
	if (has_part(c->path, ".git"))
		return PLAN_GIT_DIR;
	if (is_own_output(p, stage, c))
		return PLAN_OWN_OUTPUT;
	if (strcmp(c->writer.job, PRINTED_JOB) == 0)
		return PLAN_PRINTED;
	if (strcmp(c->path, CONFIG_FILE_NAME) == 0)
		return PLAN_CONFIG;
	return pattern_match_any(&p->service->ignore, c->path) ? PLAN_IGNORE_KEY : PLAN_COUNTS;
}

/* where it is not known what is read */
static enum plan_reason judge_blindly(const struct plan *p, const struct change *c)
{
	const struct config_service *s = p->service;

	if (is_only_directory(c))
		return PLAN_DIRECTORY;
	if (path_is_editor_temporary(path_base(c->path)))
		return PLAN_EDITOR_FILE;
	if (c->ignored)
		return PLAN_IGNORED;
	if (s->watch.count && !pattern_match_any(&s->watch, c->path))
		return PLAN_NOT_WATCHED;
	return PLAN_COUNTS;
}

/* watch: says what counts, whoever reads it */
static bool goes_by_reads(const struct plan *p, enum plan_stage stage)
{
	return p->reads[stage].known && !p->reads[stage].set.full && !p->service->watch.count;
}

enum plan_reason plan_judge_stage(const struct plan *p, enum plan_stage stage, const struct change *c, unsigned *how)
{
	const struct plan_reads *r = &p->reads[stage];
	enum plan_reason reason = judge_change(p, stage, c), blind;
	unsigned bits = 0;

	if (how)
		*how = 0;
	if (reason != PLAN_COUNTS)
		return reason;
	if (pattern_names(&p->service->watch, c->path) && !is_only_directory(c))
		return PLAN_COUNTS;
	if (is_live_state(p, stage, c))
		return PLAN_LIVE_STATE;
	blind = judge_blindly(p, c);
	if (!goes_by_reads(p, stage))
		return blind;
	if (readset_concerns(&r->set, c, &bits)) {
		if (how)
			*how = bits;
		return PLAN_COUNTS;
	}
	if (r->open)
		return PLAN_NOT_YET;
	return blind == PLAN_COUNTS ? PLAN_NOT_READ : blind;
}

static bool has_stage(const struct plan *p, enum plan_stage stage)
{
	if (stage == PLAN_BUILD)
		return p->service->build.argv.count;
	/* with neither there is nothing to be stale, and the change counts as it always did */
	return p->service->run.argv.count || !p->service->build.argv.count;
}

/* a change that counts for one job counts; else the reason that says more */
static enum plan_reason stronger(enum plan_reason a, enum plan_reason b)
{
	if (a == PLAN_COUNTS || b == PLAN_COUNTS)
		return PLAN_COUNTS;
	if (a == PLAN_NOT_YET || b == PLAN_NOT_YET)
		return PLAN_NOT_YET;
	return a;
}

static enum plan_reason judge(const struct plan *p, const struct change *c, enum plan_reason by[static PLAN_STAGES])
{
	by[PLAN_BUILD] = has_stage(p, PLAN_BUILD) ? plan_judge_stage(p, PLAN_BUILD, c, NULL) : PLAN_REASONS;
	by[PLAN_RUN] = has_stage(p, PLAN_RUN) ? plan_judge_stage(p, PLAN_RUN, c, NULL) : PLAN_REASONS;
	/* what it builds is an output, whoever of it reads that: it is compared once the build has ended */
	if (by[PLAN_BUILD] == PLAN_OWN_OUTPUT || by[PLAN_RUN] == PLAN_REASONS)
		return by[PLAN_BUILD];
	return by[PLAN_BUILD] == PLAN_REASONS ? by[PLAN_RUN] : stronger(by[PLAN_BUILD], by[PLAN_RUN]);
}

enum plan_reason plan_judge(const struct plan *p, const struct change *c)
{
	enum plan_reason by[PLAN_STAGES];

	return judge(p, c, by);
}

static void keep_for_later(struct plan *p, const struct change *c)
{
	size_t len = strlen(c->path);
	struct change *was = map_get(&p->later, c->path, len), *copy;

	if (was) { /* what it was first stays */
		was->after = c->after;
		was->writer = c->writer;
		was->tick = c->tick;
		return;
	}
	copy = p->later.count < PLAN_MAX_PATHS ? malloc(sizeof(*copy)) : NULL;
	if (copy) {
		*copy = *c;
		copy->path = strdup(c->path);
	}
	if (!copy || !copy->path || map_put(&p->later, c->path, len, copy) < 0) {
		if (copy)
			change_free(copy);
		p->later_all = true;
	}
}

static bool any_open(const struct plan *p)
{
	return p->reads[PLAN_BUILD].open || p->reads[PLAN_RUN].open;
}

/* the job found it as it had become by then */
static bool is_before(const struct plan *p, enum plan_stage stage, tick_t last)
{
	return last <= p->begun[stage];
}

static void take_stages(struct plan *p, const struct change *c, const enum plan_reason by[static PLAN_STAGES])
{
	/* there already when the run job began, though it is told later; files are compared (outputs_compare()) */
	bool only_made = by[PLAN_BUILD] == PLAN_OWN_OUTPUT && c->after.kind == STATE_DIR;

	for (int i = PLAN_BUILD; i <= PLAN_RUN; i++) {
		if (by[i] == PLAN_COUNTS && !(i == PLAN_RUN && only_made) && !is_before(p, i, tick_of(c)))
			paths_take(&p->since[i], c, p->reads[i].open);
		else if (by[i] == PLAN_OWN_OUTPUT)
			paths_drop(&p->since[i], c->path);
	}
	if (p->service->check.argv.count && plan_judge_stage(p, PLAN_CHECK, c, NULL) == PLAN_COUNTS &&
	    !is_before(p, PLAN_CHECK, tick_of(c)))
		paths_take(&p->since[PLAN_CHECK], c, p->reads[PLAN_CHECK].open);
}

enum plan_reason plan_take(struct plan *p, const struct change *c, bool *moved)
{
	enum plan_reason by[PLAN_STAGES], reason = judge(p, c, by);

	*moved = false;
	take_stages(p, c, by);
	if (reason == PLAN_OWN_OUTPUT) {
		*moved = paths_drop(&p->since_try, c->path);
		paths_drop(&p->since_good, c->path);
	} else if (reason == PLAN_COUNTS) {
		paths_take(&p->since_try, c, any_open(p));
		paths_take(&p->since_good, c, false);
		*moved = true;
	} else if (reason == PLAN_NOT_YET) {
		keep_for_later(p, c);
	}
	return reason;
}

void plan_take_outside(struct plan *p, const struct change *c)
{
	enum plan_stage stage = has_stage(p, PLAN_BUILD) ? PLAN_BUILD : PLAN_RUN;

	paths_take(&p->since_try, c, any_open(p));
	paths_take(&p->since_good, c, false);
	paths_take(&p->since[stage], c, p->reads[stage].open);
	paths_take(&p->since[PLAN_CHECK], c, p->reads[PLAN_CHECK].open);
}

void plan_take_all(struct plan *p)
{
	paths_give_up(&p->since_try);
	paths_give_up(&p->since_good);
	for (int i = 0; i < PLAN_STAGES; i++) {
		paths_give_up(&p->since[i]);
		p->begun[i] = 0;
	}
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

/* ---- one job ---- */

void plan_stage_begin(struct plan *p, enum plan_stage stage)
{
	paths_clear(&p->since[stage]);
	p->begun[stage] = 0;
	p->reads[stage].open = true;
}

void plan_stage_begun(struct plan *p, enum plan_stage stage, tick_t tick)
{
	struct map *states = &p->since[stage].states;
	struct map_entry *e = NULL;
	AUTO_STRV over = { 0 };

	p->begun[stage] = tick;
	while ((e = map_next(states, e)))
		if (is_before(p, stage, ((struct plan_path *)e->value)->last))
			strv_add(&over, e->key);
	for (size_t i = 0; i < over.count; i++)
		paths_drop(&p->since[stage], over.items[i]);
}

bool plan_stage_is_stale(const struct plan *p, enum plan_stage stage)
{
	return p->since[stage].all || p->since[stage].states.count;
}

void plan_stage_drop(struct plan *p, enum plan_stage stage, const char *path)
{
	paths_drop(&p->since[stage], path);
}

bool plan_stage_known(struct plan *p, enum plan_stage stage, bool whole, bool good,
		      void (*each)(const struct change *c, void *arg), void *arg)
{
	struct map later = p->later;
	struct map_entry *e = NULL;
	bool all = p->later_all, any = all, moved;

	p->reads[stage].open = false;
	if (!whole && stage == PLAN_BUILD)
		p->reads[stage].missed = true;
	if (!whole)
		p->reads[stage].known = false;
	else if (good && !p->reads[stage].missed)
		p->reads[stage].known = true;
	p->later = (struct map){ 0 };
	p->later_all = false;
	if (all)
		plan_take_all(p);
	while ((e = map_next(&later, e))) {
		struct change *c = e->value;

		/* by another that is still open it is kept once more */
		if (!all && plan_take(p, c, &moved) == PLAN_COUNTS) {
			any = true;
			if (each)
				each(c, arg);
		}
		change_free(c);
	}
	map_done(&later);
	if (!any_open(p))
		later_clear(p);
	return any;
}

void plan_stage_taken_in(struct plan *p, enum plan_stage stage)
{
	paths_clear(&p->since[stage]);
}

bool plan_has_later(const struct plan *p)
{
	return p->later.count || p->later_all;
}

void plan_stage_forget(struct plan *p, enum plan_stage stage)
{
	readset_done(&p->reads[stage].set);
	p->reads[stage].known = p->reads[stage].missed = false;
	p->reads[stage].token = 0;
}

const char *plan_stage_name(enum plan_stage stage)
{
	static const char *const names[] = { "build", "run", "check" };

	return names[stage];
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
		[PLAN_LIVE_STATE] = "live state of a running server",
		[PLAN_IGNORED] = "ignored by git",
		[PLAN_NOT_WATCHED] = "not among watch:",
		[PLAN_IGNORE_KEY] = "among ignore:",
		[PLAN_NOT_READ] = "none of its jobs has read it",
		[PLAN_NOT_YET] = "none of its jobs has read it so far",
	};

	return texts[reason];
}
