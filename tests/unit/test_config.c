/* hrfs.yaml: every key with right and wrong values, the errors as people read them, and the way back to YAML. */
#include "core/config.h"
#include "core/config_keys.h"
#include "core/json.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define DONE(c) __attribute__((cleanup(free_config))) struct config *c = NULL

static void free_config(struct config **c)
{
	config_free(*c);
}

static struct config *parse(const char *yaml)
{
	AUTO_BUF error = { 0 };
	struct config *c = NULL;
	int r = config_parse("hrfs.yaml", yaml, strlen(yaml), &c, &error);

	if (r)
		fail_msg("%d: %s\n%s", r, buf_str(&error), yaml);
	return c;
}

/* ---- what is refused ---- */

#define S "services:\n  api:\n    run: x\n"

static const struct {
	const char *yaml, *error;
} wrong[] = {
	{ S "    git: index", "hrfs.yaml:4: git: only head is known; for example: head" },
	{ "- a", "hrfs.yaml:1: services: is wanted at the top level" },
	{ "service: {}", "hrfs.yaml:1: at the top level: unknown key 'service'; did you mean 'services'?" },
	{ "\n\nbuild: make", "hrfs.yaml:3: 'build' belongs to a service: services: NAME: build:" },
	{ "services:\n\tapi:\n\t\trun: x", "hrfs.yaml:2: a tab: YAML is indented by spaces" },
	{ S "  \trun: y", "hrfs.yaml:4: a tab: YAML is indented by spaces" },
	{ "xyzzy: 1", "hrfs.yaml:1: at the top level: unknown key 'xyzzy'" },
	{ "services: 7", "hrfs.yaml:1: services: a map from names to services is wanted" },
	{ "services: {}\nservices: {}", "hrfs.yaml:2: 'services' is given twice" },
	{ "services:\n  api: x", "hrfs.yaml:2: services.api: keys are wanted" },
	{ "services:\n  api: {}", "hrfs.yaml:2: services.api: has nothing to do" },
	{ "services:\n  api:\n    port: 1", "services.api: has nothing to do" },
	{ "services:\n  -api:\n    run: x", "'-api' is no name for a service" },
	{ "services:\n  'a b':\n    run: x", "'a b' is no name for a service" },
	{ "services:\n  '':\n    run: x", "'' is no name" },
	{ "services:\n  abcdefghijklmnopqrstuvwxyz:\n    run: x", "at most 24" },
	{ S "  api:\n    run: y", "hrfs.yaml:4: services: 'api' is given twice" },
	{ S "    run: y", "hrfs.yaml:4: 'run' is given twice" },
	{ S "    biuld: y", "hrfs.yaml:4: services.api: unknown key 'biuld'; did you mean 'build'?" },
	{ S "    raedy: tcp", "did you mean 'ready'?" },
	{ S "    Listen: 80", "did you mean 'listen'?" },
	{ S "    on_change: y", "hrfs.yaml:4: services.api: unknown key 'on_change'" },
	{ S "    \"a\\nb\\e\": y", "unknown key 'a?b?'" },
	{ S "    build: ''", "hrfs.yaml:4: build: the value is missing; for example: make" },
	{ S "    build:", "build: the value is missing" },
	{ S "    build: \"a 'b\"", "build: a quote has no end, or the command is empty" },
	{ S "    build: []", "build: a command has 1 to 256 words" },
	{ S "    build: ['']", "build: the command is empty" },
	{ S "    build: [[a]]", "build: a word of the command is wanted" },
	{ S "    build: {a: b}", "build: a single value is wanted" },
	{ S "    port: 0", "port: a number from 1 to 65535 is wanted, not '0'" },
	{ S "    port: 65536", "not '65536'" },
	{ S "    port: x", "not 'x'" },
	{ S "    port: 99999999999999999999", "not '99999999999999999999'" },
	{ S "    listen: x", "listen: not an address; for example: 127.0.0.1:8080" },
	{ S "    listen: []", "listen: 1 to 32 addresses are wanted" },
	{ S "    listen: 'localhost:'", "listen: not an address" },
	{ S "    listen: 'localhost:65536'", "listen: not an address" },
	{ S "    listen: '::1:80'", "listen: not an address" },
	{ S "    listen: '[]:80'", "listen: not an address" },
	{ S "    listen: 'unix:'", "listen: not an address" },
	{ S "    listen: '/'", "listen: not an address" },
	{ S "    listen: '127.0.0.1:80 x'", "listen: not an address" },
	{ S "    listen:\n      'a b': 80", "hrfs.yaml:5: listen: a name has letters" },
	{ S "    ready: soon", "ready: not one of notify, tcp, http:/PATH, log:REGEX, delay:TIME, exit" },
	{ S "    ready: 'http:healthz'", "ready: not one of" },
	{ S "    ready: 'http:/a b'", "ready: not one of" },
	{ S "    ready: 'log:'", "ready: not one of" },
	{ S "    ready: 'log:('", "ready: not one of" },
	{ S "    ready: 'tcp:'", "ready: not one of" },
	{ S "    ready: 'delay:x'", "ready: not one of" },
	{ S "    ready: 'delay:2h'", "ready: not one of" },
	{ S "    ready: 'exit:0'", "ready: not one of" },
	{ S "    ready: exit\n    port: 80", "services.api: ready: exit is for a command that ends, which needs no port:" },
	{ S "    ready: exit\n    listen: 80", "ready: exit is for a command that ends, which needs no listen:" },
	{ S "    ready_timeout: 0", "ready_timeout: a time of at most an hour is wanted" },
	{ S "    ready_timeout: 61m", "ready_timeout: a time" },
	{ S "    grace: -1", "grace: a time" },
	{ S "    grace: 5 s", "grace: a time" },
	{ S "    grace: 5d", "grace: a time" },
	{ S "    reload: maybe", "reload: not one of restart, overlap, signal:NAME, exec:COMMAND, none" },
	{ S "    reload: 'signal:NO'", "reload: not one of" },
	{ S "    reload: 'exec:'", "reload: not one of" },
	{ S "    reload: overlap", "reload: overlap needs listen:" },
	{ S "    stop: NO", "stop: not a signal's name; for example: INT" },
	{ S "    stop: 0", "stop: not a signal's name" },
	{ S "    stop: 65", "stop: not a signal's name" },
	{ S "    env: x", "env: a map of at most 256 names to values is wanted" },
	{ S "    env: {'': x}", "env: a name and one value are wanted" },
	{ S "    env: {'a=b': x}", "env: a name and one value are wanted" },
	{ S "    env: {a: x, ab: y, a: z}", "hrfs.yaml:4: env: 'a' is given twice" },
	{ S "    env: {a: [x]}", "env: a name and one value are wanted" },
	{ S "    cwd: /abs", "cwd: a directory inside the tree is wanted; for example: backend" },
	{ S "    cwd: ..", "cwd: a directory inside the tree is wanted" },
	{ S "    cwd: a/../../b", "cwd: a directory inside the tree is wanted" },
	{ S "    cwd: a/..", "cwd: a directory inside the tree is wanted" },
	{ S "    after: db", "hrfs.yaml:2: services.api: after: there is no service 'db'" },
	{ S "    after: api", "services.api: after: it would wait for itself, through 'api'" },
	{ S "    after: b\n  b:\n    run: y\n    after: [c]\n  c:\n    run: z\n    after: api",
	  "it would wait for itself" },
	{ S "    watch: [[a]]", "watch: a single value is wanted" },
	{ S "    ignore: {a: b}", "ignore: a single value is wanted" },
	{ "services:\n  api:\n    run: [a\n", "hrfs.yaml:" },
	{ "a: b: c", "hrfs.yaml:1:" },
	{ "\tx: 1", "hrfs.yaml:1:" },
	{ "services: &a\n  api:\n    run: x\nenv: *a", "hrfs.yaml:4: aliases (*name) are not read here" },
	{ "? [a]\n: b", "a key must be a plain word" },
	{ "---\nservices: {}\n---\nservices: {}", "hrfs.yaml:3: a second document" },
	{ "services:\n  api:\n    run: \"a\\0b\"", "hrfs.yaml:3: a NUL byte in a value" },
	{ "[[[[[[[[[[[[[[[[[[[[", "hrfs.yaml:1: nested more than 16 levels deep" },
	{ "\xff\xfe\xff", "hrfs.yaml:1:" },
};

