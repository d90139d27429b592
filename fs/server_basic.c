/* Watchman's small commands: what this server is, and which roots it has. */
#include "fs/server_parts.h"
#include "fs/sidedoor_heard.h"
#include "fs/version.h"
#include <errno.h>
#include <string.h>

static void finish(struct request *r, json_t *o)
{
	answer_object(r->answer, o);
	request_free(r);
}

/* ---- capabilities ---- */

static const char *const abilities[] = {
	"clock-sync-timeout", "dedup_results", "glob_generator",       "relative_root",
	"suffix-set",	      "wildmatch",     "wildmatch-multislash",
};

static bool has_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

static bool is_listed(const char *(*nth)(size_t n), const char *name)
{
	const char *s;

	for (size_t n = 0; (s = nth(n)); n++) {
		if (strcmp(s, name) == 0)
			return true;
	}
	return false;
}

static bool is_able(const char *name)
{
	if (strncmp(name, "cmd-", 4) == 0)
		return is_listed(command_name, name + 4);
	if (strncmp(name, "term-", 5) == 0)
		return is_listed(query_term_name, name + 5);
	if (strncmp(name, "field-", 6) == 0)
		return is_listed(query_field_name, name + 6);
	return has_name(abilities, ARRAY_SIZE(abilities), name);
}

static void add_all(json_t *list, const char *prefix, const char *(*nth)(size_t n))
{
	const char *s;

	for (size_t n = 0; (s = nth(n)); n++)
		json_array_append_new(list, json_sprintf("%s-%s", prefix, s));
}

void cmd_list_capabilities(struct request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(abilities); i++)
		json_array_append_new(list, json_string(abilities[i]));
	add_all(list, "cmd", command_name);
	add_all(list, "term", query_term_name);
	add_all(list, "field", query_field_name);
	finish(r, json_pack("{s:o}", "capabilities", list));
}

/* Each name with whether it is there; those that aren't and are required go to missing. */
static int check(const json_t *names, json_t *out, struct buf *missing)
{
	if (names && !json_is_array(names))
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (!name)
			return -EINVAL;
		json_object_set_new(out, name, json_boolean(is_able(name)));
		if (missing && !is_able(name))
			buf_printf(missing, "%s%s", missing->len ? ", " : "", name);
	}
	return 0;
}

void cmd_version(struct request *r)
{
	const json_t *options = json_array_get(r->args, 1);
	const json_t *required = json_object_get(options, "required"), *optional = json_object_get(options, "optional");
	json_t *o = json_pack("{s:s,s:s}", "version", WATCHMAN_VERSION, "hrfs-version", FS_VERSION);
	json_t *found = json_object();
	AUTO_BUF missing = { 0 };

	if (check(optional, found, NULL) < 0 || check(required, found, &missing) < 0) {
		json_decref(o);
		json_decref(found);
		answer_error(r->answer,
			     "failed to validate command: \"required\" and \"optional\" must be arrays of strings");
		request_free(r);
		return;
	}
	if (json_array_size(required) || json_array_size(optional))
		json_object_set(o, "capabilities", found);
	if (missing.len)
		json_object_set_new(
			o, "error",
			json_sprintf("client required capabilities [%s] not supported by this server", missing.data));
	json_decref(found);
	finish(r, o);
}

/* ---- this server ---- */

void cmd_get_sockname(struct request *r)
{
	finish(r, json_pack("{s:o,s:o}", "sockname", json_bytes(server.o.socket_path), "unix_domain",
			    json_bytes(server.o.socket_path)));
}

void cmd_get_pid(struct request *r)
{
	finish(r, json_pack("{s:i}", "pid", (int)getpid()));
}

void cmd_get_config(struct request *r)
{
	finish(r, json_pack("{s:{}}", "config"));
}

void cmd_log_level(struct request *r)
{
	const char *level = json_string_value(json_array_get(r->args, 1));

	if (!level || (strcmp(level, "off") != 0 && strcmp(level, "error") != 0 && strcmp(level, "debug") != 0)) {
		answer_error(r->answer, "log-level: must be \"off\", \"error\" or \"debug\"");
		request_free(r);
		return;
	}
	/* warnings are what a client would call errors */
	r->connection->log_level = *level == 'o' ? -1 : *level == 'e' ? LOG_WARN : LOG_DEBUG;
	finish(r, json_pack("{s:s}", "log_level", level));
}

/* ---- roots: the mount is watched as long as it is mounted ---- */

void cmd_watch(struct request *r)
{
	finish(r, json_pack("{s:o,s:s}", "watch", json_bytes(r->root), "watcher", "hrfs"));
}

void cmd_watch_project(struct request *r)
{
	json_t *o = json_pack("{s:o,s:s}", "watch", json_bytes(server.o.mountpoint), "watcher", "hrfs");

	if (o && *r->path)
		json_set_bytes(o, "relative_path", r->path);
	finish(r, o);
}

void cmd_watch_list(struct request *r)
{
	finish(r, json_pack("{s:[o]}", "roots", json_bytes(server.o.mountpoint)));
}

void cmd_watch_del(struct request *r)
{
	finish(r, json_pack("{s:b,s:o}", "watch-del", 1, "root", json_bytes(r->root)));
}

void cmd_clock(struct request *r)
{
	const json_t *options = request_option(r, 0);
	const json_t *time_out = json_object_get(options, "sync_timeout");
	char text[CLOCK_TEXT_SIZE];

	if (options && (!json_is_object(options) || (time_out && !json_is_integer(time_out)))) {
		answer_error(r->answer, "clock: its options are an object, sync_timeout in it an integer");
		request_free(r);
		return;
	}
	finish(r, json_pack("{s:s,s:b}", "clock", server_clock(r->tick, text), "hrfs-exact",
			    r->told && heard_since(r->tick)));
}
