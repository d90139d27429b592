#include "fs/git/repository.h"
#include "core/base/path.h"
#include "fs/git/program.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* "/a/b/" -> "/a/b", malloc'ed */
static char *without_slash(const char *path)
{
	size_t len = path ? strlen(path) : 0;

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len ? strndup(path, len) : NULL;
}

static const char *last_error(void)
{
	const git_error *e = git_error_last();

	return e && e->message ? e->message : "libgit2 gives no reason";
}

/* Configuration that git takes from the environment, libgit2 does not: it has to be the same for both. */
static void take_environment(git_repository *r)
{
	static const struct {
		const char *variable;
		git_config_level_t level;
	} files[] = {
		{ "GIT_CONFIG_SYSTEM", GIT_CONFIG_LEVEL_SYSTEM },
		{ "GIT_CONFIG_GLOBAL", GIT_CONFIG_LEVEL_XDG },
		{ "GIT_CONFIG_GLOBAL", GIT_CONFIG_LEVEL_GLOBAL },
	};
	git_config *config = NULL;

	if (git_repository_config(&config, r))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *file = getenv(files[i].variable);

		if (file)
			git_config_add_file_ondisk(config, *file ? file : "/dev/null", files[i].level, r, 1);
	}
	git_config_free(config);
}

static int take_up(struct repository *r)
{
	if (!git_repository_workdir(r->git))
		return -ENOENT; /* bare */
	take_environment(r->git);
	r->workdir = without_slash(git_repository_workdir(r->git));
	r->gitdir = without_slash(git_repository_path(r->git));
	r->commondir = without_slash(git_repository_commondir(r->git));
	return r->workdir && r->gitdir && r->commondir ? 0 : -ENOMEM;
}

static int open_by_program(struct repository *r, const char *dir, bool search, const char *refusal, struct buf *why)
{
	AUTO_BUF said = { 0 };
	int result = program_discover(dir, &r->workdir, &r->gitdir, &r->commondir, &said);

	if (result == -ENOENT)
		buf_printf(why, "libgit2: %s; git: %s", refusal, buf_str(&said));
	if (result == 0 && !search && strcmp(r->workdir, dir) != 0)
		return -ENOENT; /* what stands at dir is none: git has found the one around it */
	return result;
}

/* gitdir itself, or what its file "commondir" names. Malloc'ed */
static char *common_of(const char *gitdir)
{
	AUTO_BUF path = { 0 };
	AUTO_BUF common = { 0 };
	char line[PATH_MAX];
	FILE *f = NULL;

	if (path_join(&path, gitdir, "commondir") == 0)
		f = fopen(path.data, "re");
	if (!f)
		return strdup(gitdir);
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return path_absolute(&common, gitdir, line) < 0 ? NULL : buf_take(&common);
}

/*
 * Format 1 means extensions, of which libgit2 knows hardly any. It is not even asked to open such a
 * repository, since each refusal leaks some 100 KB (1.5: in looking for the extensions' names).
 */
static bool has_extensions(const char *gitdir)
{
	git_config *config = NULL;
	AUTO_BUF path = { 0 };
	AUTO_FREE char *common = common_of(gitdir);
	int32_t version = 0;

	if (common && path_join(&path, common, "config") == 0 && git_config_open_ondisk(&config, path.data) == 0)
		git_config_get_int32(&version, config, "core.repositoryformatversion");
	git_config_free(config);
	return version > 0;
}

static int open_found(struct repository *r, const char *gitdir, const char *dir, bool search, struct buf *why)
{
	/* a mount is a file system of its own; the repository may well start above it */
	unsigned flags = GIT_REPOSITORY_OPEN_CROSS_FS | (search ? 0u : GIT_REPOSITORY_OPEN_NO_SEARCH);
	int error;

	if (has_extensions(gitdir))
		return open_by_program(r, dir, search, "it has extensions", why);
	error = git_repository_open_ext(&r->git, dir, flags, NULL);
	if (error == 0)
		return take_up(r);
	/* With search this is a refusal too (1.5 says so of a repository of somebody else's): one was found. */
	if (error == GIT_ENOTFOUND && !search)
		return -ENOENT;
	return open_by_program(r, dir, search, last_error(), why);
}

int repository_open(struct repository **out, const char *dir, bool search, struct buf *why)
{
	struct repository *r = calloc(1, sizeof(*r));
	git_buf gitdir = { 0 };
	int result = -ENOENT;

	if (!r)
		return -ENOMEM;
	if (git_repository_discover(&gitdir, dir, 1, NULL) == 0)
		result = open_found(r, gitdir.ptr, dir, search, why);
	git_buf_dispose(&gitdir);
	if (result < 0) {
		repository_free(r);
		return result;
	}
	*out = r;
	return 0;
}

void repository_free(struct repository *r)
{
	if (!r)
		return;
	git_repository_free(r->git);
	free(r->workdir);
	free(r->gitdir);
	free(r->commondir);
	free(r);
}

static bool says_ignored(struct repository *r, const char *path)
{
	int ignored = 0;

	return git_ignore_path_is_ignored(&ignored, r->git, path) != 0 || ignored;
}

/* How much of path is directories that `clear`, one that is not ignored, is or is in. */
static size_t known_part(const char *path, const struct buf *clear)
{
	size_t known = 0;

	for (size_t i = 0; i < clear->len && path[i] == clear->data[i]; i++) {
		if (path[i] == '/')
			known = i + 1;
	}
	return known;
}

/*
 * From the top down, since a directory that is ignored hides every rule below it. (Asked for the path
 * alone, libgit2 lets "!d/sub/x" win over "d/": seen up to 1.9.)
 */
bool repository_may_ignore(struct repository *r, const char *path, struct buf *clear)
{
	AUTO_FREE char *part = strdup(path);
	char *slash;

	if (!r->git || !part)
		return true;
	slash = part + known_part(path, clear);
	while ((slash = strchr(slash, '/')) && slash[1]) {
		char next = *++slash;

		*slash = '\0';
		if (says_ignored(r, part))
			return true;
		buf_truncate(clear, 0);
		if (buf_puts(clear, part) < 0)
			return true;
		*slash = next;
	}
	return says_ignored(r, path);
}