static void test_wrong(void **unused)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		AUTO_BUF error = { 0 };
		struct config *c = NULL;
		int r = config_parse("hrfs.yaml", wrong[i].yaml, strlen(wrong[i].yaml), &c, &error);

		if (r != -EINVAL || c)
			fail_msg("%s: is accepted (%d)", wrong[i].yaml, r);
		if (!strstr(buf_str(&error), wrong[i].error) || strncmp(buf_str(&error), "hrfs.yaml:", 10) != 0)
			fail_msg("%s:\nis '%s',\nnot '%s'", wrong[i].yaml, buf_str(&error), wrong[i].error);
		assert_null(strchr(buf_str(&error), '\n')); /* one line */
	}
}

static void expect_error(const struct buf *yaml, const char *expected)
{
	AUTO_BUF error = { 0 };
	struct config *c = NULL;

	assert_int_equal(config_parse("f", buf_str(yaml), yaml->len, &c, &error), -EINVAL);
	assert_non_null(strstr(buf_str(&error), expected));
}

/* Everything that a file can make grow has a limit. */
static void test_limits(void **unused)
{
	AUTO_BUF yaml = { 0 };
	DONE(c);

	buf_puts(&yaml, "services:\n");
	for (int i = 0; i < CONFIG_MAX_SERVICES; i++)
		buf_printf(&yaml, "  s%d: {run: x}\n", i);
	c = parse(buf_str(&yaml));
	assert_int_equal(c->count, CONFIG_MAX_SERVICES);
	buf_puts(&yaml, "  more: {run: x}\n");
	expect_error(&yaml, "more than 64 services");

	buf_truncate(&yaml, 0);
	buf_puts(&yaml, S "    watch: [");
	for (int i = 0; i < 257; i++)
		buf_puts(&yaml, "a,");
	buf_puts(&yaml, "a]\n");
	expect_error(&yaml, "watch: more than 256 of them");

	buf_truncate(&yaml, 0);
	buf_puts(&yaml, S "    env: {");
	for (int i = 0; i < 257; i++)
		buf_printf(&yaml, "a%d: 1,", i);
	buf_puts(&yaml, "}\n");
	expect_error(&yaml, "at most 256 names");

	buf_truncate(&yaml, 0);
	buf_puts(&yaml, S "    build: ");
	for (int i = 0; i < 70000; i++)
		buf_putc(&yaml, 'x');
	expect_error(&yaml, "build: the value is too long");

	buf_truncate(&yaml, 0);
	buf_puts(&yaml, "services: [");
	for (int i = 0; i < 21000; i++)
		buf_puts(&yaml, "a,");
	buf_puts(&yaml, "]");
	expect_error(&yaml, "more than 20000 values");

	buf_truncate(&yaml, 0);
	buf_puts(&yaml, S "#");
	while (yaml.len <= CONFIG_MAX_BYTES)
		buf_puts(&yaml, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	expect_error(&yaml, "f:1: larger than 1048576 bytes");
}

/* ---- what is read ---- */

static void test_defaults(void **unused)
{
	DONE(c);
	const struct config_service *s;

	c = parse(S);
	assert_int_equal(c->count, 1);
	s = config_find(c, "api");
	assert_non_null(s);
	assert_null(config_find(c, "other"));
	assert_int_equal(s->line, 2);
	assert_string_equal(s->run.line, "x");
	assert_null(s->build.line);
	assert_int_equal(s->listen.addresses.count, 0);
	assert_int_equal(s->port, 0);
	assert_int_equal(s->ready.kind, CONFIG_READY_DEFAULT);
	assert_int_equal(s->ready_timeout_ms, 60000);
	assert_int_equal(s->reload.kind, CONFIG_RELOAD_DEFAULT);
	assert_int_equal(s->stop_signal, SIGTERM);
	assert_int_equal(s->grace_ms, 5000);
	assert_null(s->cwd);
}

static void test_empty(void **unused)
{
	static const char *const texts[] = { "", "# nothing\n", "services: {}\n", "grace: 1s\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		DONE(c);

		c = parse(texts[i]);
		assert_int_equal(c->count, 0);
	}
}

static const char everything[] = "services:\n"
				 "  api:\n"
				 "    build: go build -o bin/api ./cmd/api\n"
				 "    run: bin/api --dev\n"
				 "    check: go vet ./... && echo ok\n"
				 "    clean: [rm, -rf, 'bin dir']\n"
				 "    listen: {http: 127.0.0.1:8080, admin: 'unix:run/admin.sock'}\n"
				 "    port: 9000\n"
				 "    ready: http:/healthz\n"
				 "    ready_timeout: 30s\n"
				 "    reload: overlap\n"
				 "    stop: INT\n"
				 "    grace: 250ms\n"
				 "    env: {B: two, A: '1', EMPTY: ''}\n"
				 "    cwd: backend/\n"
				 "    after: [db]\n"
				 "    watch: [cmd/, '*.go']\n"
				 "    ignore: '*.md'\n"
				 "    git: head\n"
				 "  db:\n"
				 "    run: exec postgres -D \"$PGDATA\"\n"
				 "    ready: 'log:ready to accept'\n"
				 "    reload: none\n";

static void test_everything(void **unused)
{
	DONE(c);
	const struct config_service *s;

	c = parse(everything);
	s = config_find(c, "api");
	assert_int_equal(s->build.argv.count, 5);
	assert_string_equal(s->build.argv.items[4], "./cmd/api");
	assert_string_equal(s->check.argv.items[0], "sh");
	assert_int_equal(s->clean.argv.count, 3);
	assert_string_equal(s->clean.argv.items[2], "bin dir");
	assert_int_equal(s->listen.addresses.count, 2);
	assert_string_equal(s->listen.names.items[0], "http");
	assert_string_equal(s->listen.addresses.items[1], "unix:run/admin.sock");
	assert_int_equal(s->port, 9000);
	assert_int_equal(s->ready.kind, CONFIG_READY_HTTP);
	assert_string_equal(s->ready.text, "/healthz");
	assert_int_equal(s->ready_timeout_ms, 30000);
	assert_int_equal(s->reload.kind, CONFIG_RELOAD_OVERLAP);
	assert_int_equal(s->stop_signal, SIGINT);
	assert_int_equal(s->grace_ms, 250);
	assert_int_equal(s->env.count, 3);
	assert_string_equal(s->env.items[0], "A=1");
	assert_string_equal(s->env.items[1], "B=two");
	assert_string_equal(s->env.items[2], "EMPTY=");
	assert_string_equal(s->cwd, "backend/");
	assert_string_equal(s->after.items[0], "db");
	assert_int_equal(s->watch.count, 2);
	assert_string_equal(s->ignore.items[0], "*.md");
	assert_true(s->git_head);
	s = config_find(c, "db");
	assert_false(s->git_head);
	assert_int_equal(s->line, 20);
	assert_string_equal(s->run.argv.items[2], "exec postgres -D \"$PGDATA\"");
	assert_int_equal(s->ready.kind, CONFIG_READY_LOG);
	assert_string_equal(s->ready.text, "ready to accept");
	assert_int_equal(s->reload.kind, CONFIG_RELOAD_NONE);
}

/* no key is left out above, and each has an example that is right */
static void test_table(void **unused)
{
	for (size_t i = 0; i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];
		AUTO_BUF yaml = { 0 };
		AUTO_BUF line = { 0 };
		DONE(c);

		buf_printf(&line, "    %s: ", key->name);
		if (!strstr(everything, buf_str(&line)))
			fail_msg("'%s' is not tried", key->name);
		buf_puts(&yaml, "services:\n  database: {run: y}\n  api:\n");
		if (strcmp(key->name, "run") != 0)
			buf_puts(&yaml, "    run: x\n");
		if (key->type == CONFIG_TYPE_RELOAD)
			buf_puts(&yaml, "    listen: 80\n");
		buf_printf(&yaml, "    %s: %s\n", key->name, key->example);
		c = parse(buf_str(&yaml));
		assert_true(config_find(c, "api")->set & 1u << i);
		assert_true(*key->help != '\0');
	}
	assert_true(config_service_key_count <= 32);
}

