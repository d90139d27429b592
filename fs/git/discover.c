#include "fs/git/discover.h"
#include "core/json.h"
#include "fs/git/repository.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int print(const struct repository *r)
{
	json_t *o = json_object();
	char *text = NULL;
	int result = o ? 0 : -ENOMEM;

	if (result == 0 && r)
		result = json_set_bytes(o, "worktree", r->workdir) ?: json_set_bytes(o, "gitdir", r->gitdir) ?:
			 json_set_bytes(o, "commondir", r->commondir);
	if (result == 0)
		text = json_dumps(o, JSON_COMPACT);
	if (text)
		puts(text);
	free(text);
	json_decref(o);
	return text && fflush(stdout) == 0 ? 0 : 1;
}

int discover(const char *path)
{
	struct repository *r = NULL;
	AUTO_BUF why = { 0 };
	char real[PATH_MAX];
	int status;

	if (!realpath(path, real)) {
		fprintf(stderr, "hrfs-git: %s: %s\n", path, strerror(errno));
		return 1;
	}
	if (repository_open(&r, real, true, &why) < 0 && why.len)
		fprintf(stderr, "hrfs-git: %s\n", buf_str(&why));
	status = print(r);
	repository_free(r);
	return status;
}
