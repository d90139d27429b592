#include "fs/shared.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define NAME_CLASSES 3
#define HEAD_SIZE ((sizeof(struct shared) + 4095) & ~4095UL)
#define TOTAL_SIZE (HEAD_SIZE + NODES_SIZE + NAME_CLASSES * NAMES_SIZE + JOURNAL_SIZE)

struct shared *shared;

int shared_create(int *memfd)
{
	int fd = memfd_create("hrfs", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, TOTAL_SIZE)) {
		int error = -errno;

		close(fd);
		return error;
	}
	*memfd = fd;
	return 0;
}

int shared_map(int memfd)
{
	void *p = mmap(NULL, TOTAL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);

	if (p == MAP_FAILED)
		return -errno;
	/* A core dump of gigabytes of holes helps nobody. */
	madvise(p, TOTAL_SIZE, MADV_DONTDUMP);
	shared = p;
	return 0;
}

void *shared_nodes(void)
{
	return (char *)shared + HEAD_SIZE;
}

void *shared_names(unsigned size_class)
{
	return (char *)shared_nodes() + NODES_SIZE + size_class * NAMES_SIZE;
}

void *shared_journal(void)
{
	return (char *)shared_nodes() + NODES_SIZE + NAME_CLASSES * NAMES_SIZE;
}
