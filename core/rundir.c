#include "core/rundir.h"
#include "core/base/path.h"
#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char *runtime_dir(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	/* sudo may leave another user's in the environment */
	if (!dir || *dir != '/' || stat(dir, &st) || st.st_uid != geteuid())
		return NULL;
	return dir;
}

static int own_parent(struct buf *out)
{
	const char *dir = runtime_dir();

	if (dir)
		return buf_puts(out, dir);
	if (geteuid() == 0)
		return buf_puts(out, "/run");
	return buf_printf(out, "/tmp/hrfs-%u", geteuid());
}

static int make_own(const char *dir, mode_t mode)
{
	struct stat st;

	if (mkdir(dir, mode) && errno != EEXIST)
		return -errno;
	if (lstat(dir, &st))
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) ? 0 : -EPERM;
}

int rundir_own(struct buf *out)
{
	int r = own_parent(out);

	if (r == 0 && strncmp(out->data, "/tmp/", 5) == 0)
		r = make_own(out->data, 0700);
	if (r == 0)
		r = buf_puts(out, "/hrfs");
	return r < 0 ? r : make_own(out->data, strcmp(out->data, "/run/hrfs") == 0 ? 0755 : 0700);
}

static int nth_match(const char *pattern, unsigned n, struct buf *out)
{
	glob_t found = { 0 };
	int r = -ENOENT;

	if (glob(pattern, GLOB_ONLYDIR | GLOB_BRACE, NULL, &found) == 0 && n < found.gl_pathc)
		r = buf_puts(out, found.gl_pathv[n]);
	globfree(&found);
	return r;
}

int rundir_nth(unsigned n, struct buf *out)
{
	const char *dir = runtime_dir();

	if (dir && n-- == 0)
		return buf_printf(out, "%s/hrfs", dir);
	if (n-- == 0)
		return buf_puts(out, "/run/hrfs");
	if (geteuid() != 0)
		return n == 0 ? buf_printf(out, "/tmp/hrfs-%u/hrfs", geteuid()) : -ENOENT;
	return nth_match("{/run/user/*/hrfs,/tmp/hrfs-*/hrfs}", n, out);
}

int rundir_file(struct buf *out, const char *dir, dev_t dev, const char *kind)
{
	return buf_printf(out, "%s/%u:%u.%s", dir, major(dev), minor(dev), kind);
}
