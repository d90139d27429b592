/*
 * Watchman's queries: which files, and what of them. Parsing, matching and printing are pure; what a
 * file is, is asked of the caller. A parsed query may be used by any number of threads at once.
 */
#pragma once
#include "core/base/buf.h"
#include "core/base/strv.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/state.h"
#include <sys/stat.h>

#define QUERY_FIELDS_MAX 64
#define QUERY_TERMS_MAX 4096
#define QUERY_DEPTH_MAX 48
#define QUERY_WORDS_MAX 65536 /* of all lists of names, suffixes and patterns */

enum query_since_kind {
	QUERY_ALWAYS,  /* no `since`: all files that there are */
	QUERY_CLOCK,   /* `clock` */
	QUERY_TIME,    /* `time`, Unix seconds */
	QUERY_FOREIGN, /* a clock that is none of ours: named cursors, older forms */
};

struct query_since {
	enum query_since_kind kind;
	struct clock clock;
	int64_t time;
};

struct query_path {
	char *path;
	int64_t depth; /* of names below it, 0: its own entries only; -1: all */
};

struct query_term;
struct query_field;

struct query {
	struct query_since since;
	struct query_term *expression; /* NULL: everything */
	const struct query_field *fields[QUERY_FIELDS_MAX];
	size_t field_count;
	char *relative_root; /* NULL: none; without slashes at its ends */
	struct query_path *paths;
	size_t path_count;
	struct strv globs, suffixes;
	bool has_paths, has_globs, has_suffixes; /* also when the list is empty: then nothing is generated */
	bool glob_dotfiles, glob_noescape;
	bool case_insensitive, dedup_results, empty_on_fresh_instance;
	bool needs_stat; /* the expression or a field asks more than the journal knows */
	bool by_name;	 /* neither asks for more than the name */
	int64_t sync_timeout_ms;
};

/* 0; -EINVAL with a text for people; -ENOMEM */
int query_parse(const json_t *object, struct query **out, struct buf *error);
/* The patterns of `find` and `since`, from args[first] on ("*.c", "-X", "-I", "!"), as a query object; NULL with *error */
json_t *query_of_patterns(const json_t *args, size_t first, struct buf *error);
void query_free(struct query *q);
/* Equal to the one it was parsed from, in its canonical form: parsing that gives the same again. */
json_t *query_to_json(const struct query *q);
/* A value of `since`. 0 or -EINVAL */
int query_since_parse(const json_t *value, struct query_since *out);

/* One file as it is asked about. */
struct query_file {
	const char *name;     /* relative to the query's root */
	enum state_kind kind; /* what it is, or was before it went; STATE_UNKNOWN: `stat` tells */
	bool exists;
	bool is_new;	       /* made after `since` */
	tick_t tick;	       /* of its last change, 0: not known */
	bool tried;	       /* private to the caller of `stat`: it has been asked */
	const struct stat *st; /* NULL: not asked, or it isn't there */
};

struct query_source { /* where more comes from; called as seldom as possible */
	/* lstat: fills f->st, kind and exists */
	void (*stat)(struct query_file *f, void *arg);
	/* has it changed since? */
	bool (*changed_since)(struct query_file *f, const struct query_since *since, void *arg);
	/* a link's target, malloc'ed, or NULL */
	char *(*link_target)(struct query_file *f, void *arg);
	const struct clock *clock; /* whose journal the ticks are of */
	void *arg;
};

/* by the expression alone */
bool query_matches(const struct query *q, struct query_file *f, const struct query_source *source);
/* by `path`, `glob` and `suffix`; true when there are none */
bool query_generates(const struct query *q, struct query_file *f, const struct query_source *source);
bool query_has_generators(const struct query *q);
/* may anything below this directory be generated? (for pruning a walk) */
bool query_may_hold(const struct query *q, const char *dir);
/* the file's value in `files`: an object, or with one field a plain value. 0 or -ENOMEM */
int query_put_file(const struct query *q, struct query_file *f, const struct query_source *source, struct buf *out);

/* the n-th field's or term's name, NULL at the end: for list-capabilities */
const char *query_field_name(size_t n);
const char *query_term_name(size_t n);
