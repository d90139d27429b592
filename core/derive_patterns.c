/* What other tools are told to look at, as patterns of hrfs.yaml. */
#include "core/derive_parts.h"
#include <string.h>

static const char *without_dot(const char *path)
{
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return strcmp(path, ".") == 0 ? "" : path;
}

void derived_pattern(struct derive *d, const struct place *p, struct strv *list, const char *dir, const char *pattern)
{
	AUTO_BUF out = { 0 };
	size_t len;
	bool anywhere;
	int r = 0;

	dir = without_dot(dir ? dir : "");
	pattern = without_dot(pattern);
	len = strlen(dir);
	while (len && dir[len - 1] == '/')
		len--;
	if (!*pattern && !len && !*p->at)
		return;
	/* "*.js" holds at any depth, "src" and "src/x" are paths from the place on */
	anywhere = strpbrk(pattern, "*?[") && !strchr(pattern, '/');
	if (anywhere && !len && !*p->at)
		r = buf_puts(&out, pattern);
	else if (*p->at)
		r = buf_printf(&out, "/%s", p->at);
	if (r == 0 && len)
		r = buf_printf(&out, "/%.*s", (int)len, dir);
	if (r == 0 && *pattern && !(anywhere && !len && !*p->at))
		r = buf_printf(&out, "/%s%s", anywhere ? "**/" : "", pattern + (*pattern == '/'));
	if (r < 0)
		d->no_memory = true;
	if (!strv_has(list, buf_str(&out)))
		derived_list(d, list, "%s", buf_str(&out));
}

static void add_extensions(struct derive *d, const struct place *p, struct strv *list, const char *dir,
			   const struct strv *extensions)
{
	for (size_t i = 0; i < extensions->count; i++) {
		const char *extension = extensions->items[i];
		AUTO_BUF pattern = { 0 };

		if (buf_printf(&pattern, "*.%s", extension + (*extension == '.')) < 0)
			d->no_memory = true;
		derived_pattern(d, p, list, dir, buf_str(&pattern));
	}
	if (!extensions->count)
		derived_pattern(d, p, list, dir, "");
}

void derived_watch(struct derive *d, const struct place *p, struct strv *list, const struct strv *dirs,
		   const struct strv *extensions)
{
	for (size_t i = 0; i < dirs->count; i++)
		add_extensions(d, p, list, dirs->items[i], extensions);
	if (!dirs->count && extensions->count)
		add_extensions(d, p, list, NULL, extensions);
}

void derived_parts(struct derive *d, const char *text, struct strv *out)
{
	for (size_t len; *text; text += len) {
		text += strspn(text, ", ");
		len = strcspn(text, ", ");
		if (len)
			derived_list(d, out, "%.*s", (int)len, text);
	}
}
