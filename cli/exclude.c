#include "cli/exclude.h"
#include "cli/capture.h"
#include "core/base/exe.h"
#include "core/git_exclude.h"
#include "core/git_exclude_note.h"
#include "core/json.h"
#include "core/rundir.h"
#include <errno.h>
#include <string.h>

#define ANSWER_MAX (64 * 1024)

/* hrfs-git knows, in a process of its own: the repository may be anybody's. NULL: in none */
static json_t *discover(const char *path)
{
	AUTO_BUF program = { 0 };
	AUTO_BUF answer = { 0 };
	const char *why;

	if (exe_find("hrfs-git", &program) < 0)
		return NULL;
	if (capture((const char *[]){ program.data, "--discover", path, NULL }, ANSWER_MAX, &answer) < 0)
		return NULL;
	return json_parse(buf_str(&answer), answer.len, &why);
}

int exclude_enter(const char *mountpoint, const char *socket_path, struct buf *file)
{
	const char *slash = strrchr(mountpoint, '/');
	AUTO_FREE char *parent = strndup(mountpoint, slash > mountpoint ? (size_t)(slash - mountpoint) : 1);
	json_t *repository = parent ? discover(parent) : NULL;
	AUTO_FREE char *worktree = json_get_bytes(repository, "worktree");
	AUTO_FREE char *commondir = json_get_bytes(repository, "commondir");
	int r;

	json_decref(repository);
	if (!worktree || !commondir)
		return 0;
	r = buf_printf(file, "%s%sinfo/exclude", commondir, commondir[strlen(commondir) - 1] == '/' ? "" : "/");
	/* the note first: whoever is killed between the two leaves nothing that nobody knows of */
	if (r == 0)
		r = git_exclude_note(socket_path, file->data);
	return r < 0 ? r : git_exclude_add(file->data, worktree, mountpoint);
}

void exclude_leave_dead(dev_t dev, const char *mountpoint)
{
	for (unsigned n = 0;; n++) {
		AUTO_BUF dir = { 0 };
		AUTO_BUF socket = { 0 };

		if (rundir_nth(n, &dir) < 0 || rundir_file(&socket, dir.data, dev, "sock") < 0)
			return;
		git_exclude_forget(socket.data, mountpoint);
	}
}
