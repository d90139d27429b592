/* A configuration as YAML again, and everything else that is told from the table: schema, help. */
#include "core/config_keys.h"
#include <errno.h>
#include <string.h>

/* One character of valid UTF-8 (libyaml took nothing else) as an escape: some may not stand in YAML as they are. */
static int put_wide(struct buf *out, const char **text)
{
	const unsigned char *p = (const unsigned char *)*text;
	int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
	unsigned value = *p & (0x3fu >> more);

	for (; more && (p[1] & 0xc0) == 0x80; more--)
		value = value << 6 | (*++p & 0x3f);
	*text = (const char *)p;
	return buf_printf(out, "\\U%08x", value);
}

/* Double-quoted YAML holds any text. */
static int put_text(struct buf *out, const char *text)
{
	int r = buf_putc(out, '"');

	for (; r == 0 && *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			r = buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			r = buf_printf(out, "\\x%02x", c);
		else if (c >= 0x80)
			r = put_wide(out, &text);
		else
			r = buf_putc(out, (char)c);
	}
	return r < 0 ? r : buf_putc(out, '"');
}

static int put_list(struct buf *out, const struct strv *v)
{
	int r = buf_putc(out, '[');

	for (size_t i = 0; r == 0 && i < v->count; i++) {
		if (i)
			r = buf_puts(out, ", ");
		if (r == 0)
			r = put_text(out, v->items[i]);
	}
	return r < 0 ? r : buf_putc(out, ']');
}

/* names[i]: values[i]; env has name and value in one string, names is NULL then */
static int put_map(struct buf *out, const struct strv *names, const struct strv *values)
{
	int r = buf_putc(out, '{');

	for (size_t i = 0; r == 0 && i < values->count; i++) {
		const char *value = values->items[i];
		AUTO_FREE char *name = names ? strdup(names->items[i]) :
					       strndup(value, strcspn(value, "="));

		if (!name)
			return -ENOMEM;
		if (i)
			r = buf_puts(out, ", ");
		if (r == 0)
			r = put_text(out, name);
		if (r == 0)
			r = buf_puts(out, ": ");
		if (r == 0)
			r = put_text(out, names ? value : value + strlen(name) + 1);
	}
	return r < 0 ? r : buf_putc(out, '}');
}

static int put_listen(struct buf *out, const struct config_listen *l)
{
	for (size_t i = 0; i < l->names.count; i++) {
		if (*l->names.items[i])
			return put_map(out, &l->names, &l->addresses);
	}
	return put_list(out, &l->addresses);
}

static int put_ready(struct buf *out, const struct config_ready *ready)
{
	static const char *const words[] = { "", "notify", "tcp", "http", "log", "delay", "exit" };
	AUTO_BUF text = { 0 };
	int r = buf_puts(&text, words[ready->kind]);

	if (r == 0 && ready->text)
		r = buf_printf(&text, ":%s", ready->text);
	if (r == 0 && ready->kind == CONFIG_READY_DELAY)
		r = buf_printf(&text, ":%lldms", (long long)ready->delay_ms);
	return r < 0 ? r : put_text(out, buf_str(&text));
}

static int put_reload(struct buf *out, const struct config_reload *reload)
{
	static const char *const words[] = { "", "restart", "overlap", "signal:", "exec:", "none" };
	AUTO_BUF text = { 0 };
	int r = buf_puts(&text, words[reload->kind]);

	if (r == 0 && reload->kind == CONFIG_RELOAD_SIGNAL)
		r = buf_printf(&text, "%d", reload->signal);
	if (r == 0 && reload->kind == CONFIG_RELOAD_EXEC)
		r = buf_puts(&text, reload->exec.line);
	return r < 0 ? r : put_text(out, buf_str(&text));
}

static int put_value(struct buf *out, const struct config_service *s, const struct config_key *key)
{
	const void *at = (const char *)s + key->offset;

	switch (key->type) {
	case CONFIG_TYPE_COMMAND:
		return put_text(out, ((const struct config_command *)at)->line);
	case CONFIG_TYPE_LISTEN:
		return put_listen(out, at);
	case CONFIG_TYPE_NUMBER:
	case CONFIG_TYPE_SIGNAL:
		return buf_printf(out, "%d", *(const int *)at);
	case CONFIG_TYPE_DURATION:
		return buf_printf(out, "%lldms", (long long)*(const int64_t *)at);
	case CONFIG_TYPE_ENV:
		return put_map(out, NULL, at);
	case CONFIG_TYPE_DIR:
		return put_text(out, *(char *const *)at);
	case CONFIG_TYPE_NAMES:
	case CONFIG_TYPE_PATTERNS:
		return put_list(out, at);
	case CONFIG_TYPE_READY:
		return put_ready(out, at);
	case CONFIG_TYPE_RELOAD:
		return put_reload(out, at);
	case CONFIG_TYPE_GIT:
		return put_text(out, "head");
	}
	return -EINVAL;
}

int config_print_service(const struct config_service *s, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];

		if (!(s->set & (1u << i)))
			continue;
		r = buf_printf(out, "    %s: ", key->name);
		if (r == 0)
			r = put_value(out, s, key);
		if (r == 0)
			r = buf_putc(out, '\n');
	}
	return r;
}

int config_print(const struct config *c, struct buf *out)
{
	int r = buf_puts(out, c->count ? "services:\n" : "services: {}\n");

	for (size_t i = 0; r == 0 && i < c->count; i++) {
		r = buf_printf(out, "  \"%s\":\n", c->services[i].name);
		if (r == 0)
			r = config_print_service(&c->services[i], out);
	}
	return r;
}
