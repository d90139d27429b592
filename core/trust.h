/*
 * Which hrfs.yaml may start commands without being asked about: one that its user has agreed to, at
 * this path and with this content. Kept under $XDG_STATE_HOME/hrfs/trust (else ~/.local/state/…),
 * 0700, a file for each path that holds the path and the whole content agreed to, so that a change
 * can be shown as a difference. Files only; any thread, but not two processes on one path at once:
 * the last one wins whole.
 */
#pragma once
#include "core/base/buf.h"
#include <stddef.h>

enum trust {
	TRUST_UNKNOWN, /* never agreed to */
	TRUST_CHANGED, /* another content was agreed to */
	TRUST_GIVEN,
};

/*
 * path: absolute, of the source tree (not of a mount of it). agreed: what was agreed to, for CHANGED; NULL if not wanted.
 * Answers an enum trust, or -errno; a store that is somebody else's, or that others may write, is -EPERM.
 */
int trust_check(const char *path, const void *content, size_t len, struct buf *agreed);
/* remembers (file written aside, synced, renamed). 0 or -errno */
int trust_give(const char *path, const void *content, size_t len);
/* forgets. 0, -ENOENT or -errno */
int trust_take_back(const char *path);