/* What stands at the top level is for all that do not say otherwise; env is merged. */
static void test_inherited(void **unused)
{
	DONE(c);
	const struct config_service *a, *b;

	c = parse(
		"grace: 1s\nstop: HUP\nenv: {X: top, Y: top}\ncwd: src\nwatch: [a, b]\nready_timeout: 2m\nignore: [x]\n"
		"services:\n"
		"  a: {run: x}\n"
		"  b: {run: x, grace: 2s, stop: INT, env: {Y: own, W: own}, cwd: other, watch: [], ready_timeout: 1s}\n");
	a = config_find(c, "a");
	b = config_find(c, "b");
	assert_int_equal(a->grace_ms, 1000);
	assert_int_equal(a->stop_signal, SIGHUP);
	assert_int_equal(a->ready_timeout_ms, 120000);
	assert_string_equal(a->cwd, "src");
	assert_int_equal(a->watch.count, 2);
	assert_int_equal(a->env.count, 2);
	assert_int_equal(b->grace_ms, 2000);
	assert_int_equal(b->stop_signal, SIGINT);
	assert_int_equal(b->ready_timeout_ms, 1000);
	assert_string_equal(b->cwd, "other");
	assert_int_equal(b->watch.count, 0);
	assert_int_equal(b->ignore.count, 1);
	assert_int_equal(b->env.count, 3);
	assert_string_equal(b->env.items[0], "W=own");
	assert_string_equal(b->env.items[1], "X=top");
	assert_string_equal(b->env.items[2], "Y=own");
}

