#include "supervisor/link_batch.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int index_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; word && i < count; i++) {
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	}
	return -1;
}

static struct state parse_state(const json_t *o)
{
	static const char *const kinds[] = { "unknown", "absent", "file", "dir", "symlink", "other" };
	int kind = index_of(json_string_value(json_object_get(o, "kind")), kinds, ARRAY_SIZE(kinds));
	const char *hash = json_string_value(json_object_get(o, "hash"));
	unsigned long long hi, lo;
	struct state s = { 0 };

	if (kind < 0)
		return state_unknown();
	s.kind = (uint8_t)kind;
	s.exec = json_integer_value(json_object_get(o, "exec")) & 7;
	if (hash && sscanf(hash, "%16llx%16llx", &hi, &lo) == 2)
		s = state_with_content(s, (struct hash){ .lo = lo, .hi = hi });
	return s;
}

static void parse_writer(const json_t *o, struct writer *out)
{
	const char *command = json_string_value(json_object_get(o, "command"));
	const char *job = json_string_value(json_object_get(o, "job"));

	out->pid = (int32_t)json_integer_value(json_object_get(o, "pid"));
	out->appended = json_is_true(json_object_get(o, "appended"));
	out->outside = json_is_true(json_object_get(o, "outside"));
	snprintf(out->command, sizeof(out->command), "%s", command ? command : "");
	snprintf(out->job, sizeof(out->job), "%s", job ? job : "");
}

static int parse_change(const json_t *o, struct change *out)
{
	static const char *const reasons[] = { "changed", "same-content", "only-times", "reverted" };
	int reason = index_of(json_string_value(json_object_get(o, "reason")), reasons, ARRAY_SIZE(reasons));

	*out = (struct change){ 0 };
	out->path = json_get_bytes(o, "name");
	if (!out->path)
		return -EPROTO;
	out->before = parse_state(json_object_get(o, "before"));
	out->after = parse_state(json_object_get(o, "after"));
	parse_writer(json_object_get(o, "writer"), &out->writer);
	out->tick = (tick_t)json_integer_value(json_object_get(o, "tick"));
	out->reason = reason < 0 ? CHANGE_REAL : (uint8_t)reason;
	out->ignored = json_is_true(json_object_get(o, "ignored"));
	out->open = json_is_true(json_object_get(o, "open"));
	return 0;
}

int link_batch_parse(const json_t *object, struct link_batch *out)
{
	const json_t *list = json_object_get(object, "changes");
	size_t count = json_array_size(list);
	struct change *changes = calloc(count ? count : 1, sizeof(*changes));
	struct link_batch b = { 0 };
	int r = 0;

	if (!changes)
		return -ENOMEM;
	if (!json_is_array(list))
		r = -EPROTO;
	b.batch.changes = changes;
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = parse_change(json_array_get(list, i), &changes[i]);
		b.batch.count += r == 0;
	}
	b.batch.from = (tick_t)json_integer_value(json_object_get(object, "from"));
	b.batch.to = (tick_t)json_integer_value(json_object_get(object, "to"));
	b.batch.time_ms = json_integer_value(json_object_get(object, "time_ms"));
	b.batch.truncated = json_is_true(json_object_get(object, "truncated"));
	b.settle_ms = json_integer_value(json_object_get(object, "settle_ms"));
	if (r == 0)
		*out = b;
	else
		link_batch_done(&b);
	return r;
}

void link_batch_done(struct link_batch *b)
{
	for (size_t i = 0; i < b->batch.count; i++)
		free((char *)b->batch.changes[i].path);
	free((struct change *)b->batch.changes);
	b->batch.changes = NULL;
	b->batch.count = 0;
}
