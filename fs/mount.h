/*
 * Making and ending the kernel's mount: as root by mount(2), else by fusermount3. The keeper's, and the
 * worker's when the keeper is dead.
 */
#pragma once
#include "core/base/buf.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct mount_options {
	const char *mountpoint; /* absolute */
	const char *fsname, *subtype;
	bool allow_other, read_only, suid, dev, noexec, noatime;
	unsigned long flags; /* more of mount(2)'s */
};

/* The device's descriptor, or -errno with a text for people in *error. */
int mount_make(const struct mount_options *o, struct buf *error);
/* Another descriptor for the same connection, for one more thread; a duplicate where cloning is not allowed. */
int mount_clone_device(int fd);
/* the same descriptor once more, or -errno */
int mount_duplicate_device(int fd);
/* The device number of the topmost mount there, by /proc/self/mountinfo: asks nothing of the mount. */
int mount_device(const char *mountpoint, dev_t *dev);
/* Off the tree at once; whoever is inside goes on. Only when the mount there is `dev`. */
int mount_detach(const char *mountpoint, dev_t dev);
/* Every request now and later fails: before the last descriptor is closed, or clients would hang. */
void mount_abort(const char *mountpoint, dev_t dev);
