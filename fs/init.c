#include "fs/init.h"
#include <stddef.h>

#ifndef FUSE_HANDLE_KILLPRIV_V2
#define FUSE_HANDLE_KILLPRIV_V2 (1 << 28) /* include/uapi/linux/fuse.h, since 5.11 */
#endif

/* Without it the kernel asks for security.capability before each write. */
static const uint32_t wanted = FUSE_HANDLE_KILLPRIV_V2;

void init_patch_reply(const void *argument, struct iovec *iov, int count)
{
	const struct fuse_init_in *in = argument;
	struct fuse_init_out *out;

	if (count < 2 || iov[1].iov_len < offsetof(struct fuse_init_out, max_background))
		return; /* an error, or an answer of the oldest protocols */
	out = iov[1].iov_base;
	out->flags |= in->flags & wanted;
}