/* every key that may stand at the top level is inherited: a type that cannot be would be an error here */
static void test_every_top_key_is_inherited(void **unused)
{
	for (size_t i = 0; i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];
		AUTO_BUF yaml = { 0 };
		DONE(c);

		if (!key->top_too)
			continue;
		buf_printf(&yaml, "%s: %s\n" S, key->name, key->example);
		c = parse(buf_str(&yaml));
		assert_true(config_find(c, "api")->set & 1u << i);
	}
}

static void test_after_in_any_order(void **unused)
{
	DONE(c);

	c = parse("services:\n  a: {run: x, after: [b, c]}\n  b: {run: x, after: [c]}\n  c: {run: x}\n");
	assert_int_equal(c->count, 3);
}

/* ---- printing ---- */

static void there_and_back(const char *yaml)
{
	AUTO_BUF once = { 0 };
	AUTO_BUF twice = { 0 };
	DONE(c);
	DONE(again);

	c = parse(yaml);
	assert_int_equal(config_print(c, &once), 0);
	again = parse(buf_str(&once));
	assert_int_equal(config_print(again, &twice), 0);
	assert_string_equal(buf_str(&once), buf_str(&twice));
	assert_int_equal(c->count, again->count);
	for (size_t i = 0; i < c->count; i++) {
		assert_string_equal(c->services[i].name, again->services[i].name);
		assert_int_equal(config_service_equal(&c->services[i], &again->services[i]), 1);
		assert_true(strv_equal(&c->services[i].run.argv, &again->services[i].run.argv));
		assert_true(strv_equal(&c->services[i].build.argv, &again->services[i].build.argv));
		assert_true(strv_equal(&c->services[i].env, &again->services[i].env));
	}
}

