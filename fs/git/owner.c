#include "fs/git/owner.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* As `git rev-parse --local-env-vars` lists them, less those that set configuration only. */
static const char *const of_a_repository[] = {
	"GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_COMMON_DIR",
	"GIT_DIR",
	"GIT_GRAFT_FILE",
	"GIT_IMPLICIT_WORK_TREE",
	"GIT_INDEX_FILE",
	"GIT_INTERNAL_SUPER_PREFIX",
	"GIT_NAMESPACE",
	"GIT_OBJECT_DIRECTORY",
	"GIT_PREFIX",
	"GIT_REPLACE_REF_BASE",
	"GIT_SHALLOW_FILE",
	"GIT_WORK_TREE",
	"GIT_TRACE",
	"GIT_LITERAL_PATHSPECS",
	"GIT_GLOB_PATHSPECS",
	"GIT_NOGLOB_PATHSPECS",
	"GIT_ICASE_PATHSPECS",
};

static int become(uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL))
		return -errno;
	return setgid(gid) || setuid(uid) ? -errno : 0;
}

/*
 * Of a daemon that root has started for a user's tree HOME is still root's: its configuration must not
 * count, and could not be read. A home directory that is not ours is the sign.
 */
static void settle_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw = getpwuid(geteuid());
	struct stat st;

	if (!pw || (home && stat(home, &st) == 0 && st.st_uid == geteuid()))
		return;
	setenv("HOME", pw->pw_dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("GIT_CONFIG_GLOBAL");
}

int owner_become(const char *path)
{
	struct stat st;
	int r = 0;

	if (geteuid() == 0) {
		if (stat(path, &st))
			return -errno;
		if (st.st_uid != 0)
			r = become(st.st_uid, st.st_gid);
	}
	settle_home();
	for (size_t i = 0; i < ARRAY_SIZE(of_a_repository); i++)
		unsetenv(of_a_repository[i]);
	setenv("GIT_DISCOVERY_ACROSS_FILESYSTEM", "1", 1);
	setenv("LC_ALL", "C", 1);
	return r;
}
