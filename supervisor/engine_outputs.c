/*
 * Is what a build has made what it was before? What runs has read some of it: that is looked at when it has been read,
 * and again after the next build. Files are read on the loop's pool.
 */
#include "core/base/path.h"
#include "core/json.h"
#include "supervisor/engine_service.h"
#include "supervisor/link.h"
#include "supervisor/print.h"
#include <errno.h>
#include <string.h>

#define SETTLE_MAX_MS 2000
#define FILES_MAX 2000 /* looked at for one service; further ones count as changed */

struct print {
	struct hash hash;
};

struct look {
	uv_work_t work;
	struct service *service;
	char *mountpoint;
	struct strv paths;
	struct hash *hashes; /* of each; what could not be read is all zeros */
	void (*done)(struct service *s); /* of a comparison; NULL: they are remembered */
	unsigned generation; /* whose files they are */
};

static void look_free(struct look *l)
{
	strv_done(&l->paths);
	free(l->hashes);
	free(l->mountpoint);
	free(l);
}

/* on the pool */
static void look(uv_work_t *work)
{
	struct look *l = (struct look *)work;

	for (size_t i = 0; i < l->paths.count; i++) {
		AUTO_BUF path = { 0 };

		if (path_join(&path, l->mountpoint, l->paths.items[i]) < 0 ||
		    print_file(buf_str(&path), &l->hashes[i]) < 0)
			l->hashes[i] = (struct hash){ 0 };
	}
}

static bool is_none(const struct hash *h)
{
	return !h->lo && !h->hi;
}

static void remember(struct service *s, const char *path, const struct hash *h)
{
	struct print *p = map_get(&s->prints, path, strlen(path));

	if (!p) {
		p = malloc(sizeof(*p));
		if (!p || map_put(&s->prints, path, strlen(path), p) < 0) {
			free(p);
			return;
		}
	}
	p->hash = *h;
}

static void compare(struct service *s, const char *path, const struct hash *h)
{
	const struct print *p = map_get(&s->prints, path, strlen(path));

	if (p && !is_none(h) && hash_equal(&p->hash, h))
		plan_stage_drop(&s->plan, PLAN_RUN, path);
}

static void remembered(struct service *s)
{
	bool waits = s->build.waits_for_it;

	s->build.remembering = s->build.waits_for_it = false;
	if (waits && (s->state == SERVICE_BUILDING || s->state == SERVICE_REBUILDING))
		build_begin(s);
}

static void looked(uv_work_t *work, int status)
{
	struct look *l = (struct look *)work;
	struct service *s = l->service;
	void (*done)(struct service *s) = l->done;
	/* what was read while something newer came is not what runs */
	bool mine = s->current && s->current->number == l->generation && s->run_is_newest;

	for (size_t i = 0; i < l->paths.count; i++) {
		if (done)
			compare(s, l->paths.items[i], &l->hashes[i]);
		else if (mine && !s->build.job)
			remember(s, l->paths.items[i], &l->hashes[i]);
	}
	look_free(l);
	engine_hold(s->engine);
	engine_job_gone(s);
	if (done)
		done(s);
	else
		remembered(s);
	engine_release(s->engine);
}

/* the look is taken over; false: nothing is under way */
static bool begin(struct service *s, struct look *l)
{
	l->service = s;
	l->generation = s->current ? s->current->number : 0;
	l->mountpoint = strdup(s->engine->o.mountpoint);
	l->hashes = calloc(l->paths.count + 1, sizeof(*l->hashes));
	if (!l->paths.count || !l->mountpoint || !l->hashes ||
	    uv_queue_work(s->engine->o.loop, &l->work, look, looked) < 0) {
		look_free(l);
		return false;
	}
	s->jobs++; /* the service must outlive it */
	return true;
}

void outputs_done(struct service *s)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&s->prints, e)))
		free(e->value);
	map_done(&s->prints);
}

/* all that the build has written is known by now */
static void on_settled(const json_t *answer, void *arg)
{
	struct service *s = arg;
	const struct readset *made = &s->plan.reads[PLAN_BUILD].set, *read = &s->plan.reads[PLAN_RUN].set;
	struct look *l = answer && s->run_is_newest ? calloc(1, sizeof(*l)) : NULL;
	struct map_entry *e = NULL;

	while (l && (e = map_next(&made->paths, e)))
		if (((uintptr_t)e->value & READ_WROTE) && readset_how(read, e->key) && l->paths.count < FILES_MAX)
			strv_add(&l->paths, e->key);
	engine_hold(s->engine);
	if (!l || !begin(s, l))
		remembered(s);
	engine_job_gone(s);
	engine_release(s->engine);
}

void outputs_remember(struct service *s)
{
	outputs_done(s);
	if (s->build.remembering || !s->config->build.argv.count ||
	    link_settle(s->engine->o.link, NULL, SETTLE_MAX_MS, on_settled, s) < 0)
		return;
	s->build.remembering = true;
	s->jobs++; /* the service must outlive the answer */
}

void outputs_compare(struct service *s, void (*done)(struct service *s))
{
	const struct plan_paths *changed = &s->plan.since[PLAN_RUN];
	struct look *l = calloc(1, sizeof(*l));
	struct map_entry *e = NULL;
	bool all_known = l && !changed->all;

	while (all_known && (e = map_next(&changed->states, e)))
		all_known = map_get(&s->prints, e->key, e->key_len) && strv_add(&l->paths, e->key) == 0;
	/* one that was not remembered has changed: the others need not be looked at */
	if (!all_known) {
		if (l)
			look_free(l);
		done(s);
		return;
	}
	l->done = done;
	if (!begin(s, l))
		done(s);
}
