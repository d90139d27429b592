/* What the two halves of the TOML reader share: core/toml.c (tables, keys) and core/toml_value.c. */
#pragma once
#include "core/toml.h"

struct toml_reader {
	const char *file_name;
	const char *at, *end; /* *end is NUL */
	int line;	      /* from 1 */
	struct buf *error;
};

/* "FILE:LINE: …"; answers -EINVAL */
int toml_fail(struct toml_reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* blanks of this line */
void toml_skip_blanks(struct toml_reader *r);
/* blanks, comments and ends of lines. 0 or -EINVAL: a character that a comment may not hold */
int toml_skip_lines(struct toml_reader *r);
/* an end of line, after a comment or not; the end of the file is one. 0 or -EINVAL */
int toml_end_of_line(struct toml_reader *r);
/* a string from its quote on. 0, -EINVAL, -ENOMEM */
int toml_string(struct toml_reader *r, struct buf *out, bool lines_allowed);
/* any value; *out is a new reference. 0, -EINVAL, -ENOMEM */
int toml_value(struct toml_reader *r, int depth, json_t **out);
/* "a.b = value" into the table. 0, -EINVAL, -ENOMEM */
int toml_pair(struct toml_reader *r, int depth, json_t *table);
