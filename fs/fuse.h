/* The one home of libfuse's and the kernel's FUSE headers, so that all files see one version. */
#pragma once
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
