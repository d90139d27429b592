/*
 * Git's verdict on paths, from hrfs-git, asked in batches with a time-out; no answer means "not
 * ignored". Verdicts are cached by directory and path until a rule file changes.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/*
 * socket: connected to hrfs-git (SOCK_STREAM), owned from now on; -1: there is none, nothing is
 * ignored. root: the lower's path as hrfs-git is to name it.
 */
int ignore_start(int socket);
void ignore_stop(void);
/*
 * verdicts[i] for paths[i] (relative to the root; a trailing '/' marks a directory). Waits at most
 * timeout_ms. Not on request threads. False: not all were answered (the rest is "not ignored").
 */
bool ignore_ask(const char *const *paths, size_t count, bool *verdicts, int timeout_ms);
/* Only what is cached: 1 ignored, 0 not, -1 not known. Any thread, never waits. */
int ignore_cached(const char *path);
/* A path changed: when it is a rule file (.gitignore, info/exclude, config) the verdicts are dropped. */
void ignore_path_changed(const char *path);
/* The tree is another one, perhaps with another real path. Any thread */
void ignore_tree_replaced(void);
/*
 * The git directories whose index.lock holds a batch open ("real" ones: of worktrees, submodules and a
 * source below the repository's top), absolute paths. Copies up to max malloc'ed strings; the count.
 */
size_t ignore_git_dirs(char **dirs, size_t max);
/* "running" or "none", for the status. Any thread, never waits. */
const char *ignore_helper(void);
