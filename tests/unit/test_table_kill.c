/*
 * A worker that is killed: the node table is right after each single store. Every store to it faults, is carried out
 * alone, and then this program is executed anew, as a successor: it opens a private copy of the memory and checks.
 */
#include "core/base/cleanup.h"
#include "fs/counts.h"
#include "fs/dirs.h"
#include "fs/feature.h"
#include "fs/files.h"
#include "fs/lane.h"
#include "fs/ops.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define OPERATIONS 60
#define INODES 5
#define NAMES 4

static const struct identity root_is = { .dev = 1, .ino = 1, .type = S_IFDIR };
static int memory __attribute__((unused)); /* these: where stores can be stepped through */
static unsigned long stores __attribute__((unused));
static unsigned seed = 7;
static long kept __attribute__((unused)) = -1; /* references that the request under way leaves alone; -1: it takes none */

/* What the table's operations store to. */
struct span {
	char *at;
	size_t size;
	enum area_kind area;
};

#define SPANS 3

static void find_spans(struct span out[static SPANS])
{
	out[0] = (struct span){ (char *)shared_lanes, LANES_SIZE, AREA_LANES };
	out[1] = (struct span){ .area = AREA_NODES };
	out[1].at = shared_nodes(&out[1].size);
	out[2] = (struct span){ .area = AREA_NAMES };
	out[2].at = shared_names(0, &out[2].size);
	out[2].size *= NAME_CLASSES;
}

/* ---- the successor: exit status 0, or the number of what is wrong ---- */

static unsigned names_of(struct node *n)
{
	unsigned count = 0;

	for (uint32_t r = n->names; r && count < 100; r = table_name(r)->next_of_node)
		count++;
	return count;
}

static int wrong_in(struct node *n, unsigned *children)
{
	if (names_of(n) > NAMES)
		return 3;
	for (uint32_t r = n->names; r; r = table_name(r)->next_of_node) {
		struct name *c = table_name(r);

		if (!table_at(c->dir)->used || strlen(c->text) != c->len)
			return 4;
		if (table_child(c->dir, c->text) != n)
			return 5;
		++*children;
	}
	if (table_index(n) != NODE_ROOT && !n->lookups)
		return 6; /* nobody would ever forget it */
	return table_node(table_id(n)) == n ? 0 : 7;
}

static long references(void)
{
	long sum = 0;

	for (uint32_t i = 2; i < INODES + 4; i++) {
		if (table_at(i)->used)
			sum += (long)table_at(i)->lookups;
	}
	return sum;
}

static int check(int fd, long others)
{
	unsigned used = 0, names = 0;
	struct span spans[SPANS];

	if (shared_map(fd) < 0 || shared_use_areas(fd, shared_areas()) < 0)
		return 1;
	find_spans(spans);
	for (int i = 0; i < SPANS; i++) {
		off_t offset = (off_t)shared_areas()[spans[i].area].offset;

		if (mmap(spans[i].at, spans[i].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
			 fd, offset) == MAP_FAILED)
			return 1;
	}
	dirs_init(-1, 1);
	files_init(1, 1);
	if (table_open(&root_is) < 0)
		return 2;
	counts_recover(&shared_lanes->lane[0]);
	lane_use(&shared_lanes->lane[0]);
	if (others >= 0 && references() != others + counts_taken())
		return 10; /* one that is not noted would never be given back */
	table_sweep();
	for (uint32_t i = 1; i < INODES + 4; i++) {
		struct node *n = table_at(i);
		int r = n->used ? wrong_in(n, &names) : 0;

		if (r)
			return r;
		used += n->used != 0;
	}
	if (used != table_count() || names != table_at(NODE_ROOT)->children)
		return 8;
	/* it can go on with it: everything is forgotten, and nothing is left */
	for (uint32_t i = 2; i < INODES + 4; i++) {
		if (table_at(i)->used) {
			table_at(i)->lookups = 0;
			table_collect(table_at(i));
		}
	}
	return table_count() == 1 && !table_at(NODE_ROOT)->children ? 0 : 9;
}

