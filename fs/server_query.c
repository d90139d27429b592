/* query, since, find: lists of files as answers. */
#include "core/base/path.h"
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

static void fail(struct request *r, const struct buf *error)
{
	answer_error(r->answer, "%s", error->len ? error->data : "out of memory");
	request_free(r);
}

/* The root's path in the mount, and the relative root below it. */
char *query_root(const char *path, const struct query *q)
{
	AUTO_BUF root = { 0 };
	int r = path_join(&root, path, q->relative_root ? q->relative_root : "");

	if (r < 0)
		return NULL;
	if (!q->relative_root && root.len && root.data[root.len - 1] == '/')
		buf_truncate(&root, root.len - 1);
	return root.data ? buf_take(&root) : strdup("");
}

static void start(struct request *r, struct query *q)
{
	struct file_job *j = job_new(r->connection, r->answer);

	if (!j || !(j->root = query_root(r->path, q)) ||
	    buf_printf(&j->head, "{\"version\":\"%s\",", WATCHMAN_VERSION) < 0) {
		connection_close(r->connection, "no memory");
		query_free(q);
		request_free(r);
		return;
	}
	j->query = q;
	j->now = r->tick;
	j->all_told = r->told;
	j->compare = true;
	job_set_since(j, &q->since);
	job_start(j);
	request_free(r);
}

static void parse_and_start(struct request *r, const json_t *spec)
{
	AUTO_BUF error = { 0 };
	struct query *q;

	if (query_parse(spec, &q, &error) < 0)
		fail(r, &error);
	else
		start(r, q);
}

void cmd_query(struct request *r)
{
	if (json_array_size(r->args) != 3) {
		answer_error(r->answer, "wrong number of arguments for 'query', expected 3");
		request_free(r);
		return;
	}
	parse_and_start(r, request_option(r, 0));
}

/* since: the clock, or NULL */
static void by_patterns(struct request *r, size_t first, json_t *since)
{
	AUTO_BUF error = { 0 };
	json_t *spec = query_of_patterns(r->args, first, &error);

	if (!spec) {
		fail(r, &error);
		return;
	}
	if (since)
		json_object_set(spec, "since", since);
	parse_and_start(r, spec);
	json_decref(spec);
}

void cmd_since(struct request *r)
{
	json_t *clock = request_option(r, 0);
	struct query_since since;

	if (!clock || query_since_parse(clock, &since) < 0) {
		answer_error(r->answer, "since: the third element must be a clock (c:…), or a time in seconds");
		request_free(r);
		return;
	}
	by_patterns(r, 3, clock);
}

void cmd_find(struct request *r)
{
	by_patterns(r, 2, NULL);
}
