/*
 * libgit2 is asked first, in this process: nearly all paths that change are sources, and those it knows
 * not to be ignored at once. Where it says "ignored" the program git has the last word, since libgit2
 * (seen up to 1.9) drops a negation whose counterpart stands in another file ("*.log" here and
 * "!keep.log" below), and does not know that a tracked file is never ignored. A source taken for
 * ignored would be a change missed. That costs one process for each batch with new such paths; the
 * worker keeps the verdicts.
 */
#include "fs/git/verdict.h"
#include "fs/git/names.h"
#include "fs/git/program.h"
#include <errno.h>
#include <string.h>

struct question {
	struct repository *in;
	char *path; /* in its work tree */
	size_t of;  /* which path of the batch */
};

struct questions {
	struct question *items; /* only those that libgit2 answers with "ignored" */
	size_t count, size;
	size_t of;
	const struct repository *last; /* that was asked, and what is known of it by then */
	struct buf clear;
};

static int note(struct repository *r, const char *inside, void *arg)
{
	struct questions *q = arg;
	struct question *items;
	char *copy;

	if (q->last != r)
		buf_truncate(&q->clear, 0);
	q->last = r;
	if (!repository_may_ignore(r, inside, &q->clear))
		return 0;
	if (q->count == q->size) {
		size_t size = q->size ? q->size * 2 : 16;

		items = reallocarray(q->items, size, sizeof(*items));
		if (!items)
			return -ENOMEM;
		q->items = items;
		q->size = size;
	}
	copy = strdup(inside);
	if (!copy)
		return -ENOMEM;
	q->items[q->count++] = (struct question){ r, copy, q->of };
	return 0;
}

static int note_nothing(struct repository *r, const char *inside, void *arg)
{
	return 0;
}

static void questions_done(struct questions *q)
{
	for (size_t i = 0; i < q->count; i++)
		free(q->items[i].path);
	free(q->items);
	buf_done(&q->clear);
}

/* All questions that are for the repository of question `first`; they are marked as answered. */
static int ask_repository(struct questions *q, size_t first, char *verdicts)
{
	struct repository *r = q->items[first].in;
	AUTO_FREE const char **paths = calloc(q->count, sizeof(*paths));
	AUTO_FREE size_t *of = calloc(q->count, sizeof(*of));
	AUTO_FREE char *answers = calloc(q->count, 1);
	size_t n = 0;

	if (!paths || !of || !answers)
		return -ENOMEM;
	for (size_t i = first; i < q->count; i++) {
		if (q->items[i].in != r)
			continue;
		q->items[i].in = NULL;
		of[n] = q->items[i].of;
		paths[n++] = q->items[i].path;
	}
	/* without the program libgit2's word stands; where it had none, nothing is ignored */
	if (program_check_ignore(r->workdir, paths, n, answers) == -ENOENT)
		memset(answers, r->git ? 1 : 0, n);
	for (size_t i = 0; i < n; i++) {
		if (answers[i])
			verdicts[of[i]] = '1';
	}
	return 0;
}

int verdict_on_paths(struct forest *f, const char *const *paths, size_t count, struct buf *out)
{
	AUTO_DONE(questions) struct questions q = { 0 };
	size_t start = out->len;
	int r = buf_reserve(out, count);

	if (r < 0)
		return r;
	/* Not in the midst of a batch: its questions point to the repositories. */
	if (f->plain.count > FOREST_MAX_DIRS)
		forest_forget(f);
	for (q.of = 0; r == 0 && q.of < count; q.of++) {
		bool git = names_in_git_dir(paths[q.of]);

		buf_putc(out, git ? '1' : '0');
		/* also for its own files: that is how a nested repository is met first */
		r = forest_ask(f, paths[q.of], git ? note_nothing : note, &q);
	}
	for (size_t i = 0; r == 0 && i < q.count; i++) {
		if (q.items[i].in)
			r = ask_repository(&q, i, out->data + start);
	}
	if (r < 0)
		buf_truncate(out, start);
	return r;
}
