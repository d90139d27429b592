/* Terms of query expressions, for the files of the query that make, match and print them. */
#pragma once
#include "core/base/map.h"
#include "core/query.h"

enum query_op {
	QUERY_TRUE,
	QUERY_FALSE,
	QUERY_NOT,
	QUERY_ALLOF,
	QUERY_ANYOF,
	QUERY_EXISTS,
	QUERY_EMPTY,
	QUERY_NAME,
	QUERY_MATCH,
	QUERY_SUFFIX,
	QUERY_DIRNAME,
	QUERY_TYPE,
	QUERY_SIZE,
	QUERY_SINCE,
};

enum query_compare { COMPARE_EQ, COMPARE_NE, COMPARE_GT, COMPARE_GE, COMPARE_LT, COMPARE_LE };
enum query_clock_field { SINCE_OCLOCK, SINCE_CCLOCK, SINCE_MTIME, SINCE_CTIME };

struct query_term {
	enum query_op op;
	bool casefold, wholename;
	bool dotfiles, noescape; /* of a pattern */
	bool is_list;		 /* it was written as one */
	char type;
	enum query_compare compare;
	int64_t operand;
	enum query_clock_field clock_field;
	struct query_since since;
	struct strv words; /* names, suffixes (both in lower case where case doesn't matter), pattern, directory */
	struct map set;	   /* of the words, where there are many; values are not used */
	struct query_term **below; /* of not, allof, anyof */
	size_t count;
};

struct query_parser {
	struct query *query;
	struct buf *error;
	size_t terms, words; /* so far */
};

extern const char *const query_compare_names[]; /* NULL-terminated, as the other one */
extern const char *const query_clock_field_names[];

/* 0, -EINVAL (error is said), -ENOMEM */
int query_term_parse(struct query_parser *p, const json_t *value, unsigned depth, struct query_term **out);
void query_term_free(struct query_term *t);
json_t *query_term_to_json(const struct query_term *t);
/* does asking it take the file's metadata? */
bool query_term_needs_stat(const struct query_term *t);
/* is the name all that it asks for? */
bool query_term_is_by_name(const struct query_term *t);
/* "failed to parse query: " and the text; -EINVAL */
int query_say(struct query_parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* the strings of a string or an array of them, counted; fold: in lower case. */
int query_words(struct query_parser *p, const json_t *value, bool fold, const char *what, struct strv *out);

struct query_field {
	const char *name;
	bool needs_stat;
	int (*put)(struct query_file *f, const struct query_source *source, struct buf *out);
};

/* the letter of its type, as Watchman has it */
char query_type_of(struct query_file *f, const struct query_source *source);
const struct query_field *query_field_find(const char *name);
