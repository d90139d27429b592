/* hrfs-deps: what a service's jobs read, and who reads a path. */
#include "core/base/path.h"
#include "supervisor/engine_view.h"
#include "supervisor/requests_private.h"
#include "supervisor/timeline.h"
#include <string.h>

#define PATHS_MAX 100000 /* asked about at once */

struct line {
	const char *path;
	unsigned how;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

/* sorted; malloc'ed, NULL: no memory */
static struct line *lines_of(const struct readset *set, size_t *count)
{
	struct line *lines = calloc(set->paths.count + 1, sizeof(*lines));
	struct map_entry *e = NULL;

	*count = 0;
	while (lines && (e = map_next(&set->paths, e)))
		lines[(*count)++] = (struct line){ e->key, (unsigned)(uintptr_t)e->value };
	if (lines)
		qsort(lines, *count, sizeof(*lines), compare);
	return lines;
}

static json_t *how_of(unsigned how)
{
	json_t *list = json_array();

	for (unsigned bit = 1; bit <= READ_WROTE; bit <<= 1)
		if (how & bit)
			json_array_append_new(list, json_string(read_how_text(bit)));
	return list;
}

static void put_hows(struct buf *out, unsigned how)
{
	const char *between = "  ";

	for (unsigned bit = 1; bit <= READ_WROTE; bit <<= 1) {
		if (!(how & bit))
			continue;
		buf_printf(out, "%s%s", between, read_how_text(bit));
		between = ", ";
	}
}

/* As a tree: of what it shares with the path before only the last part is new. */
static void put_in_tree(struct buf *out, const char *before, const struct line *l)
{
	size_t same = 0, at = 0;
	int depth = 1;

	for (size_t i = 0; before[i] && before[i] == l->path[i]; i++) {
		if (l->path[i] == '/')
			same = i + 1;
		if (!before[i + 1] && l->path[i + 1] == '/')
			same = i + 2;
	}
	do {
		size_t len = strcspn(l->path + at, "/");
		bool last = !l->path[at + len];

		if (at >= same) {
			AUTO_FREE char *part = strndup(l->path + at, len);

			buf_printf(out, "%*s", depth * 2, "");
			timeline_put_name(out, part && *part ? part : ".");
			if (!last)
				buf_putc(out, '/');
			else
				put_hows(out, l->how);
			buf_putc(out, '\n');
		}
		at += len + !last;
		depth++;
		if (last)
			return;
	} while (true);
}

static void put_stage(const struct service *s, enum plan_stage stage, struct buf *out, json_t *paths)
{
	const struct plan_reads *r = view_reads(s, stage);
	AUTO_FREE struct line *lines = NULL;
	const char *before = "";
	size_t count;

	if (!r)
		return;
	lines = lines_of(&r->set, &count);
	buf_printf(out, "%s/%s%s\n", view_name(s), plan_stage_name(stage),
		   r->known ? " has read:" : ", as far as it has been seen; so far everything that git does not ignore counts:");
	for (size_t i = 0; lines && i < count; i++) {
		json_t *o = json_pack("{s:s,s:o}", "stage", plan_stage_name(stage), "how", how_of(lines[i].how));

		put_in_tree(out, before, &lines[i]);
		before = lines[i].path;
		json_set_bytes(o, "path", lines[i].path);
		json_array_append_new(paths, o);
	}
}

static json_t *deps_of_service(const struct service *s)
{
	json_t *paths = json_array();
	AUTO_BUF text = { 0 };

	for (int i = 0; i < PLAN_STAGES; i++)
		put_stage(s, (enum plan_stage)i, &text, paths);
	view_outside(s, &text);
	return json_pack("{s:o,s:o}", "text", json_bytes(buf_str(&text)), "paths", paths);
}

/* ---- who reads a path ---- */

static void put_reader(const struct service *s, enum plan_stage stage, const char *path, struct buf *out, json_t *readers)
{
	const struct plan_reads *r = view_reads(s, stage);
	unsigned how = r ? readset_how(&r->set, path) : 0;

	if (!r || (r->known && !how))
		return;
	buf_printf(out, "%s/%s", view_name(s), plan_stage_name(stage));
	if (how)
		put_hows(out, how);
	else
		buf_puts(out, "  perhaps: it is not known yet what it reads");
	buf_putc(out, '\n');
	json_array_append_new(readers, json_pack("{s:s,s:s,s:o,s:b}", "service", view_name(s), "stage",
						 plan_stage_name(stage), "how", how_of(how), "known", (int)r->known));
}

static json_t *deps_of_path(struct requests *r, const char *path)
{
	json_t *readers = json_array();
	AUTO_BUF text = { 0 };

	for (size_t i = 0; i < engine_count(r->o.engine); i++)
		for (int stage = 0; stage < PLAN_STAGES; stage++)
			put_reader(engine_at(r->o.engine, i), (enum plan_stage)stage, path, &text, readers);
	if (!text.len)
		buf_puts(&text, "no job has read it\n");
	return json_pack("{s:o,s:o}", "text", json_bytes(buf_str(&text)), "readers", readers);
}

/* ---- of many paths: which did nothing, for nobody has read them ---- */

struct verdicts {
	bool any, other;
};

static bool take_verdict(const struct path_verdict *v, void *arg)
{
	struct verdicts *all = arg;

	all->any = true;
	all->other = all->other || (v->reason != PLAN_NOT_READ && v->reason != PLAN_NOT_YET);
	return !all->other;
}

static json_t *unread_of(struct requests *r, const json_t *paths)
{
	json_t *unread = json_array(), *one;
	size_t i;

	json_array_foreach(paths, i, one)
	{
		const char *path = json_string_value(one);
		struct verdicts all = { 0 };

		if (path && i < PATHS_MAX)
			timeline_each_verdict(r->o.timeline, path, take_verdict, &all);
		if (all.any && !all.other)
			json_array_append_new(unread, json_string(path));
	}
	return json_pack("{s:o}", "unread", unread);
}

void deps_take(struct requests *r, int64_t id, const json_t *arguments)
{
	AUTO_FREE char *path = json_get_bytes(arguments, "path");
	const char *name = json_string_value(json_object_get(arguments, "service"));
	const json_t *paths = json_object_get(arguments, "paths");
	const struct service *s = name ? engine_find(r->o.engine, name) : NULL;

	if (json_is_array(paths))
		reply(r, id, unread_of(r, paths));
	else if (path)
		reply(r, id, deps_of_path(r, path));
	else if (s)
		reply(r, id, deps_of_service(s));
	else
		reply_error(r, id, "hrfs-deps: a service that runs here, or a path");
}
