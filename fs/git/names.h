/* Names that mean something to git. Pure, any thread. */
#pragma once
#include <stdbool.h>

/* git's own files: ".git" is one of the path's names */
bool names_in_git_dir(const char *path);
