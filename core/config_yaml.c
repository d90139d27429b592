/* YAML to a plain tree with line numbers; the one home of libyaml. Untrusted input: everything is bounded. */
#include "core/config_keys.h"
#include <errno.h>
#include <string.h>
#include <yaml.h>

#define MAX_DEPTH 16
#define MAX_NODES 20000

struct reader {
	struct config_reader *base;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	size_t nodes;
};

static int line_of(const yaml_mark_t *mark)
{
	return (int)mark->line + 1;
}

/* libyaml says only that some character cannot start a token */
static bool stopped_at_tab(const yaml_parser_t *p)
{
	return p->error == YAML_SCANNER_ERROR && p->buffer.pointer < p->buffer.last && *p->buffer.pointer == '\t';
}

static int next_event(struct reader *r)
{
	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = false;
	if (yaml_parser_parse(&r->parser, &r->event)) {
		r->has_event = true;
		return 0;
	}
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (stopped_at_tab(&r->parser))
		return config_fail(r->base, line_of(&r->parser.problem_mark), "a tab: YAML is indented by spaces");
	return config_fail(r->base,
			   line_of(r->parser.error == YAML_READER_ERROR ? &r->parser.mark :
									  &r->parser.problem_mark),
			   "%s%s%s", r->parser.context ? r->parser.context : "",
			   r->parser.context ? ": " : "",
			   r->parser.problem ? r->parser.problem : "not YAML");
}

static int read_node(struct reader *r, int depth, struct config_node *out);

static struct config_node *add_child(struct config_node *n)
{
	/* room grows by doubling: a count that is a power of two is full */
	if ((n->count & (n->count - 1)) == 0) {
		size_t size = n->count ? n->count * 2 : 1;
		struct config_node *more = reallocarray(n->children, size, sizeof(*more));

		if (!more)
			return NULL;
		n->children = more;
	}
	n->children[n->count] = (struct config_node){ 0 };
	return &n->children[n->count++];
}

static int read_scalar(struct reader *r, char **out)
{
	const char *value = (const char *)r->event.data.scalar.value;

	if (strlen(value) != r->event.data.scalar.length)
		return config_fail(r->base, line_of(&r->event.start_mark), "a NUL byte in a value");
	*out = strdup(value);
	return *out ? 0 : -ENOMEM;
}

static int read_children(struct reader *r, int depth, struct config_node *out)
{
	bool mapping = out->kind == CONFIG_MAPPING;

	for (;;) {
		struct config_node *child;
		char *key = NULL;
		int line, e = next_event(r);

		if (e < 0)
			return e;
		if (r->event.type == YAML_MAPPING_END_EVENT || r->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		line = line_of(&r->event.start_mark);
		if (mapping) {
			if (r->event.type != YAML_SCALAR_EVENT)
				return config_fail(r->base, line, "a key must be a plain word");
			e = read_scalar(r, &key);
			if (e == 0)
				e = next_event(r);
			if (e < 0) {
				free(key);
				return e;
			}
		}
		child = add_child(out);
		if (!child) {
			free(key);
			return -ENOMEM;
		}
		child->key = key;
		e = read_node(r, depth + 1, child);
		if (e < 0)
			return e;
		child->line = line;
	}
}

/* the node whose first event has been read */
static int read_node(struct reader *r, int depth, struct config_node *out)
{
	int line = line_of(&r->event.start_mark);

	out->line = line;
	if (depth > MAX_DEPTH)
		return config_fail(r->base, line, "nested more than %d levels deep", MAX_DEPTH);
	if (++r->nodes > MAX_NODES)
		return config_fail(r->base, line, "more than %d values", MAX_NODES);
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		out->kind = CONFIG_SCALAR;
		return read_scalar(r, &out->text);
	case YAML_SEQUENCE_START_EVENT:
		out->kind = CONFIG_SEQUENCE;
		return read_children(r, depth, out);
	case YAML_MAPPING_START_EVENT:
		out->kind = CONFIG_MAPPING;
		return read_children(r, depth, out);
	case YAML_ALIAS_EVENT:
		return config_fail(r->base, line, "aliases (*name) are not read here; settings for every service may stand at the top level");
	default:
		return config_fail(r->base, line, "a value is missing");
	}
}

static int read_document(struct reader *r, struct config_node *out)
{
	int e = next_event(r); /* the stream's start */

	if (e == 0)
		e = next_event(r);
	if (e < 0)
		return e;
	out->kind = CONFIG_MAPPING;
	out->line = 1;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0;
	e = next_event(r);
	if (e == 0)
		e = read_node(r, 0, out);
	if (e == 0)
		e = next_event(r); /* the document's end */
	if (e == 0)
		e = next_event(r);
	if (e == 0 && r->event.type != YAML_STREAM_END_EVENT)
		return config_fail(r->base, line_of(&r->event.start_mark), "a second document");
	return e;
}

int config_read_yaml(struct config_reader *base, const char *text, size_t len, struct config_node *out)
{
	struct reader r = { .base = base };
	struct config_node root = { 0 };
	int e;

	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	e = read_document(&r, &root);
	if (r.has_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	if (e < 0)
		config_node_done(&root);
	else
		*out = root;
	return e;
}

void config_node_done(struct config_node *n)
{
	for (size_t i = 0; i < n->count; i++)
		config_node_done(&n->children[i]);
	free(n->children);
	free(n->key);
	free(n->text);
	*n = (struct config_node){ 0 };
}
