/*
 * hrfs.yaml: what the services of a tree are. One table (config_keys.c) names every key with its
 * type and help; parsing, printing, the JSON schema and the manual follow it.
 * Plain data, owned by struct config, not changed after parsing. Any thread, no files, no terminal.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include <stdbool.h>
#include <stdint.h>

#define CONFIG_FILE_NAME "hrfs.yaml"
#define CONFIG_MAX_BYTES (1024 * 1024)
#define CONFIG_MAX_SERVICES 64
#define CONFIG_MAX_NAME 24 /* with "/reload" behind it it must fit struct writer's job */

struct config_command {
	char *line;	  /* as written; NULL: there is none */
	struct strv argv; /* what is executed */
};

struct config_listen {
	struct strv addresses; /* "127.0.0.1:8080", "[::1]:80", ":80", "80", "unix:PATH", "/PATH", "@ABSTRACT" */
	struct strv names;     /* beside each its name for LISTEN_FDNAMES, "" where it has none */
};

enum config_ready_kind {
	CONFIG_READY_DEFAULT, /* the first listening socket; without one, being quiet for 1 s */
	CONFIG_READY_NOTIFY,
	CONFIG_READY_TCP,
	CONFIG_READY_HTTP,
	CONFIG_READY_LOG,
	CONFIG_READY_DELAY,
	CONFIG_READY_EXIT, /* it ends by itself, with status 0 */
};

struct config_ready {
	enum config_ready_kind kind;
	char *text;	  /* HTTP: the path; LOG: an extended regular expression; TCP: address or NULL; else NULL */
	int64_t delay_ms; /* DELAY only */
};

enum config_reload_kind {
	CONFIG_RELOAD_DEFAULT, /* OVERLAP with a held socket, else RESTART; a server that reloads itself is left alone */
	CONFIG_RELOAD_RESTART,
	CONFIG_RELOAD_OVERLAP,
	CONFIG_RELOAD_SIGNAL,
	CONFIG_RELOAD_EXEC,
	CONFIG_RELOAD_NONE, /* the server sees changes itself: build, never restart */
};

struct config_reload {
	enum config_reload_kind kind;
	int signal;
	struct config_command exec;
};

struct config_service {
	char *name;
	int line;	  /* where it begins, from 1; 0: not from a file */
	uint32_t set;	  /* bit i: key i of config_service_keys was given (or inherited) */
	struct config_command build, run, check, clean;
	struct config_listen listen;
	int port; /* 0: none */
	struct config_ready ready;
	int64_t ready_timeout_ms;
	struct config_reload reload;
	int stop_signal;
	int64_t grace_ms;
	struct strv env; /* "NAME=VALUE", names unique, sorted */
	char *cwd;	 /* relative to the tree's root, NULL: the root (or what the caller says) */
	struct strv after, watch, ignore;
	bool git_head; /* HEAD counts */
};

struct config {
	struct config_service *services;
	size_t count;
	struct config_service defaults; /* what stands at the top level for all services */
};

/*
 * text: len bytes of YAML; file_name is for messages only. 0; -EINVAL: *error says "FILE:LINE: …" in
 * one line; -ENOMEM. *out is the caller's to free by config_free.
 */
int config_parse(const char *file_name, const char *text, size_t len, struct config **out,
		 struct buf *error);
/* one service named `name` that runs argv[0..] (hrfs run -- COMMAND); one word goes through command_words. 0, -EINVAL, -ENOMEM */
int config_from_command(const char *name, char *const argv[], struct config **out);
/* its build: and run: become these lines. 0; -EINVAL, -ENOMEM: as one of both was, maybe */
int config_set_commands(struct config_service *s, const char *build, const char *run);
void config_free(struct config *c);

const struct config_service *config_find(const struct config *c, const char *name);
/* YAML that parses to the same configuration, inherited settings written out. 0 or -ENOMEM */
int config_print(const struct config *c, struct buf *out);
int config_print_service(const struct config_service *s, struct buf *out);
/* are all effective settings the same, at any depth? names and lines do not count. 1, 0 or -ENOMEM */
int config_service_equal(const struct config_service *a, const struct config_service *b);
/* a JSON schema (draft 2020-12) of hrfs.yaml; 0 or -ENOMEM */
int config_schema(struct buf *out);
/* every key with its help, for the manual page: "NAME\tTYPE\tHELP\n" a line; 0 or -ENOMEM */
int config_help(struct buf *out);

/* "HUP", "SIGHUP" or a number; 0 when it is none. And back: "HUP"; NULL when it has no name */
int signal_by_name(const char *name);
const char *signal_name(int number);
