#include "cli/log_lines.h"
#include "cli/say.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CHANGES_MAX 50 /* of one batch: a checkout changes thousands */

int64_t log_time(const json_t *o)
{
	return json_integer_value(json_object_get(o, "time_ms"));
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* 14:02:11.042 */
static void print_time(const json_t *o)
{
	int64_t ms = log_time(o);
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	printf("%s%02d:%02d:%02d.%03d%s ", say_style(SAY_DIM), tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000),
	       say_style(SAY_PLAIN));
}

static bool is_real(const json_t *change)
{
	return strcmp(text(change, "reason"), "changed") == 0;
}

static bool hashes_differ(const json_t *before, const json_t *after)
{
	const char *a = text(before, "hash"), *b = text(after, "hash");

	return !*a || !*b || strcmp(a, b) != 0;
}

/* what happened, in a word */
static const char *verb(const json_t *change)
{
	const json_t *before = json_object_get(change, "before");
	const json_t *after = json_object_get(change, "after");
	bool was = strcmp(text(before, "kind"), "absent") != 0;
	bool is = strcmp(text(after, "kind"), "absent") != 0;

	if (!was && is)
		return "made";
	if (was && !is)
		return "removed";
	if (strcmp(text(before, "kind"), text(after, "kind")) == 0 &&
	    json_integer_value(json_object_get(before, "exec")) != json_integer_value(json_object_get(after, "exec")) &&
	    !hashes_differ(before, after))
		return "mode";
	return "changed";
}

static const char *reason(const json_t *change)
{
	static const char *const words[][2] = {
		{ "same-content", "same content" },
		{ "only-times", "only touched" },
		{ "reverted", "put back" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], text(change, "reason")) == 0)
			return words[i][1];
	}
	return "no change";
}

static void print_writer(const json_t *change)
{
	const json_t *writer = json_object_get(change, "writer");
	AUTO_BUF safe = { 0 };

	if (json_is_true(json_object_get(writer, "outside")))
		printf(" %soutside the mount%s", say_style(SAY_DIM), say_style(SAY_PLAIN));
	if (!*text(writer, "command") || say_safe(&safe, text(writer, "command")) < 0)
		return;
	printf("%s (%s", say_style(SAY_DIM), buf_str(&safe));
	if (*text(writer, "job"))
		printf(", %s", text(writer, "job"));
	printf(")%s", say_style(SAY_PLAIN));
}

static void print_change(const json_t *batch, const json_t *change)
{
	AUTO_FREE char *name = json_get_bytes(change, "name");
	AUTO_BUF safe = { 0 };

	if (!name || say_safe(&safe, *name ? name : ".") < 0)
		return;
	print_time(batch);
	if (is_real(change))
		printf("%s%-8s%s %s", say_style(SAY_YELLOW), verb(change), say_style(SAY_PLAIN), buf_str(&safe));
	else
		printf("%s%-8s %s: %s%s", say_style(SAY_DIM), "-", buf_str(&safe), reason(change),
		       say_style(SAY_PLAIN));
	print_writer(change);
	if (json_is_true(json_object_get(change, "ignored")))
		printf(" ignored by git");
	if (json_is_true(json_object_get(change, "open")))
		printf(" still open");
	if (json_is_true(json_object_get(change, "unread")))
		printf(" %sno job has read it%s", say_style(SAY_DIM), say_style(SAY_PLAIN));
	putchar('\n');
}

void log_print_batch(const json_t *batch, bool as_json)
{
	const json_t *changes = json_object_get(batch, "changes");
	size_t i;
	json_t *change;

	if (as_json) {
		json_dumpf(batch, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	json_array_foreach(changes, i, change)
	{
		if (i == CHANGES_MAX)
			break;
		print_change(batch, change);
	}
	if (json_array_size(changes) > CHANGES_MAX || json_is_true(json_object_get(batch, "truncated"))) {
		print_time(batch);
		if (json_is_true(json_object_get(batch, "truncated")))
			printf("... and more paths than are listed\n");
		else
			printf("... and %zu more paths\n", json_array_size(changes) - CHANGES_MAX);
	}
}

void log_print_line(const json_t *line, bool as_json)
{
	const char *stage = text(line, "stage");

	if (as_json) {
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	print_time(line);
	printf("%s%s%s%s |%s ", say_style(SAY_BOLD), text(line, "service"), strcmp(stage, "run") == 0 ? "" : "/",
	       strcmp(stage, "run") == 0 ? "" : stage, say_style(SAY_PLAIN));
	/* colours of the program itself are for terminals */
	if (say_colours(STDOUT_FILENO)) {
		printf("%s%s\n", text(line, "text"), say_style(SAY_PLAIN));
	} else {
		AUTO_BUF plain = { 0 };

		say_plain(&plain, text(line, "text"));
		printf("%s\n", buf_str(&plain));
	}
}
