#include "cli/project.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool has(const char *dir, const char *name)
{
	AUTO_BUF path = { 0 };

	return buf_printf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) == 0 && access(path.data, F_OK) == 0;
}

/* dir becomes its parent; false: it was the top */
static bool go_up(char *dir)
{
	char *slash = strrchr(dir, '/');

	if (!slash || !dir[1])
		return false;
	slash[slash == dir] = '\0';
	return true;
}

/* A home directory is nobody's project, even where its dot files are kept in git. */
static bool is_too_high(const char *dir)
{
	const char *home = getenv("HOME");

	return strcmp(dir, "/") == 0 || (home && strcmp(dir, home) == 0);
}

int project_above(const char *dir, struct buf *root, const char **marker)
{
	static const char *const others[] = { "go.mod", "package.json" };
	AUTO_FREE char *above = strdup(dir);

	if (!above || has(dir, ".git"))
		return -ENOENT;
	while (go_up(above) && !is_too_high(above)) {
		if (has(above, ".git")) {
			*marker = ".git";
			buf_truncate(root, 0);
			return buf_puts(root, above);
		}
		for (size_t i = 0; i < ARRAY_SIZE(others) && root->len == 0; i++) {
			if (has(above, others[i])) {
				*marker = others[i];
				buf_puts(root, above);
			}
		}
	}
	return root->len ? 0 : -ENOENT;
}

int project_find_up(const char *dir, const char *file, struct buf *found)
{
	AUTO_FREE char *above = strdup(dir);

	if (!above)
		return -ENOMEM;
	do {
		if (has(above, file))
			return buf_puts(found, above);
	} while (go_up(above));
	return -ENOENT;
}
