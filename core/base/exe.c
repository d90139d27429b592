#include "core/base/exe.h"
#include "hrfs-config.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define BUILD_DEPTH 4 /* an executable lies at most so deep in a build tree */

static const struct {
	const char *name, *folder; /* in the build tree */
	const char *installed;
} places[] = {
	{ "hrfs", "cli", HRFS_BINDIR },
	{ "hrfs-fs", "fs", HRFS_LIBEXECDIR },
	{ "hrfs-git", "fs/git", HRFS_LIBEXECDIR },
	{ "hrfs-job", "supervisor/job", HRFS_LIBEXECDIR },
	{ "hrfs-supervisor", "supervisor", HRFS_LIBEXECDIR },
};

static int look(struct buf *out, const char *dir, const char *folder, const char *name)
{
	int r;

	buf_truncate(out, 0);
	r = buf_printf(out, "%s%s%s/%s", dir, *folder ? "/" : "", folder, name);
	if (r < 0)
		return r;
	return access(buf_str(out), X_OK) ? -ENOENT : 0;
}

/* dir becomes the top of the build tree that it lies in; false: in none */
static bool build_top(char *dir)
{
	for (int i = 0; i < BUILD_DEPTH; i++) {
		char *slash = strrchr(dir, '/');
		AUTO_BUF mark = { 0 };

		if (!slash || slash == dir)
			return false;
		*slash = '\0';
		/* the folder that every build by meson has at its top */
		if (buf_printf(&mark, "%s/meson-private", dir) < 0)
			return false;
		if (access(buf_str(&mark), F_OK) == 0)
			return true;
	}
	return false;
}

static const char *folder_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strcmp(places[i].name, name) == 0)
			return places[i].folder;
	}
	return "";
}

static const char *installed_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strcmp(places[i].name, name) == 0)
			return places[i].installed;
	}
	return HRFS_LIBEXECDIR;
}

int exe_find(const char *name, struct buf *out)
{
	const char *given = secure_getenv("HRFS_LIBEXECDIR");
	char self[PATH_MAX];
	ssize_t len;

	if (given && *given)
		return look(out, given, "", name);
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (len < 0)
		return -errno;
	self[len] = '\0';
	if (build_top(self))
		return look(out, self, folder_of(name), name);
	return look(out, installed_of(name), "", name);
}

int exe_find_beside(const char *of, const char *name, struct buf *out)
{
	char top[PATH_MAX];
	char *slash;

	if (strlen(of) >= sizeof(top))
		return -ENAMETOOLONG;
	strcpy(top, of);
	if (build_top(top))
		return look(out, top, folder_of(name), name);
	strcpy(top, of);
	slash = strrchr(top, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return look(out, top, "", name);
}
