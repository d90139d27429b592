#include "core/config_keys.h"
#include <signal.h>

#define AT(field) offsetof(struct config_service, field)
#define HOUR ((int64_t)3600 * 1000)

/* At most 32: struct config_service's `set` has a bit for each. */
const struct config_key config_service_keys[] = {
	{ "build", CONFIG_TYPE_COMMAND, AT(build), false, 0, 0, 0, "make",
	  "Runs before each start. While it fails, what was started last goes on serving." },
	{ "run", CONFIG_TYPE_COMMAND, AT(run), false, 0, 0, 0, "bin/server --dev",
	  "The server, or any command to run again after each change. Without shell syntax it is executed directly, any other line by sh -c (write exec before the last command of such a line)." },
	{ "check", CONFIG_TYPE_COMMAND, AT(check), false, 0, 0, 0, "go vet ./...",
	  "Runs beside the reload, never before it: a linter, a type checker. Its result is shown, nothing waits for it." },
	{ "clean", CONFIG_TYPE_COMMAND, AT(clean), false, 0, 0, 0, "make clean",
	  "Runs before the build in hrfs reload --full." },
	{ "listen", CONFIG_TYPE_LISTEN, AT(listen), false, 0, 0, 0, "127.0.0.1:8080",
	  "Addresses that hrfs holds open and passes on (LISTEN_FDS, LISTEN_FDNAMES, PORT), so that a reload refuses no connection: HOST:PORT, PORT, unix:PATH; one, a list, or a map from names." },
	{ "port", CONFIG_TYPE_NUMBER, AT(port), false, 1, 65535, 0, "8080",
	  "Exported as PORT, for a program that binds the port itself." },
	{ "ready", CONFIG_TYPE_READY, AT(ready), false, 0, 0, 0, "http:/healthz",
	  "When a start counts as done: notify, tcp, tcp:ADDRESS, http:/PATH, log:REGEX, delay:TIME, exit (it ends by itself, as tests do). Otherwise the first listening socket or its end; when neither comes, having nothing to do for a second." },
	{ "ready_timeout", CONFIG_TYPE_DURATION, AT(ready_timeout_ms), true, 1, HOUR, 60000, "30s",
	  "How long a start may take until it counts as failed." },
	{ "reload", CONFIG_TYPE_RELOAD, AT(reload), false, 0, 0, 0, "overlap",
	  "How new code comes in: restart, overlap (start the new one, then stop the old; needs listen, and is the default there), signal:NAME, exec:COMMAND, none (the server sees changes itself)." },
	{ "stop", CONFIG_TYPE_SIGNAL, AT(stop_signal), true, 0, 0, SIGTERM, "INT",
	  "The signal that asks the server to end." },
	{ "grace", CONFIG_TYPE_DURATION, AT(grace_ms), true, 0, HOUR, 5000, "5s",
	  "How long it may take to end; then all of its processes are killed." },
	{ "env", CONFIG_TYPE_ENV, AT(env), true, 0, 0, 0, "{LOG_LEVEL: debug}",
	  "Environment variables; those at the top level are for every service." },
	{ "cwd", CONFIG_TYPE_DIR, AT(cwd), true, 0, 0, 0, "backend",
	  "The working directory of its commands, relative to the tree's root." },
	{ "after", CONFIG_TYPE_NAMES, AT(after), false, 0, 0, 0, "[database]",
	  "Services that must be ready (or finished well) before this one is built and started." },
	{ "watch", CONFIG_TYPE_PATTERNS, AT(watch), true, 0, 0, 0, "[cmd/, '*.go']",
	  "Only changes of these paths count, whatever the service reads; patterns as in .gitignore. A path without wildcards counts even where git ignores it." },
	{ "ignore", CONFIG_TYPE_PATTERNS, AT(ignore), true, 0, 0, 0, "['*.md', docs/]",
	  "Changes of these paths do not count, patterns as in .gitignore." },
	{ "git", CONFIG_TYPE_GIT, AT(git_head), false, 0, 0, 0, "head",
	  "With head, what git's HEAD names counts as read by the service: another commit or branch builds and restarts it. Otherwise what git does counts only by the files that it changes." },
};

const size_t config_service_key_count = ARRAY_SIZE(config_service_keys);