/* ---- the worker ---- */

static const char *name(unsigned i)
{
	static const char *const texts[NAMES] = {
		"a", "bb", "c-with-a-name-that-takes-a-slot-of-the-second-size-because-it-is-long", "d"
	};

	return texts[i % NAMES];
}

static unsigned below(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* As a lookup enters what it has found. */
static void look_up(unsigned ino, const char *text)
{
	struct identity is = { .dev = 1, .ino = 10 + ino, .type = S_IFREG };
	struct node *n = table_by_identity(&is);

	if (!n)
		n = table_new(&is);
	assert_non_null(n);
	assert_int_equal(table_add_name(n, NODE_ROOT, text), 0);
	assert_true(counts_take(n));
}

static void begin_request(void)
{
	shared_lanes->lane[0].counts.progress = 0;
}

/* As a request does whose answer nobody has received. */
static void take_in_vain(void)
{
	kept = references();
	for (unsigned i = 0; i < 3; i++)
		look_up(below(INODES), name(below(NAMES)));
	counts_give_back(0, counts_taken());
	assert_int_equal(references(), kept);
	kept = -1;
}

static void forget(unsigned ino)
{
	struct identity is = { .dev = 1, .ino = 10 + ino, .type = S_IFREG };
	struct node *n = table_by_identity(&is);

	counts_forget(n, n ? n->lookups : 0, 0);
	if (n)
		table_collect(n);
}

static __attribute__((unused)) void operate(void)
{
	begin_request();
	switch (below(5)) {
	case 0:
		forget(below(INODES));
		break;
	case 1:
		table_drop_name(NODE_ROOT, name(below(NAMES)));
		break;
	case 2:
		take_in_vain();
		break;
	default:
		look_up(below(INODES), name(below(NAMES)));
		break;
	}
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) /* it delivers such signals when it likes */
#define NO_STEPS
#endif
#endif
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(NO_STEPS)
#define TRAP_FLAG 0x100

static void protect(int protection)
{
	struct span spans[SPANS];

	find_spans(spans);
	for (int i = 0; i < SPANS; i++)
		mprotect(spans[i].at, spans[i].size, protection);
}

static bool is_inside(const char *at)
{
	struct span spans[SPANS];

	find_spans(spans);
	for (int i = 0; i < SPANS; i++) {
		if (at >= spans[i].at && at < spans[i].at + spans[i].size)
			return true;
	}
	return false;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	if (!is_inside(info->si_addr)) {
		signal(number, SIG_DFL);
		return;
	}
	protect(PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void check_in_successor(void)
{
	char text[16], others[24];
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		snprintf(text, sizeof(text), "%d", memory);
		snprintf(others, sizeof(others), "%ld", kept);
		execl("/proc/self/exe", "test_table_kill", text, others, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("after store %lu: the successor says %#x", stores, (unsigned)status);
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	c->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	protect(PROT_READ);
	stores++;
	check_in_successor();
}

static void test_after_each_store(void **unused)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };

	assert_int_equal(shared_create(&memory), 0);
	fcntl(memory, F_SETFD, 0);
	assert_int_equal(shared_map(memory), 0);
	assert_int_equal(shared_use_areas(memory, shared_areas()), 0);
	shared->lane_count = 1;
	dirs_init(-1, 1);
	files_init(1, 1);
	assert_int_equal(table_open(&root_is), 0);
	lane_use(&shared_lanes->lane[0]);
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &trap, NULL);
	protect(PROT_READ);
	for (int i = 0; i < OPERATIONS; i++)
		operate();
	protect(PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	print_message("%lu stores by %d operations\n", stores, OPERATIONS);
	assert_true(stores > OPERATIONS);
}
#else
static void test_after_each_store(void **unused)
{
	print_message("skipped: stores can't be stepped through here\n");
	skip();
}
#endif

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_each_store),
	};

	if (argc == 3)
		return check(atoi(argv[1]), atol(argv[2]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
