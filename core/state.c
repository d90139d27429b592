#include "core/state.h"
#include <stdio.h>
#include <sys/stat.h>

_Static_assert(sizeof(struct state) == 24, "shared memory holds it");

struct state state_absent(void)
{
	return (struct state){ .kind = STATE_ABSENT };
}

struct state state_unknown(void)
{
	return (struct state){ .kind = STATE_UNKNOWN };
}

static uint8_t exec_of_mode(mode_t mode)
{
	return (uint8_t)((mode & S_IXUSR ? 4 : 0) | (mode & S_IXGRP ? 2 : 0) | (mode & S_IXOTH ? 1 : 0));
}

struct state state_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return (struct state){ .kind = STATE_FILE, .exec = exec_of_mode(mode) };
	if (S_ISDIR(mode))
		return (struct state){ .kind = STATE_DIR };
	if (S_ISLNK(mode))
		return (struct state){ .kind = STATE_SYMLINK };
	return (struct state){ .kind = STATE_OTHER, .type = (uint8_t)((mode & S_IFMT) >> 12) };
}

struct state state_with_content(struct state s, struct hash content)
{
	s.hashed = 1;
	s.content = content;
	return s;
}

bool state_equal(const struct state *a, const struct state *b)
{
	if (a->kind != b->kind)
		return false;
	switch ((enum state_kind)a->kind) {
	case STATE_UNKNOWN:
		return false;
	case STATE_ABSENT:
	case STATE_DIR:
		return true;
	case STATE_FILE:
	case STATE_SYMLINK:
		return a->exec == b->exec && a->hashed && b->hashed && hash_equal(&a->content, &b->content);
	case STATE_OTHER:
		return a->type == b->type;
	}
	return false;
}

const char *state_text(const struct state *s, char text[static STATE_TEXT_SIZE])
{
	static const char *const kinds[] = { "unknown", "absent", "file", "dir", "symlink", "other" };
	const char *kind = s->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[s->kind] : "unknown";
	char content[HASH_TEXT_SIZE] = "?";

	if (s->kind != STATE_FILE && s->kind != STATE_SYMLINK) {
		snprintf(text, STATE_TEXT_SIZE, "%s", kind);
		return text;
	}
	if (s->hashed)
		hash_text(&s->content, content);
	snprintf(text, STATE_TEXT_SIZE, "%s %s%s", kind, content, s->exec ? " x" : "");
	return text;
}
