/* Derived services as an hrfs.yaml that one would have written by hand. */
#include "core/derive.h"
#include "core/json.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>

/* may it stand in YAML as it is, whatever stands around it? */
static bool is_plain(const char *text)
{
	if (!isalnum((unsigned char)*text) && !strchr("./_", *text))
		return false;
	if (!*text || text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ./_-+=:@%()")])
		return false;
	return !strstr(text, ": ") && text[strlen(text) - 1] != ' ' && text[strlen(text) - 1] != ':';
}

static int put_escaped(struct buf *out, const char *text)
{
	int r = buf_putc(out, '"');

	for (; r == 0 && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			r = buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			r = buf_printf(out, "\\x%02x", c);
		else
			r = buf_putc(out, *text);
	}
	return r < 0 ? r : buf_putc(out, '"');
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

static int put_quoted(struct buf *out, const char *text)
{
	int r = buf_putc(out, '\'');

	for (; r == 0 && *text; text++)
		r = *text == '\'' ? buf_puts(out, "''") : buf_putc(out, *text);
	return r < 0 ? r : buf_putc(out, '\'');
}

static int put_text(struct buf *out, const char *text)
{
	json_t *probe = json_string(text);

	if (!probe)
		return -EINVAL;
	json_decref(probe);
	if (is_plain(text))
		return buf_puts(out, text);
	return has_control(text) ? put_escaped(out, text) : put_quoted(out, text);
}

static int put_key(struct buf *out, const char *key, const char *text)
{
	int r = text ? buf_printf(out, "    %s: ", key) : 0;

	if (!text || r < 0)
		return r;
	r = put_text(out, text);
	return r < 0 ? r : buf_putc(out, '\n');
}

static int put_list(struct buf *out, const char *key, const struct strv *list)
{
	int r = list->count ? buf_printf(out, "    %s: [", key) : 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		if (i)
			r = buf_puts(out, ", ");
		if (r == 0)
			r = put_quoted(out, list->items[i]);
	}
	return r < 0 || !list->count ? r : buf_puts(out, "]\n");
}

static int put_env(struct buf *out, const struct strv *env)
{
	int r = env->count ? buf_puts(out, "    env:\n") : 0;

	for (size_t i = 0; r == 0 && i < env->count; i++) {
		const char *item = env->items[i], *value = strchr(item, '=') + 1;

		r = buf_printf(out, "      %.*s: ", (int)(value - 1 - item), item);
		if (r == 0)
			r = put_text(out, value);
		if (r == 0)
			r = buf_putc(out, '\n');
	}
	return r;
}

static int put_number(struct buf *out, const char *key, int number, const char *unit)
{
	return number ? buf_printf(out, "    %s: %d%s\n", key, number, unit) : 0;
}

/* a comment's text: what would end its line does not stand in it */
static int put_comment(struct buf *out, const char *before, const char *text)
{
	int r = buf_puts(out, before);

	for (; r == 0 && *text; text++)
		r = buf_putc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
	return r < 0 ? r : buf_putc(out, '\n');
}

static int put_service(struct buf *out, const struct derived_service *s)
{
	const struct {
		const char *key, *text;
	} before[] = { { "build", s->build }, { "run", s->run }, { "clean", s->clean } },
	  after[] = { { "ready", s->ready }, { "reload", s->reload }, { "stop", s->stop } };
	int r = buf_printf(out, "  %s:", s->name);

	if (r == 0)
		r = put_comment(out, " # ", s->from);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(before); i++)
		r = put_key(out, before[i].key, before[i].text);
	if (r == 0)
		r = put_key(out, "cwd", s->cwd);
	if (r == 0)
		r = put_number(out, "port", s->port, "");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(after); i++)
		r = put_key(out, after[i].key, after[i].text);
	if (r == 0)
		r = put_number(out, "grace", s->grace_ms, "ms");
	if (r == 0)
		r = put_list(out, "watch", &s->watch);
	if (r == 0)
		r = put_list(out, "ignore", &s->ignore);
	return r < 0 ? r : put_env(out, &s->env);
}

int derive_print(const struct derived *d, struct buf *out)
{
	int r = buf_puts(out, d->count ? "services:\n" : "");

	for (size_t i = 0; r == 0 && i < d->count; i++)
		r = put_service(out, &d->services[i]);
	for (size_t i = 0; r == 0 && i < d->notes.count; i++)
		r = put_comment(out, "# left out: ", d->notes.items[i]);
	return r;
}
