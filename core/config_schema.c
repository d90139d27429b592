/* The JSON schema and the manual's list of keys, from the same table that the reader follows. */
#include "core/config_keys.h"
#include <string.h>

#define TEXT "{\"type\":\"string\",\"minLength\":1}"
#define SCALAR "{\"type\":[\"string\",\"number\",\"boolean\"]}"
#define ONE_OR_MORE(item) "\"anyOf\":[" item ",{\"type\":\"array\",\"items\":" item "}]"
#define ADDRESS "{\"type\":[\"string\",\"integer\"]}"

static const struct {
	const char *word; /* for people */
	const char *json; /* what the schema says of the value, without its braces */
} types[] = {
	[CONFIG_TYPE_COMMAND] = { "command", ONE_OR_MORE(TEXT) },
	[CONFIG_TYPE_LISTEN] = { "addresses",
				 "\"anyOf\":[" ADDRESS ",{\"type\":\"array\",\"minItems\":1,\"items\":" ADDRESS
				 "},{\"type\":\"object\",\"minProperties\":1,\"additionalProperties\":" ADDRESS "}]" },
	[CONFIG_TYPE_NUMBER] = { "number", "\"type\":\"integer\"" },
	[CONFIG_TYPE_DURATION] = { "time", "\"type\":[\"string\",\"integer\"],\"pattern\":\"^[0-9]+(ms|s|m|h)?$\"" },
	[CONFIG_TYPE_SIGNAL] = { "signal", "\"type\":[\"string\",\"integer\"]" },
	[CONFIG_TYPE_ENV] = { "map", "\"type\":\"object\",\"additionalProperties\":" SCALAR },
	[CONFIG_TYPE_DIR] = { "directory", "\"type\":\"string\",\"minLength\":1" },
	[CONFIG_TYPE_NAMES] = { "names", ONE_OR_MORE(TEXT) },
	[CONFIG_TYPE_PATTERNS] = { "patterns", ONE_OR_MORE(TEXT) },
	[CONFIG_TYPE_READY] = { "sign", "\"type\":\"string\",\"pattern\":\"^(notify|exit|tcp(:.+)?|http:/.*|log:.+|delay:[0-9]+(ms|s|m|h)?)$\"" },
	[CONFIG_TYPE_RELOAD] = { "way", "\"type\":\"string\",\"pattern\":\"^(restart|overlap|signal:.+|exec:.+|none)$\"" },
	[CONFIG_TYPE_GIT] = { "what", "\"const\":\"head\"" },
};

static int put_string(struct buf *out, const char *text)
{
	int r = buf_putc(out, '"');

	for (; r == 0 && *text; text++) {
		if (*text == '"' || *text == '\\')
			r = buf_putc(out, '\\');
		if (r == 0)
			r = buf_putc(out, *text);
	}
	return r < 0 ? r : buf_putc(out, '"');
}

static int put_key(struct buf *out, const struct config_key *key)
{
	int r = buf_printf(out, "\"%s\":{\"description\":", key->name);

	if (r == 0)
		r = put_string(out, key->help);
	if (r == 0)
		r = buf_printf(out, ",%s", types[key->type].json);
	if (r == 0 && key->type == CONFIG_TYPE_NUMBER)
		r = buf_printf(out, ",\"minimum\":%lld,\"maximum\":%lld", (long long)key->min,
			       (long long)key->max);
	return r < 0 ? r : buf_putc(out, '}');
}

/* the properties that may stand in a service, or at the top level */
static int put_keys(struct buf *out, bool top)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config_service_key_count; i++) {
		if (top && !config_service_keys[i].top_too)
			continue;
		if (!first)
			r = buf_putc(out, ',');
		if (r == 0)
			r = put_key(out, &config_service_keys[i]);
		first = false;
	}
	return r;
}

int config_schema(struct buf *out)
{
	int r = buf_puts(out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"" CONFIG_FILE_NAME
			      "\",\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");

	if (r == 0)
		r = put_keys(out, true);
	if (r == 0)
		r = buf_printf(out, ",\"services\":{\"type\":\"object\",\"maxProperties\":%d,\"propertyNames\":{\"pattern\":"
				    "\"^[A-Za-z0-9_][A-Za-z0-9_.-]*$\",\"maxLength\":%d},\"additionalProperties\":"
				    "{\"type\":\"object\",\"additionalProperties\":false,\"anyOf\":[{\"required\":[\"run\"]},"
				    "{\"required\":[\"build\"]},{\"required\":[\"check\"]}],\"properties\":{",
			       CONFIG_MAX_SERVICES, CONFIG_MAX_NAME);
	if (r == 0)
		r = put_keys(out, false);
	return r < 0 ? r : buf_puts(out, "}}}}}\n");
}

int config_help(struct buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config_service_key_count; i++)
		r = buf_printf(out, "%s\t%s\t%s\n", config_service_keys[i].name,
			       types[config_service_keys[i].type].word, config_service_keys[i].help);
	return r;
}
