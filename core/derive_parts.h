/* What the parts of derive share. Of core/derive*.c only. */
#pragma once
#include "core/derive.h"
#include "core/json.h"

#define DERIVE_MAX_FILE (1024 * 1024)
#define DERIVE_MAX_SERVICES 16
#define DERIVE_MAX_NAMES 2000 /* of a directory that are looked at */

/* One run: text that could not be had sets no_memory, which is asked for once, at the end. */
struct derive {
	const char *root;
	struct derived *out;
	struct buf *error;
	bool no_memory;
	bool too_many;
};

/* a directory of the tree */
struct place {
	const char *at;	  /* from the root; "" is the root */
	const char *name; /* what its service is to be called; NULL: by what is there */
};

/* ---- files (derive_files.c); names are relative to the place ---- */

bool place_has(const struct derive *d, const struct place *p, const char *name);
bool place_has_dir(const struct derive *d, const struct place *p, const char *name);
/* a regular file of at most DERIVE_MAX_FILE bytes. false: there is none, or it can't be read */
bool place_read(struct derive *d, const struct place *p, const char *name, struct buf *out);
/* sorted names, at most DERIVE_MAX_NAMES; "" is the place itself */
void place_list(struct derive *d, const struct place *p, const char *dir, struct strv *out);
/* "at/name", for people and as a path from the root */
void place_path(struct derive *d, const struct place *p, const char *name, struct buf *out);
/* name as it is called from the place: "../" for each level, then name */
void place_up(struct derive *d, const struct place *p, const char *name, struct buf *out);
/* JSON of one of its files. 1; 0: no such file; -EINVAL (said), -ENOMEM */
int place_json(struct derive *d, const struct place *p, const char *name, json_t **out);
int place_toml(struct derive *d, const struct place *p, const char *name, json_t **out);
/* a line of text, from *text on, without its end; false: there are no more. The text is cut up */
bool next_line(char **text, char **line);

/* ---- what comes out (derive.c) ---- */

/*
 * A service at a place; its name is made fit, and unique. from: a name of the place. NULL: there are too many, or
 * no memory; valid until the next one is added.
 */
struct derived_service *derived_add(struct derive *d, const struct place *p, const char *name, const char *from);
void derived_note(struct derive *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* *text (freed before) becomes this */
void derived_set(struct derive *d, char **text, const char *format, ...) __attribute__((format(printf, 3, 4)));
void derived_list(struct derive *d, struct strv *list, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* one line that the supervisor takes apart into the same words */
void derived_words(struct derive *d, char **text, const struct strv *words);
/*
 * A pattern for watch: or ignore:, as it is seen from the place: "*.js", "src", "docs". dir: below which it is to
 * hold, NULL: everywhere in the place. Nothing is added when it means all there is.
 */
void derived_pattern(struct derive *d, const struct place *p, struct strv *list, const char *dir, const char *pattern);
/* each extension ("js" or ".js") below each directory (none: everywhere); without extensions the directories */
void derived_watch(struct derive *d, const struct place *p, struct strv *list, const struct strv *dirs,
		   const struct strv *extensions);
/* the parts of "a,b c" */
void derived_parts(struct derive *d, const char *text, struct strv *out);
/* -EINVAL with the error's text */
int derive_fail(struct derive *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* the last part of the place's path, or of the root's */
const char *place_base(const struct derive *d, const struct place *p);

/* ---- kinds: how many services were added, or -EINVAL ---- */

int derive_procfile(struct derive *d, const struct place *p);
int derive_compose(struct derive *d, const struct place *p);
int derive_air(struct derive *d, const struct place *p);
int derive_go(struct derive *d, const struct place *p);
int derive_cargo(struct derive *d, const struct place *p);
int derive_python(struct derive *d, const struct place *p);
int derive_node(struct derive *d, const struct place *p);
int derive_cmake(struct derive *d, const struct place *p);
int derive_make(struct derive *d, const struct place *p);
/* the languages of a place, or what it is built by. `kinds` are bits of enum derive_kind that are not wanted (again) */
enum derive_kind { DERIVE_GO = 1, DERIVE_CARGO = 2, DERIVE_PYTHON = 4, DERIVE_NODE = 8, DERIVE_BUILT = 16 };
int derive_place(struct derive *d, const struct place *p, unsigned not_wanted, unsigned *found);

/* ---- commands ---- */

/*
 * The command of a service: `go run X` and `cargo run` become a build and a run, so that what does not compile leaves
 * what runs alone; any other is its run:.
 */
void derived_command(struct derive *d, const struct place *p, struct derived_service *s, const char *line);
/* the same for words that no shell is to read again. false: a plain command, nothing was set */
bool derived_split(struct derive *d, const struct place *p, struct derived_service *s, const struct strv *words);
/* where cargo puts what it builds for the package of the place: "target" or "../target"; false: there is no Cargo.toml */
bool cargo_target(struct derive *d, const struct place *p, struct buf *out, const char **option);
/* how python is called there: its virtual environment's, uv's or poetry's, or python3 */
void python_of(struct derive *d, const struct place *p, struct buf *out);

/* watchexec's and nodemon's own words and file. 0 or -EINVAL */
int derive_watchexec(struct derive *d, const struct place *p, char *const argv[]);
int derive_nodemon(struct derive *d, const struct place *p, const struct strv *words, const char *from);