static void test_there_and_back(void **unused)
{
	there_and_back(everything);
	there_and_back("");
	there_and_back("env: {A: b}\nwatch: x\n" S);
	there_and_back("services:\n  a.b-c_1: {run: \"a \\\"b\\\" 'c' \\\\\\\\ \\x01\\x7f\\t \\u00e4 \\U0001F600\"}\n");
	there_and_back("services:\n  'null': {run: 'true'}\n  '1': {build: '~'}\n");
	there_and_back(S "    env: {A: \"line\\nline\", ' b ': ':#', c: '=x='}\n");
}

static void test_reload_ways(void **unused)
{
	static const char *const ways[] = { "restart", "signal:HUP",	      "signal:10", "signal:34",
					    "none",    "exec:kill -HUP $PID", "'exec:a b'" };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		AUTO_BUF yaml = { 0 };

		buf_printf(&yaml, S "    reload: %s\n", ways[i]);
		there_and_back(buf_str(&yaml));
	}
}

static void test_ready_ways(void **unused)
{
	static const char *const ways[] = { "notify",  "tcp",	  "'tcp:127.0.0.1:80'", "http:/", "'log:^a|b$'",
					    "delay:5", "delay:0", "'delay:1h'",	      "exit" };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		AUTO_BUF yaml = { 0 };

		buf_printf(&yaml, S "    ready: %s\n", ways[i]);
		there_and_back(buf_str(&yaml));
	}
}

