#include "fs/shared.h"
#include "fs/layout.h"
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

struct shared *shared;
struct lanes *shared_lanes;
struct replay_memory *shared_replay;
struct echoes *shared_echoes;
struct absent_names *shared_absent;
static void *mapped[AREAS_MAX];
static size_t mapped_size[AREAS_MAX];

_Static_assert(sizeof(struct shared) <= SHARED_SIZE, "struct shared has outgrown its place");
/* Whoever moves something gives KEEPER_PROTOCOL the next number; config may grow at its end. */
_Static_assert(KEEPER_PROTOCOL == 2 && offsetof(struct shared, config) == 1480 && sizeof(struct replay_helper) == 52 &&
		       offsetof(struct worker_config, sidedoor_why) == 16494,
	       "another protocol between keeper and worker");

int shared_map(int memfd)
{
	void *p = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

	if (p == MAP_FAILED)
		return -errno;
	shared = p;
	return 0;
}

int shared_create(int *memfd)
{
	int fd = memfd_create("hrfs", MFD_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, SHARED_SIZE))
		r = -errno;
	if (r == 0)
		r = shared_map(fd);
	if (r == 0) {
		shared->protocol = KEEPER_PROTOCOL;
		r = layout_create(fd);
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	*memfd = fd;
	return 0;
}

const struct area *shared_areas(void)
{
	return shared->areas[__atomic_load_n(&shared->current, __ATOMIC_ACQUIRE) % 2];
}

static int map_area(int memfd, enum area_kind k, const struct area *a)
{
	void *p = MAP_FAILED;

	if (mapped[k])
		munmap(mapped[k], mapped_size[k]);
	mapped[k] = NULL;
	if (a->layout)
		p = mmap(NULL, a->size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd,
			 (off_t)a->offset);
	if (p == MAP_FAILED)
		return a->layout ? -errno : 0;
	/* A core dump of gigabytes of holes helps nobody. */
	madvise(p, a->size_bytes, MADV_DONTDUMP);
	mapped[k] = p;
	mapped_size[k] = a->size_bytes;
	return 0;
}

int shared_use_areas(int memfd, const struct area areas[static AREAS_MAX])
{
	int r = 0;

	for (enum area_kind k = 0; r == 0 && k < AREAS; k++)
		r = map_area(memfd, k, &areas[k]);
	shared_lanes = mapped[AREA_LANES];
	shared_replay = mapped[AREA_REPLAY];
	shared_echoes = mapped[AREA_ECHOES];
	shared_absent = mapped[AREA_ABSENT];
	return r;
}

void *shared_nodes(size_t *size_bytes)
{
	*size_bytes = mapped_size[AREA_NODES];
	return mapped[AREA_NODES];
}

void *shared_names(unsigned size_class, size_t *size_bytes)
{
	*size_bytes = mapped_size[AREA_NAMES] / NAME_CLASSES;
	return (char *)mapped[AREA_NAMES] + size_class * *size_bytes;
}

void *shared_journal(size_t *size_bytes)
{
	*size_bytes = mapped_size[AREA_JOURNAL];
	return mapped[AREA_JOURNAL];
}

void *shared_sidedoor(void)
{
	return mapped[AREA_SIDEDOOR];
}
