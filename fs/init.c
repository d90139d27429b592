#include "fs/init.h"
#include "fs/feature.h"
#include <stddef.h>

#ifndef FUSE_HANDLE_KILLPRIV_V2
#define FUSE_HANDLE_KILLPRIV_V2 (1 << 28) /* include/uapi/linux/fuse.h, since 5.11 */
#endif

void init_patch_reply(const void *argument, struct iovec *iov, int count)
{
	const struct fuse_init_in *in = argument;
	struct fuse_init_out *out;

	if (count < 2 || iov[1].iov_len < offsetof(struct fuse_init_out, max_background))
		return; /* an error, or an answer of the oldest protocols */
	out = iov[1].iov_base;
	/* tells a connection that somebody has aborted from one that was unmounted */
	out->flags |= in->flags & FUSE_ABORT_ERROR;
	/* libfuse 3.14 drops it: lookups in one directory would wait for one that hangs */
	if (feature_wanted(FEATURE_PARALLEL_DIROPS))
		out->flags |= in->flags & FUSE_PARALLEL_DIROPS;
	/* without it the kernel asks for security.capability before each write */
	if (feature_wanted(FEATURE_KILLPRIV))
		out->flags |= in->flags & FUSE_HANDLE_KILLPRIV_V2;
}
