#include "fs/ignore_question.h"
#include "core/base/buf.h"
#include "core/base/strv.h"
#include "fs/git/wire.h"
#include "fs/ignore_cache.h"
#include "fs/ignore_link.h"
#include <errno.h>
#include <string.h>

#define BYTES_MAX (WIRE_MAX / 2)
#define WORD "ignored"

/* Shared by the asker and by the link, which may hear the answer when the asker has gone. */
struct question {
	int refs;
	struct strv paths;
	size_t bytes;
	uint64_t generation;
	char *verdicts; /* read when link_ask() answered 0 only; NULL: there are none */
};

struct asking {
	struct map *answers;
	struct question *q;
	bool met_repository;
	int64_t deadline_ns;
};

static struct question *question_new(void)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->refs = 1;
	q->generation = ignore_cache_generation();
	return q;
}

static void question_unref(struct question *q)
{
	if (!q || __atomic_sub_fetch(&q->refs, 1, __ATOMIC_ACQ_REL))
		return;
	strv_done(&q->paths);
	free(q->verdicts);
	free(q);
}

static void hear(void *arg, const char *data, size_t len)
{
	struct question *q = arg;

	if (data && len == q->paths.count) {
		q->verdicts = malloc(len + 1);
		if (q->verdicts)
			memcpy(q->verdicts, data, len);
		for (size_t i = 0; i < len; i++)
			ignore_cache_note(q->paths.items[i], data[i] == '1', q->generation);
	}
	question_unref(q);
}

static int put_message(const struct question *q, struct buf *message)
{
	int r = buf_put(message, WORD, sizeof(WORD));

	for (size_t i = 0; r == 0 && i < q->paths.count; i++)
		r = buf_put(message, q->paths.items[i], strlen(q->paths.items[i]) + 1);
	return r;
}

static int send_question(struct asking *a)
{
	struct question *q = take_ptr(a->q);
	AUTO_BUF message = { 0 };
	int r = put_message(q, &message);

	if (r == 0) {
		__atomic_add_fetch(&q->refs, 1, __ATOMIC_RELAXED);
		r = link_ask(message.data, message.len, hear, q, a->deadline_ns);
		if (r < 0 && r != -ETIMEDOUT)
			question_unref(q); /* the link's: it does not have it */
	}
	if (r == 0 && !q->verdicts)
		r = -EPIPE;
	for (size_t i = 0; r == 0 && i < q->paths.count; i++)
		r = ignore_note(a->answers, q->paths.items[i], q->verdicts[i] == '1');
	question_unref(q);
	return r;
}

static bool is_git_dir(const char *dir)
{
	size_t len = strlen(dir);

	return len >= 5 && strcmp(dir + len - 5, ".git/") == 0 && (len == 5 || dir[len - 6] == '/');
}

/* A directory that is asked of already counts as not ignored until it is known. */
static int add(struct asking *a, const char *path)
{
	size_t len = strlen(path) + 1;
	int r;

	if (a->q->paths.count == WIRE_MAX_PATHS || a->q->bytes + len > BYTES_MAX)
		return 0; /* absurdly deep: not ignored */
	r = strv_add(&a->q->paths, path);
	if (r < 0)
		return r;
	a->q->bytes += len;
	return ignore_note(a->answers, path, false);
}

static int known(const struct asking *a, const char *path)
{
	int verdict = ignore_look(a->answers, path);

	return verdict == -1 ? ignore_cache_look(path) : verdict;
}

/* Of a directory whose own directories are known not to be ignored: a tree may be thousands of levels deep. */
static int known_itself(const struct asking *a, const char *dir)
{
	int verdict = ignore_look_one(a->answers, dir);

	return verdict == -1 ? ignore_cache_look_one(dir) : verdict;
}

/*
 * The path and the directories above it, as far as they are not known: an ignored one then answers for
 * all that is in it. Of git's own files only the directory: the helper learns of the repository by it.
 */
static int add_path(struct asking *a, const char *path)
{
	for (const char *slash = path; (slash = strchr(slash, '/')) && slash[1]; slash++) {
		AUTO_FREE char *dir = strndup(path, (size_t)(slash - path) + 1);
		int verdict = dir ? known_itself(a, dir) : -1;
		int r = 0;

		if (!dir)
			return -ENOMEM;
		if (verdict == 1)
			return 0;
		if (verdict == -1)
			r = add(a, dir);
		if (r < 0)
			return r;
		if (is_git_dir(dir)) {
			a->met_repository |= verdict == -1;
			return 0;
		}
	}
	return known(a, path) == -1 ? add(a, path) : 0;
}

int question_ask(const char *const *paths, size_t count, struct map *answers, bool *met_repository, int64_t deadline_ns)
{
	struct asking a = { .answers = answers, .deadline_ns = deadline_ns };
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (!a.q)
			a.q = question_new();
		if (!a.q)
			return -ENOMEM;
		r = add_path(&a, paths[i]);
		if (r == 0 && (a.q->paths.count > WIRE_MAX_PATHS / 2 || a.q->bytes > BYTES_MAX / 2))
			r = send_question(&a);
	}
	if (r == 0 && a.q && a.q->paths.count)
		r = send_question(&a);
	question_unref(a.q);
	*met_repository = a.met_repository;
	return r;
}
