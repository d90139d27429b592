/*
 * hrfs-foreign: a client says what has been changed behind the mount. For who knows it better than the kernel
 * tells (of a lower that cannot be watched), and for tests of the replay.
 */
#include "fs/replay.h"
#include "fs/server_parts.h"
#include <string.h>

#define CHANGES_MOST 1000

struct told {
	char name[NAME_MAX + 1], new_name[NAME_MAX + 1];
	struct foreign_change change;
};

static const struct {
	const char *word;
	uint32_t bit;
} kinds[] = {
	{ "create", FOREIGN_CREATE }, { "delete", FOREIGN_DELETE }, { "modify", FOREIGN_MODIFY },
	{ "close", FOREIGN_CLOSE },   { "attrib", FOREIGN_ATTRIB }, { "move", FOREIGN_MOVE },
};

static const struct {
	const char *word;
	mode_t type;
} types[] = { { "file", S_IFREG }, { "dir", S_IFDIR }, { "symlink", S_IFLNK }, { "fifo", S_IFIFO } };

/* "a/b" as the directory and the name in it, of what the mount knows. false: it does not know the directory */
static bool find(const char *path, node_id *dir, char name[static NAME_MAX + 1])
{
	*dir = NODE_ROOT;
	for (;;) {
		size_t n = strcspn(path, "/");

		if (!n || n > NAME_MAX)
			return false;
		memcpy(name, path, n);
		name[n] = '\0';
		path += n;
		if (!*path++)
			return true;
		*dir = node_child(*dir, name);
		if (!*dir)
			return false;
	}
}

static bool parse_kinds(const json_t *list, uint32_t *what)
{
	const json_t *word;
	size_t i;

	*what = 0;
	json_array_foreach(list, i, word)
	{
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			if (json_is_string(word) && strcmp(json_string_value(word), kinds[k].word) == 0)
				*what |= kinds[k].bit;
		}
	}
	return *what;
}

static mode_t parse_type(const json_t *word)
{
	for (size_t i = 0; json_is_string(word) && i < ARRAY_SIZE(types); i++) {
		if (strcmp(json_string_value(word), types[i].word) == 0)
			return types[i].type;
	}
	return 0;
}

/* 1: to be told; 0: in a directory that nobody has looked at; -1: not understood */
static int parse(const json_t *o, struct told *t)
{
	const char *from = json_string_value(json_object_get(o, "name"));
	const char *to = json_string_value(json_object_get(o, "to"));
	struct foreign_change *c = &t->change;

	*c = (struct foreign_change){ .type = parse_type(json_object_get(o, "type")) };
	if (!parse_kinds(json_object_get(o, "what"), &c->what) || (!from && !to))
		return -1;
	if (from && !*from) { /* the root itself */
		c->node = NODE_ROOT;
		return 1;
	}
	if (from && find(from, &c->dir, t->name)) {
		c->name = t->name;
		c->node = node_child(c->dir, c->name);
	}
	if (to && find(to, &c->new_dir, t->new_name)) {
		c->new_name = t->new_name;
		c->replaced = node_child(c->new_dir, c->new_name);
	}
	return c->name || c->new_name;
}

void cmd_foreign(struct request *r)
{
	const json_t *list = json_object_get(request_option(r, 0), "changes");
	json_int_t told = 0;
	const json_t *o;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > CHANGES_MOST) {
		answer_error(r->answer, "hrfs-foreign: \"changes\" must be an array of at most %d", CHANGES_MOST);
		request_free(r);
		return;
	}
	json_array_foreach(list, i, o)
	{
		struct told t;
		int known = parse(o, &t);

		if (known < 0) {
			answer_error(
				r->answer,
				"hrfs-foreign: a change wants \"what\" (of create, delete, modify, close, attrib, move) and \"name\" or \"to\"");
			request_free(r);
			return;
		}
		if (!known)
			continue;
		replay_change(&t.change);
		told++;
	}
	answer_object(r->answer, json_pack("{s:I}", "known", told));
	request_free(r);
}
