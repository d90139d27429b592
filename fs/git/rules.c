#include "fs/git/rules.h"
#include "core/base/path.h"
#include <string.h>
#include <sys/stat.h>

static void mix(uint64_t *stamp, uint64_t value)
{
	struct {
		uint64_t stamp, value;
	} pair = { *stamp, value };

	*stamp = bytes_hash(&pair, sizeof(pair));
}

static void mix_file(uint64_t *stamp, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		mix(stamp, 0);
		return;
	}
	mix(stamp, st.st_ino);
	mix(stamp, (uint64_t)st.st_size);
	mix(stamp, (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec);
}

static void mix_in(uint64_t *stamp, const char *dir, const char *name)
{
	AUTO_BUF path = { 0 };

	if (path_join(&path, dir, name) == 0)
		mix_file(stamp, path.data);
}

static void mix_excludes(uint64_t *stamp, struct repository *r)
{
	git_buf path = { 0 };
	git_config *config = NULL;

	if (r && r->git && git_repository_config_snapshot(&config, r->git) == 0 &&
	    git_config_get_path(&path, config, "core.excludesfile") == 0) {
		mix_file(stamp, path.ptr);
		git_buf_dispose(&path);
	}
	git_config_free(config);
}

static void mix_user(uint64_t *stamp)
{
	const char *home = getenv("HOME");
	const char *xdg = getenv("XDG_CONFIG_HOME");
	const char *global = getenv("GIT_CONFIG_GLOBAL");
	AUTO_BUF config = { 0 };

	if (xdg && *xdg)
		buf_puts(&config, xdg);
	else if (home)
		path_join(&config, home, ".config");
	mix_in(stamp, buf_str(&config), "git/config");
	mix_in(stamp, buf_str(&config), "git/ignore");
	if (home)
		mix_in(stamp, home, ".gitconfig");
	if (global)
		mix_file(stamp, global);
	mix_file(stamp, "/etc/gitconfig");
}

static void mix_repository(uint64_t *stamp, const struct repository *r)
{
	mix_in(stamp, r->commondir, "config");
	mix_in(stamp, r->gitdir, "config.worktree");
	mix_in(stamp, r->commondir, "info/exclude");
	mix_in(stamp, r->gitdir, "index"); /* what is tracked is not ignored */
}

/* The .gitignore of each directory above the tree, within its work tree */
static void mix_above(uint64_t *stamp, const struct forest *f)
{
	const char *slash = f->prefix;
	AUTO_BUF dir = { 0 };

	if (buf_puts(&dir, f->top->workdir) < 0)
		return;
	while (slash && *slash) {
		const char *end = strchr(slash, '/');

		mix_in(stamp, dir.data, ".gitignore");
		if (!end || buf_printf(&dir, "/%.*s", (int)(end - slash), slash) < 0)
			return;
		slash = end + 1;
	}
}

bool rules_changed(struct rules *r, struct forest *f)
{
	struct map_entry *e = NULL;
	uint64_t stamp = 1, before = r->stamp;

	forest_look(f);
	mix_user(&stamp);
	mix_excludes(&stamp, f->top);
	if (f->top) {
		mix_repository(&stamp, f->top);
		mix_above(&stamp, f);
	}
	while ((e = map_next(&f->nested, e)))
		mix_repository(&stamp, e->value);
	r->stamp = stamp;
	return before && before != stamp;
}
