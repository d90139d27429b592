#include "core/base/strv.h"
#include <errno.h>
#include <string.h>

/* There is room for a power of two, the NULL among them: the count alone says when that is full. */
static int room_for_one(struct strv *v)
{
	size_t used = v->count + 1;
	char **items;

	if (used & (used - 1))
		return 0;
	items = reallocarray(v->items, used * 2, sizeof(*items));
	if (!items)
		return -ENOMEM;
	v->items = items;
	return 0;
}

int strv_take(struct strv *v, char *s)
{
	if (!s)
		return -ENOMEM;
	if (room_for_one(v) < 0) {
		free(s);
		return -ENOMEM;
	}
	v->items[v->count++] = s;
	v->items[v->count] = NULL;
	return 0;
}

int strv_add(struct strv *v, const char *s)
{
	return strv_take(v, strdup(s));
}

int strv_add_all(struct strv *v, const struct strv *more)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < more->count; i++)
		r = strv_add(v, more->items[i]);
	return r;
}

bool strv_has(const struct strv *v, const char *s)
{
	for (size_t i = 0; i < v->count; i++) {
		if (strcmp(v->items[i], s) == 0)
			return true;
	}
	return false;
}

bool strv_equal(const struct strv *a, const struct strv *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	}
	return true;
}

void strv_done(struct strv *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct strv){ 0 };
}
