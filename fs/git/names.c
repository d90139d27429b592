#include "fs/git/names.h"
#include <string.h>

bool names_in_git_dir(const char *path)
{
	for (const char *at = path; (at = strstr(at, ".git")); at += 4) {
		if ((at == path || at[-1] == '/') && (at[4] == '/' || at[4] == '\0'))
			return true;
	}
	return false;
}
