/*
 * The program git, for what libgit2 cannot answer. It runs as we do, in the directory given, with our
 * environment. Blocks for at most PROGRAM_LIMIT_MS, then it is killed. hrfs-git's one thread.
 */
#pragma once
#include "core/base/buf.h"
#include <stddef.h>

#define PROGRAM_LIMIT_MS 5000

/*
 * argv as for execvp, input to its standard input, its standard output in out (at most 4 MiB). The
 * exit code; -ENOENT: there is no such program; -ETIMEDOUT; -errno
 */
int program_run(char *const argv[], const char *dir, const struct buf *input, struct buf *out);
/*
 * verdicts[i] = 1 where `git check-ignore` calls paths[i] (relative to workdir, '/' behind a directory)
 * ignored, else 0: tracked files never are. -ENOENT: there is no git, nothing is set
 */
int program_check_ignore(const char *workdir, const char *const *paths, size_t count, char *verdicts);
/*
 * The repository that dir lies in, as git sees it; three malloc'ed absolute paths. 0, or -ENOENT: in none,
 * or in one that git will not read (why then holds what it said)
 */
int program_discover(const char *dir, char **workdir, char **gitdir, char **commondir, struct buf *why);
