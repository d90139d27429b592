#include "supervisor/readset.h"
#include "core/base/path.h"
#include <string.h>

void readset_done(struct readset *r)
{
	map_done(&r->paths);
	*r = (struct readset){ 0 };
}

unsigned readset_how(const struct readset *r, const char *path)
{
	return (unsigned)(uintptr_t)map_get(&r->paths, path, strlen(path));
}

bool readset_add(struct readset *r, const char *path, unsigned how)
{
	size_t len = strlen(path);
	unsigned was = readset_how(r, path);

	if (!how || (was | how) == was)
		return false;
	if (!was && (r->paths.count >= READSET_MAX_PATHS || r->bytes + len > READSET_MAX_BYTES))
		r->full = true;
	else if (map_put(&r->paths, path, len, (void *)(uintptr_t)(was | how)) < 0)
		r->full = true;
	else if (!was)
		r->bytes += len;
	return true;
}

void readset_drop(struct readset *r, const char *path, unsigned how)
{
	size_t len = strlen(path);
	unsigned was = readset_how(r, path);

	if (!(was & how))
		return;
	if (was & ~how) {
		map_put(&r->paths, path, len, (void *)(uintptr_t)(was & ~how)); /* it is there: no memory is wanted */
		return;
	}
	map_remove(&r->paths, path, len);
	r->bytes -= len;
}

void readset_add_all(struct readset *r, const struct readset *other)
{
	struct map_entry *e = NULL;

	while ((e = map_next(&other->paths, e)))
		readset_add(r, e->key, (unsigned)(uintptr_t)e->value);
	r->full = r->full || other->full;
}

static unsigned how_of_directory(const struct readset *r, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	return (unsigned)(uintptr_t)map_get(&r->paths, path, len);
}

/* the name came or went, or it is not known whether it did */
static bool is_new_name(const struct change *c)
{
	if (c->before.kind == STATE_UNKNOWN || c->after.kind == STATE_UNKNOWN)
		return true;
	return (c->before.kind == STATE_ABSENT) != (c->after.kind == STATE_ABSENT);
}

static bool is_or_is_not(const struct state *s)
{
	return s->kind == STATE_DIR || s->kind == STATE_ABSENT;
}

/* only a directory as such */
static bool is_directory(const struct change *c)
{
	return is_or_is_not(&c->before) && is_or_is_not(&c->after);
}

bool readset_concerns(const struct readset *r, const struct change *c, unsigned *how)
{
	unsigned own = readset_how(r, c->path);

	/* what is in a directory counts by itself; one that is only to be listed once it is there does not yet */
	if (own && c->after.kind == STATE_DIR && (c->before.kind == STATE_DIR || own == READ_LISTED))
		own = 0;
	if (own) {
		*how = own;
		return true;
	}
	if (!is_new_name(c) || is_directory(c) || c->ignored || path_is_editor_temporary(path_base(c->path)) ||
	    !(how_of_directory(r, c->path) & READ_LISTED))
		return false;
	*how = READ_LISTED;
	return true;
}

bool readset_adopt(struct readset *r, const struct change *changes, size_t count)
{
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		const struct change *c = &changes[i];

		if (c->after.kind == STATE_DIR && !c->ignored && (how_of_directory(r, c->path) & READ_LISTED))
			any = readset_add(r, c->path, READ_LISTED) || any;
	}
	return any;
}

const char *read_how_text(unsigned how)
{
	static const struct {
		unsigned bit;
		const char *text;
	} texts[] = { { READ_EXECUTED, "executed" }, { READ_CONTENT, "read" },	  { READ_LISTED, "listed" },
		      { READ_SEEN, "looked at" },    { READ_ABSENT, "looked for" }, { READ_WROTE, "written" } };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (how & texts[i].bit)
			return texts[i].text;
	return "not read";
}
