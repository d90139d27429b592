/* `git: head`: a service is stale when the tree's HEAD names another commit than the one that it was built at. */
#include "core/base/path.h"
#include "core/git_head.h"
#include "supervisor/engine_service.h"
#include "supervisor/head_watch.h"
#include <errno.h>
#include <string.h>

#define HEAD_NAME ".git/HEAD"

static bool any_wants(const struct engine *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->services[i]->config->git_head && !e->services[i]->removed)
			return true;
	return false;
}

/* as it is seen in the mount; else the source may be a part of a work tree, whose top is not in the mount */
static int find(const struct engine *e, struct git_head *out)
{
	int r = git_head_find(e->o.mountpoint, out);

	return r == -ENOENT && e->o.source ? git_head_find_around(e->o.source, out) : r;
}

static struct state state_of(const char *commit)
{
	struct state file = { .kind = STATE_FILE };

	return commit ? state_with_content(file, hash_bytes(commit, strlen(commit))) : state_absent();
}

static bool is_gits(const struct change *c)
{
	const char *at = strstr(c->path, ".git");

	return at && (at == c->path || at[-1] == '/') && (!at[4] || at[4] == '/');
}

/* one that commits would go on for ever */
static bool is_own(const struct service *s, const struct batch *b)
{
	size_t len = strlen(s->name);

	for (size_t i = 0; i < b->count; i++) {
		const char *job = b->changes[i].writer.job;

		if (is_gits(&b->changes[i]) && (strncmp(job, s->name, len) != 0 || job[len] != '/'))
			return false;
	}
	return true;
}

/* b: of which it is known; NULL: by what is watched */
static void tell(struct engine *e, const char *before, const char *after, const struct batch *b)
{
	struct change c = { .path = HEAD_NAME, .before = state_of(before), .after = state_of(after) };

	engine_hold(e);
	for (size_t i = 0; i < e->count; i++)
		if (e->services[i]->config->git_head && !(b && is_own(e->services[i], b)))
			outside_take(e->services[i], &c, b);
	outside_react(e);
	engine_release(e);
}

static void look(struct engine *e, const struct batch *b);

static void on_watched(void *arg)
{
	look(arg, NULL);
}

/* of what lies in the mount, its batches tell */
static void watch(struct engine *e, const struct git_head *head)
{
	AUTO_STRV dirs = { 0 };

	for (size_t i = 0; i < head->dirs.count; i++)
		if (!path_is_below(head->dirs.items[i], e->o.mountpoint))
			strv_add(&dirs, head->dirs.items[i]);
	head_watch_set(&e->head_watch, e->o.loop, &dirs, on_watched, e);
}

static void look(struct engine *e, const struct batch *b)
{
	AUTO_GIT_HEAD now = { 0 };
	bool first = !e->head_known;
	int r;

	if (!any_wants(e)) {
		engine_head_done(e);
		return;
	}
	r = find(e, &now);
	if (r < 0 && r != -ENOENT)
		return; /* in the middle of something: what ends it is told too */
	watch(e, &now);
	e->head_known = true;
	if (!first && strcmp(e->head ? e->head : "", now.commit ? now.commit : "") != 0)
		tell(e, e->head, now.commit, b);
	free(e->head);
	e->head = take_ptr(now.commit);
}

void engine_look_head(struct engine *e)
{
	look(e, NULL);
}

void engine_look_head_after(struct engine *e, const struct batch *b)
{
	bool any = b->truncated;

	for (size_t i = 0; e->head_known && i < b->count && !any; i++)
		any = is_gits(&b->changes[i]);
	if (e->head_known && any)
		look(e, b->truncated ? NULL : b);
}

void engine_head_done(struct engine *e)
{
	head_watch_free(take_ptr(e->head_watch));
	free(take_ptr(e->head));
	e->head_known = false;
}
