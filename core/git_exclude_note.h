/*
 * Which exclude file a mount was entered in: noted beside its socket (MAJOR:MINOR.exclude), so that whoever ends the
 * mount, or finds it dead, can take the lines out again. Files only; any thread.
 */
#pragma once
#include "core/base/buf.h"

/* 0 or -errno */
int git_exclude_note(const char *socket_path, const char *exclude_file);
/* takes the mount's lines out (core/git_exclude.h) and removes the note. 0, also when there is none; -errno */
int git_exclude_forget(const char *socket_path, const char *mountpoint);
