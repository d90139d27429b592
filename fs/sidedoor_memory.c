#include "fs/sidedoor_memory.h"
#include "core/base/log.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sidedoor_memory *sidedoor_memory;

int sidedoor_memory_create(void)
{
	int fd = memfd_create("hrfs-sidedoor", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct sidedoor_memory))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int sidedoor_memory_map(int fd, bool *fresh)
{
	size_t size = sizeof(struct sidedoor_memory);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	madvise(p, size, MADV_DONTDUMP);
	sidedoor_memory = p;
	*fresh = sidedoor_memory->layout != SIDEDOOR_LAYOUT;
	if (*fresh) {
		bool other = sidedoor_memory->layout != 0;

		madvise(p, size, MADV_REMOVE); /* holes read as zeros */
		sidedoor_memory->lost = other;
		sidedoor_memory->layout = SIDEDOOR_LAYOUT;
	}
	/* A page that is not there when a kill hits the kernel's copy into it loses what the read has taken. */
	if (syscall(SYS_mlock, sidedoor_memory->buffer, SIDEDOOR_READ))
		log_warn("event=mlock_failed what=sidedoor error=\"%s\"", strerror(errno));
	return 0;
}