static void test_equal(void **unused)
{
	static const struct {
		const char *a, *b;
		int equal;
	} cases[] = {
		{ S, "services:\n  other:\n\n\n    run: 'x'\n", 1 }, /* names and lines do not count */
		{ S, "services:\n  api: {run: y}\n", 0 },
		{ S, S "    env: {A: b}\n", 0 },
		{ S "    env: {A: b, C: d}\n", S "    env: {C: d, A: b}\n", 1 },
		{ S "    env: {A: b}\n", "env: {A: b}\n" S, 1 },
		{ S "    grace: 1000ms\n", S "    grace: 1s\n", 1 },
		{ S "    watch: a\n", S "    watch: [a]\n", 1 },
		{ S "    listen: 80\n", S "    listen: {web: 80}\n", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		DONE(a);
		DONE(b);

		a = parse(cases[i].a);
		b = parse(cases[i].b);
		if (config_service_equal(&a->services[0], &b->services[0]) != cases[i].equal)
			fail_msg("%s\nand\n%s", cases[i].a, cases[i].b);
	}
}

/* ---- hrfs run -- COMMAND ---- */

static void test_from_command(void **unused)
{
	char *words[] = { (char *)"go", (char *)"run", (char *)"a b", NULL };
	char *line[] = { (char *)"make && ./x", NULL };
	char *time[] = { (char *)"time", (char *)"x", NULL };
	char *none[] = { NULL };
	struct config *no = NULL;
	DONE(c);
	DONE(shell);
	DONE(word);

	assert_int_equal(config_from_command("main", words, &c), 0);
	assert_int_equal(c->services[0].run.argv.count, 3);
	assert_string_equal(c->services[0].run.argv.items[2], "a b");
	assert_string_equal(c->services[0].run.line, "go run 'a b'");
	assert_int_equal(c->services[0].stop_signal, SIGTERM);
	assert_string_equal(c->services[0].name, "main");
	assert_int_equal(config_from_command("main", line, &shell), 0);
	assert_string_equal(shell->services[0].run.argv.items[0], "sh");
	/* the user's shell has read the words already */
	assert_int_equal(config_from_command("main", time, &word), 0);
	assert_string_equal(word->services[0].run.argv.items[0], "time");
	assert_int_equal(config_from_command("main", none, &no), -EINVAL);
}

/* ---- what is told from the table ---- */

static void test_schema(void **unused)
{
	AUTO_BUF schema = { 0 };
	const char *why = NULL;
	json_t *root, *properties, *keys;

	assert_int_equal(config_schema(&schema), 0);
	root = json_parse(buf_str(&schema), schema.len, &why);
	if (!root)
		fail_msg("%s: %s", why, buf_str(&schema));
	properties = json_object_get(root, "properties");
	keys = json_object_get(json_object_get(json_object_get(properties, "services"), "additionalProperties"),
			       "properties");
	assert_int_equal(json_object_size(keys), config_service_key_count);
	for (size_t i = 0; i < config_service_key_count; i++) {
		const struct config_key *key = &config_service_keys[i];
		const json_t *entry = json_object_get(keys, key->name);

		assert_string_equal(json_string_value(json_object_get(entry, "description")), key->help);
		assert_int_equal(key->top_too, json_object_get(properties, key->name) != NULL);
	}
	json_decref(root);
}

static void test_help(void **unused)
{
	AUTO_BUF help = { 0 };
	size_t lines = 0;

	assert_int_equal(config_help(&help), 0);
	for (const char *line = buf_str(&help); *line; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\t");

		assert_int_equal(strncmp(line, config_service_keys[lines].name, len), 0);
		assert_int_equal(line[len], '\t');
		lines++;
	}
	assert_int_equal(lines, config_service_key_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_every_top_key_is_inherited),
		cmocka_unit_test(test_after_in_any_order),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_reload_ways),
		cmocka_unit_test(test_ready_ways),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_from_command),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_help),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
