/* The table of keys, and the tree that the YAML reader gives. Of core/config*.c, and of what else reads YAML (core/derive_compose.c). */
#pragma once
#include "core/config.h"

enum config_type {
	CONFIG_TYPE_COMMAND,  /* struct config_command: a line, or a list of words */
	CONFIG_TYPE_LISTEN,   /* struct config_listen: an address, a list, or a map of names */
	CONFIG_TYPE_NUMBER,   /* int, min to max */
	CONFIG_TYPE_DURATION, /* int64_t milliseconds */
	CONFIG_TYPE_SIGNAL,   /* int */
	CONFIG_TYPE_ENV,      /* struct strv, a map */
	CONFIG_TYPE_DIR,      /* char *, relative, never leads out */
	CONFIG_TYPE_NAMES,    /* struct strv of other services */
	CONFIG_TYPE_PATTERNS, /* struct strv, one or a list */
	CONFIG_TYPE_READY,
	CONFIG_TYPE_RELOAD,
	CONFIG_TYPE_GIT, /* bool: head */
};

struct config_key {
	const char *name;
	enum config_type type;
	size_t offset; /* in struct config_service */
	bool top_too;  /* may stand at the top level, for every service that does not say otherwise */
	int64_t min, max, fallback; /* numbers and durations */
	const char *example; /* shown when a value is wrong */
	const char *help;
};

extern const struct config_key config_service_keys[];
extern const size_t config_service_key_count;

enum config_node_kind { CONFIG_SCALAR, CONFIG_SEQUENCE, CONFIG_MAPPING };

struct config_node {
	enum config_node_kind kind;
	char *key;  /* in a mapping; else NULL */
	char *text; /* of a scalar; "" when nothing was written */
	int line;   /* from 1; of the key where there is one */
	struct config_node *children;
	size_t count;
};

/* what a parse carries along */
struct config_reader {
	const char *file_name;
	struct buf *error;
};

/* sets the error's text ("FILE:LINE: …") and answers -EINVAL */
int config_fail(struct config_reader *r, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* the YAML as a tree; an empty document is an empty mapping. 0, -EINVAL (error set), -ENOMEM; node_done frees */
int config_read_yaml(struct config_reader *r, const char *text, size_t len, struct config_node *out);
void config_node_done(struct config_node *n);

/* one value into its place in s. 0, -EINVAL (error set), -ENOMEM */
int config_set(struct config_reader *r, struct config_service *s, const struct config_key *key,
	       const struct config_node *n);
/* what the values mean by themselves. text forms as in the file; 0 or -EINVAL/-ENOMEM, no message */
int config_parse_duration(const char *text, int64_t *ms);
int config_parse_ready(const char *text, struct config_ready *out);
int config_parse_reload(const char *text, struct config_reload *out);
bool config_is_address(const char *text);
/* an extended one, of at most 4096 bytes, which comes to at most 20,000 characters when repetitions are written out */
bool config_is_regex(const char *text);
int config_command_set(struct config_command *c, const char *line);
void config_service_done(struct config_service *s);
/* the name of at most len names (stride bytes apart) that is nearest to word, or NULL when none is near */
const char *config_nearest(const char *word, const char *const *names, size_t count);
