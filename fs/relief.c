#include "fs/relief.h"
#include "core/base/log.h"
#include "fs/lane.h"
#include "fs/shared.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STUCK_NS 1000000000LL
#define TICK_MS 500
#define MORE 4		/* lanes at once */
#define OPCODE_STATX 52 /* linux/fuse.h, since 6.6 */

static atomic_bool asleep;
static int wake = -1; /* an eventfd */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t since_ns(const struct lane *l)
{
	return __atomic_load_n(&l->since_ns, __ATOMIC_SEQ_CST);
}

void relief_note(void)
{
	uint64_t one = 1;

	if (!asleep || !atomic_exchange(&asleep, false))
		return;
	if (write(wake, &one, sizeof(one)) != sizeof(one))
		log_error("event=failed what=eventfd");
}

/*
 * What is carried out after all must not surprise anyone: a write would come behind later ones, a new name
 * would be there that the kernel believes absent. For these the killed one waits.
 */
static bool changes_nothing(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_READLINK:
	case FUSE_STATFS:
	case FUSE_READ:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_LSEEK:
	case OPCODE_STATX:
		return true;
	default:
		return false;
	}
}

/* pid: of a thread, as requests tell it; 0: it is none that this process can see */
static bool is_killed(uint32_t pid)
{
	char path[64], line[256];
	unsigned long pending = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	status = pid ? fopen(path, "re") : NULL;
	if (!status)
		return false;
	while (!pending && fgets(line, sizeof(line), status)) {
		if (sscanf(line, "SigPnd: %lx", &pending) == 1)
			break;
	}
	fclose(status);
	return pending & 1UL << (SIGKILL - 1);
}

/* Beside the lane's own thread, whose answer the kernel will not want any more: it knows that case. */
static void let_go(const struct lane *l, int64_t since)
{
	struct fuse_in_header *in = (struct fuse_in_header *)l->request;
	struct fuse_out_header out = { .len = sizeof(out), .error = -EINTR };
	uint32_t opcode = __atomic_load_n(&in->opcode, __ATOMIC_RELAXED);
	uint32_t pid = __atomic_load_n(&in->pid, __ATOMIC_RELAXED);

	out.unique = __atomic_load_n(&in->unique, __ATOMIC_RELAXED);
	/* the next request may have come meanwhile */
	if (!changes_nothing(opcode) || !is_killed(pid) || since_ns(l) != since)
		return;
	if (write(shared->config.device_fds[l - shared_lanes->lane], &out, sizeof(out)) == sizeof(out))
		log_info("event=let_go opcode=%u pid=%u why=\"killed while what is behind the mount hangs\"", opcode,
			 pid);
}

/* How many lanes have a request; *stuck: how many for long. */
static unsigned look(unsigned *stuck)
{
	int64_t now = now_ns();
	unsigned busy = 0;

	*stuck = 0;
	for (uint32_t i = 0; i < shared->lane_count; i++) {
		const struct lane *l = &shared_lanes->lane[i];
		int64_t since = since_ns(l);

		busy += since != 0;
		if (!since || now - since < STUCK_NS)
			continue;
		++*stuck;
		let_go(l, since);
	}
	return busy;
}

static void add_lanes(void)
{
	uint32_t before = shared->lane_count;

	for (int i = 0; i < MORE && lane_add() == 0; i++)
		;
	if (shared->lane_count > before)
		log_warn("event=all_hang threads=%u now=%u meaning=\"what is behind the mount does not answer\"",
			 before, shared->lane_count);
}

static void *watch(void *arg)
{
	struct pollfd p = { wake, POLLIN, 0 };
	uint64_t count;
	unsigned stuck;

	for (;;) {
		/* first said, then looked: a request that comes in between wakes */
		asleep = true;
		if (look(&stuck))
			asleep = false;
		if (poll(&p, 1, asleep ? -1 : TICK_MS) > 0 && read(wake, &count, sizeof(count)) < 0)
			log_error("event=failed what=eventfd");
		look(&stuck);
		if (stuck == shared->lane_count)
			add_lanes();
	}
	return NULL;
}

int relief_start(void)
{
	pthread_t thread;
	int r;

	wake = eventfd(0, EFD_CLOEXEC);
	if (wake < 0)
		return -errno;
	r = -pthread_create(&thread, NULL, watch, NULL);
	if (r == 0)
		pthread_detach(thread);
	return r;
}
