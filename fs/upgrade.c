#include "fs/upgrade.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include "fs/spawn.h"
#include "fs/workers.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define CHECK_MS 20000 /* for a program to be loaded and to say whether it fits */
#define START_MS 60000 /* to make the layouts and to start with them, when clients wait */

enum step { IDLE, CHECKING, ASKING, STOPPING, MAKING, STARTING, COMMITTED };

static struct {
	enum step step;
	struct worker candidate; /* until it serves */
	struct program program;	 /* the new one until STARTING, then the one before */
	char paths[2 * PATH_MAX];
	int errors; /* a memfd: what the candidate says on its standard error */
	bool foreign;
	uint32_t current;    /* of the areas, when it was asked */
	int64_t deadline_ms; /* 0: none */
} up = { .candidate = NO_WORKER, .program = NO_PROGRAM, .errors = -1 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void step(enum step s, int limit_ms)
{
	up.step = s;
	up.deadline_ms = limit_ms ? now_ms() + limit_ms : 0;
}

static bool is_committed(void)
{
	return __atomic_load_n(&shared->current, __ATOMIC_ACQUIRE) != up.current;
}

static const char *worker_path(void)
{
	return up.paths;
}

static const char *git_path(void)
{
	return up.paths + strlen(up.paths) + 1;
}

/* ---- the end ---- */

static void tell(enum upgrade_state s, const char *why)
{
	snprintf(shared->upgrade.why, sizeof(shared->upgrade.why), "%s", why);
	__atomic_store_n(&shared->upgrade.state, (uint32_t)s, __ATOMIC_RELEASE);
}

static void clean_up(void)
{
	workers_drop(&up.candidate);
	program_done(&up.program);
	if (up.errors >= 0)
		close(up.errors);
	up.errors = -1;
	step(IDLE, 0);
}

static void over(enum upgrade_state s, const char *why)
{
	tell(s, why);
	if (s == UPGRADE_DONE)
		log_info("event=upgraded program=\"%s\"", worker_path());
	else
		log_error("event=upgrade_%s program=\"%s\" why=\"%s\"", s == UPGRADE_REFUSED ? "refused" : "failed",
			  worker_path(), why);
	clean_up();
}

/* Nothing has changed. Its own words are the reason, where it has said some. */
static void refuse(const char *why)
{
	char text[sizeof(shared->upgrade.why)];
	ssize_t n = up.errors < 0 ? 0 : pread(up.errors, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	over(UPGRADE_REFUSED, *text ? text : why);
}

/* It serves no more, or never did: what is started from now on is of the program before. */
static void fail(const char *why)
{
	if (up.step == STARTING)
		workers_swap_program(&up.program);
	over(UPGRADE_FAILED, why);
}

pid_t upgrade_end(void)
{
	pid_t pid = up.candidate.pid;

	clean_up();
	return pid;
}

/* ---- asking ---- */

static int read_paths(int fd)
{
	ssize_t n = fd < 0 ? -1 : pread(fd, up.paths, sizeof(up.paths), 0);
	size_t first = n <= 0 ? 0 : strnlen(up.paths, (size_t)n) + 1;

	if (!first || first >= (size_t)n || up.paths[n - 1])
		return -EINVAL;
	return *worker_path() == '/' && *git_path() == '/' ? 0 : -EINVAL;
}

static int begin(void)
{
	up.errors = memfd_create("hrfs-errors", MFD_CLOEXEC);
	if (up.errors < 0)
		return -errno;
	up.candidate = (struct worker)NO_WORKER;
	up.candidate.pid =
		spawn_candidate(worker_path(), git_path(), workers_memory(), up.errors, &up.candidate.control);
	if (up.candidate.pid < 0)
		return up.candidate.pid;
	up.foreign = false;
	up.current = shared->current;
	step(CHECKING, CHECK_MS);
	return 0;
}

void upgrade_asked(int paths)
{
	AUTO_FD fd = paths;
	int r;

	if (up.step != IDLE)
		return; /* the worker asks for one at a time */
	r = read_paths(fd);
	tell(UPGRADE_UNDER_WAY, "");
	if (r == 0)
		r = begin();
	if (r < 0)
		refuse(strerror(-r));
}

/* ---- the candidate ---- */

int upgrade_socket(void)
{
	return up.candidate.control;
}

static void take_descriptor(int *place, int fd)
{
	if (*place >= 0)
		close(*place);
	*place = fd;
}

static void stop_the_other(void)
{
	step(STOPPING, 0);
	log_info("event=upgrade program=\"%s\" action=\"taking over\"", worker_path());
	workers_kill_active();
}

static void candidate_said(enum control_message m, int fd)
{
	if (m == CONTROL_PROGRAM || m == CONTROL_GIT_PROGRAM) {
		take_descriptor(m == CONTROL_PROGRAM ? &up.program.worker : &up.program.git, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (up.step != CHECKING)
		return;
	if (m == CONTROL_FITS) {
		stop_the_other();
	} else if (m == CONTROL_FOREIGN) {
		up.foreign = true;
		step(ASKING, CHECK_MS);
		if (!workers_tell_standby(CONTROL_CAN_MAKE))
			over(UPGRADE_REFUSED, "there is no standby that could convert what is in memory; try again");
	}
}

static void candidate_died(void)
{
	switch (up.step) {
	case CHECKING:
	case ASKING:
		refuse("it ended before it had said whether it fits");
		break;
	case STOPPING: /* the standby goes on when the worker has ended */
		fail("the new program ended while the one before was being stopped");
		break;
	default: /* MAKING */
		fail("the new program ended while its layouts were being made");
		workers_go_on();
		break;
	}
}

void upgrade_heard(void)
{
	struct control_packet p;
	int fd, r = -EAGAIN;

	while (up.candidate.control >= 0 && (r = control_receive(up.candidate.control, &p, &fd, 1)) == 1)
		candidate_said((enum control_message)p.message, fd);
	if (up.candidate.control >= 0 && r != -EAGAIN)
		candidate_died();
}

/* ---- the standby ---- */

static void start_candidate(uint64_t id)
{
	step(STARTING, START_MS);
	workers_swap_program(&up.program);
	workers_go_with(&up.candidate, id);
}

void upgrade_standby_said(enum control_message m)
{
	if (up.step == ASKING && m == CONTROL_YES)
		stop_the_other();
	else if (up.step == ASKING && m == CONTROL_NO)
		refuse("its layouts in memory are others, and nobody can convert them");
	else if (up.step == MAKING && m == CONTROL_YES)
		start_candidate(1);
	else if (up.step == MAKING && m == CONTROL_NO) {
		fail("what is in memory could not be converted; the log says why");
		workers_go_on();
	}
}

void upgrade_standby_died(void)
{
	if (up.step == ASKING)
		over(UPGRADE_REFUSED, "the standby died that should have said whether it can convert; try again");
	else if (up.step == STOPPING && up.foreign)
		fail("the standby died that should have converted what is in memory");
	else if (up.step == MAKING) {
		fail("the standby died that was converting what is in memory");
		workers_go_on();
	}
}

/* ---- the worker ---- */

bool upgrade_goes_on(void)
{
	switch (up.step) {
	case STOPPING:
		if (!up.foreign) {
			start_candidate(0);
			return true;
		}
		step(MAKING, START_MS);
		if (workers_tell_standby(CONTROL_MAKE))
			return true;
		fail("the standby died that should have converted what is in memory");
		return false;
	case STARTING:
		if (is_committed()) {
			step(COMMITTED, 0);
			workers_drop_standby();
		} else {
			fail("the new program ended before it could serve; the log may say why");
		}
		return false;
	case ASKING:
		over(UPGRADE_REFUSED, "the worker died meanwhile; try again");
		return false;
	default:
		if (up.step == IDLE && shared->upgrade.state == UPGRADE_ASKED)
			tell(UPGRADE_REFUSED, "the worker died meanwhile; try again");
		return false;
	}
}

void upgrade_serves(void)
{
	if (up.step != STARTING && up.step != COMMITTED)
		return;
	over(UPGRADE_DONE, "");
	workers_new_standby();
}

bool upgrade_is_making(void)
{
	return up.step == MAKING;
}

bool upgrade_is_starting(void)
{
	return up.step == STARTING;
}

/* ---- time ---- */

int upgrade_time_left_ms(void)
{
	int64_t left = up.deadline_ms - now_ms();

	if (!up.deadline_ms)
		return -1;
	return left < 0 ? 0 : (int)left;
}

void upgrade_check_time(void)
{
	if (upgrade_time_left_ms() != 0)
		return;
	up.deadline_ms = 0;
	if (up.step == CHECKING || up.step == ASKING)
		over(UPGRADE_REFUSED, "it did not say in time whether it fits");
	else if (up.step == MAKING) {
		fail("what is in memory was not converted in time");
		workers_drop_standby();
		workers_go_on();
	} else if (up.step == STARTING && !is_committed())
		workers_kill_active();
}
