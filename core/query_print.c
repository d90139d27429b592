/* From a query back to JSON, in one canonical form. */
#include "core/query_term.h"
#include <string.h>

static json_t *list_of(const struct strv *words)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < words->count; i++)
		json_array_append_new(list, json_string(words->items[i]));
	return list;
}

static json_t *word_or_list(const struct query_term *t)
{
	return t->is_list ? list_of(&t->words) : json_string(t->words.items[0]);
}

static json_t *since_to_json(const struct query_since *since)
{
	char text[CLOCK_TEXT_SIZE];

	if (since->kind == QUERY_TIME)
		return json_integer(since->time);
	return json_string(since->kind == QUERY_CLOCK ? clock_text(&since->clock, text) : "n:foreign");
}

static json_t *composed(const struct query_term *t, const char *name)
{
	json_t *list = json_pack("[s]", name);

	for (size_t i = 0; list && i < t->count; i++)
		json_array_append_new(list, query_term_to_json(t->below[i]));
	return list;
}

json_t *query_term_to_json(const struct query_term *t)
{
	const char *scope = t->wholename ? "wholename" : "basename";

	switch (t->op) {
	case QUERY_TRUE:
		return json_string("true");
	case QUERY_FALSE:
		return json_string("false");
	case QUERY_EXISTS:
		return json_string("exists");
	case QUERY_EMPTY:
		return json_string("empty");
	case QUERY_NOT:
		return composed(t, "not");
	case QUERY_ALLOF:
		return composed(t, "allof");
	case QUERY_ANYOF:
		return composed(t, "anyof");
	case QUERY_NAME:
		return json_pack("[s,o,s]", t->casefold ? "iname" : "name", word_or_list(t), scope);
	case QUERY_MATCH:
		return json_pack("[s,s,s,{s:b,s:b}]", t->casefold ? "imatch" : "match", t->words.items[0], scope,
				 "includedotfiles", t->dotfiles, "noescape", t->noescape);
	case QUERY_SUFFIX:
		return json_pack("[s,o]", "suffix", word_or_list(t));
	case QUERY_DIRNAME:
		return json_pack("[s,s,[s,s,I]]", t->casefold ? "idirname" : "dirname", t->words.items[0], "depth",
				 query_compare_names[t->compare], (json_int_t)t->operand);
	case QUERY_TYPE:
		return json_pack("[s,s%]", "type", &t->type, (size_t)1);
	case QUERY_SIZE:
		return json_pack("[s,s,I]", "size", query_compare_names[t->compare], (json_int_t)t->operand);
	case QUERY_SINCE:
		return json_pack("[s,o,s]", "since", since_to_json(&t->since), query_clock_field_names[t->clock_field]);
	}
	return NULL;
}

static json_t *paths_to_json(const struct query *q)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < q->path_count; i++) {
		json_array_append_new(
			list, json_pack("{s:s,s:I}", "path", q->paths[i].path, "depth", (json_int_t)q->paths[i].depth));
	}
	return list;
}

static void put_optional(const struct query *q, json_t *o)
{
	if (q->since.kind != QUERY_ALWAYS)
		json_object_set_new(o, "since", since_to_json(&q->since));
	if (q->expression)
		json_object_set_new(o, "expression", query_term_to_json(q->expression));
	if (q->relative_root)
		json_object_set_new(o, "relative_root", json_string(q->relative_root));
	if (q->has_paths)
		json_object_set_new(o, "path", paths_to_json(q));
	if (q->has_globs)
		json_object_set_new(o, "glob", list_of(&q->globs));
	if (q->has_suffixes)
		json_object_set_new(o, "suffix", list_of(&q->suffixes));
}

json_t *query_to_json(const struct query *q)
{
	json_t *fields = json_array();
	json_t *o;

	for (size_t i = 0; fields && i < q->field_count; i++)
		json_array_append_new(fields, json_string(q->fields[i]->name));
	o = json_pack("{s:o,s:b,s:b,s:b,s:b,s:b,s:I}", "fields", fields, "case_sensitive", !q->case_insensitive,
		      "dedup_results", q->dedup_results, "empty_on_fresh_instance", q->empty_on_fresh_instance,
		      "glob_includedotfiles", q->glob_dotfiles, "glob_noescape", q->glob_noescape, "sync_timeout",
		      (json_int_t)q->sync_timeout_ms);
	if (o)
		put_optional(q, o);
	return o;
}
