#include "fs/ignore.h"
#include "core/base/buf.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/strv.h"
#include "fs/git/names.h"
#include "fs/ignore_cache.h"
#include "fs/ignore_link.h"
#include "fs/ignore_question.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define LOOK_NS 1000000000LL /* rules outside the tree are compared as often as this at most */
#define DIRS_MS 100
#define DIRS_MAX 256

/* What is to be done before the next question. Any thread sets it. */
static struct {
	pthread_mutex_t lock;
	bool reload, dirs, about;
	int64_t looked_ns;
	struct strv git_dirs;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

int ignore_start(int socket)
{
	pthread_mutex_lock(&state.lock);
	state.reload = false;
	state.dirs = state.about = true;
	state.looked_ns = 0;
	pthread_mutex_unlock(&state.lock);
	ignore_cache_drop();
	return link_start(socket);
}

void ignore_stop(void)
{
	link_stop();
	ignore_cache_drop();
	pthread_mutex_lock(&state.lock);
	strv_done(&state.git_dirs);
	pthread_mutex_unlock(&state.lock);
}

/* ---- what makes verdicts old ---- */

static bool ends_with(const char *path, const char *tail)
{
	size_t len = strlen(path), tail_len = strlen(tail);

	return len >= tail_len && strcmp(path + len - tail_len, tail) == 0 &&
	       (len == tail_len || path[len - tail_len - 1] == '/');
}

/* Also in .git/modules/NAME and .git/worktrees/NAME. The index: what is tracked is not ignored. */
static bool is_rule_of_git_dir(const char *path)
{
	return names_in_git_dir(path) &&
	       (ends_with(path, ".git") || ends_with(path, "info/exclude") || ends_with(path, "config") ||
		ends_with(path, "config.worktree") || ends_with(path, "index"));
}

void ignore_path_changed(const char *path)
{
	bool in_git = is_rule_of_git_dir(path);

	if (!in_git && !ends_with(path, ".gitignore") && !ends_with(path, ".gitmodules"))
		return;
	pthread_mutex_lock(&state.lock);
	state.reload = true;
	if (in_git && !ends_with(path, "index"))
		state.dirs = state.about = true;
	pthread_mutex_unlock(&state.lock);
	ignore_cache_drop();
}

void ignore_tree_replaced(void)
{
	pthread_mutex_lock(&state.lock);
	state.reload = state.dirs = state.about = true;
	pthread_mutex_unlock(&state.lock);
	ignore_cache_drop();
}

/* ---- the helper's answers, in time or late ---- */

static void hear_changed(void *arg, const char *data, size_t len)
{
	if (data && len == 1 && *data == '1')
		ignore_cache_drop();
}

static void hear_dirs(void *arg, const char *data, size_t len)
{
	AUTO_STRV dirs = { 0 };

	for (const char *at = data; data && at < data + len && dirs.count < DIRS_MAX; at += strlen(at) + 1) {
		if (strv_add(&dirs, at) < 0)
			return;
	}
	pthread_mutex_lock(&state.lock);
	strv_done(&state.git_dirs);
	state.git_dirs = dirs;
	dirs = (struct strv){ 0 };
	pthread_mutex_unlock(&state.lock);
}

static void hear_about(void *arg, const char *data, size_t len)
{
	if (data)
		log_info("event=git %.*s", (int)len, data);
}

/* What was asked between the change of the rules and this may have been answered by the old ones. */
static void hear_reload(void *arg, const char *data, size_t len)
{
	ignore_cache_drop();
}

/* ---- asking ---- */

static bool take_flag(bool *flag)
{
	bool was;

	pthread_mutex_lock(&state.lock);
	was = *flag;
	*flag = false;
	pthread_mutex_unlock(&state.lock);
	return was;
}

static void set_flag(bool *flag)
{
	pthread_mutex_lock(&state.lock);
	*flag = true;
	pthread_mutex_unlock(&state.lock);
}

static int ask_word(const char *word, link_heard *heard, int64_t deadline_ns)
{
	return link_ask(word, strlen(word), heard, NULL, deadline_ns);
}

static int ask_if(bool *flag, const char *word, link_heard *heard, int64_t deadline_ns)
{
	int r = take_flag(flag) ? ask_word(word, heard, deadline_ns) : 0;

	if (r < 0 && r != -ETIMEDOUT)
		set_flag(flag); /* it was not even sent */
	return r;
}

static bool is_time_to_look(void)
{
	int64_t now = link_now_ns();
	bool due;

	pthread_mutex_lock(&state.lock);
	due = now - state.looked_ns >= LOOK_NS;
	if (due)
		state.looked_ns = now;
	pthread_mutex_unlock(&state.lock);
	return due;
}

/* Before any question: what it knows must be as new as what is asked. */
static int bring_up_to_date(int64_t deadline_ns)
{
	int r = ask_if(&state.reload, "reload", hear_reload, deadline_ns);

	if (r == 0 && is_time_to_look())
		r = ask_word("changed", hear_changed, deadline_ns);
	return r < 0 ? r : ask_if(&state.about, "about", hear_about, deadline_ns);
}

int ignore_cached(const char *path)
{
	return names_in_git_dir(path) ? 1 : ignore_cache_look(path);
}

static int verdict_on(const struct map *answers, const char *path)
{
	int verdict = names_in_git_dir(path) ? 1 : ignore_look(answers, path);

	return verdict == -1 ? ignore_cache_look(path) : verdict;
}

bool ignore_ask(const char *const *paths, size_t count, bool *verdicts, int timeout_ms)
{
	int64_t deadline_ns = link_now_ns() + (int64_t)timeout_ms * 1000000;
	AUTO_DONE(map) struct map answers = { 0 };
	bool met_repository = false;
	bool all;
	int r = bring_up_to_date(deadline_ns);

	if (r == 0)
		r = question_ask(paths, count, &answers, &met_repository, deadline_ns);
	all = r == 0;
	if (met_repository)
		set_flag(&state.dirs);
	for (size_t i = 0; i < count; i++) {
		int verdict = verdict_on(&answers, paths[i]);

		verdicts[i] = verdict == 1;
		all = all && verdict != -1;
	}
	return all;
}

size_t ignore_git_dirs(char **dirs, size_t max)
{
	size_t n = 0;

	ask_if(&state.dirs, "dirs", hear_dirs, link_now_ns() + DIRS_MS * 1000000LL);
	pthread_mutex_lock(&state.lock);
	for (; n < state.git_dirs.count && n < max; n++) {
		dirs[n] = strdup(state.git_dirs.items[n]);
		if (!dirs[n])
			break;
	}
	pthread_mutex_unlock(&state.lock);
	return n;
}

const char *ignore_helper(void)
{
	return link_is_there() ? "running" : "none";
}
