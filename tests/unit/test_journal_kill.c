/*
 * A worker that is killed: the region is right after each single store. Every store to it faults, is
 * carried out alone, and then a copy of the region is opened as a successor would open it, checked,
 * settled, and asked about every clock that was ever handed out.
 */
#include "tests/unit/region.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define SIZE (128 * 1024)
#define PATHS 6
#define CLOCKS 64
#define OPERATIONS 3000

static const char *const names[PATHS] = { "a",	   "b",
					  "dir",   "dir/x",
					  "dir/y", "a/rather/long/path/whose/text/takes/more/than/a/single/piece" };

struct clock_view { /* what everything was at a clock, while no request was under way */
	tick_t clock;
	char view[PATHS];
};

static char now[PATHS]; /* the world */
static struct clock_view clocks[CLOCKS];
static unsigned clock_count;

static struct region region;
static char *copy;
static struct rng rng;
static uint32_t open_marks[PATHS]; /* whose request is under way */
static unsigned operations;
static unsigned long stores;

/* ---- the worker ---- */

static void save_clock(void)
{
	for (int i = 0; i < PATHS; i++) {
		if (open_marks[i])
			return;
	}
	/* the newest ones: those of which most is known */
	struct clock_view *c = &clocks[clock_count++ % CLOCKS];

	c->clock = journal_tick(region.journal);
	memcpy(c->view, now, PATHS);
}

static void begin(int i)
{
	struct touching t = { .path = names[i], .touch = rng_below(&rng, 6) ? TOUCH_CONTENT : TOUCH_ATTR };
	struct writer w = { .pid = (int32_t)rng_below(&rng, 9), .command = "cc" };
	struct state s = letter(now[i]);
	tick_t tick;

	if (open_marks[i] || journal_begin(region.journal, &t, 1, &w, &tick))
		return;
	if (t.made)
		journal_set_before(region.journal, t.mark, BEFORE_KNOWN, &s, 0);
	open_marks[i] = t.mark;
	if (t.touch == TOUCH_CONTENT)
		now[i] = "-ABC"[rng_below(&rng, 4)];
}

static void end(int i)
{
	if (open_marks[i])
		journal_end(region.journal, &open_marks[i], 1, false);
	open_marks[i] = 0;
}

static void publish(struct journal *j, int i, bool settled)
{
	struct stamp stamp = { 1, 2, 3, 4 };
	struct state after = letter(now[i]);
	uint32_t mark = journal_mark_of(j, names[i]);
	struct mark m;

	if (mark && journal_mark(j, mark, &m))
		journal_publish(j, mark, m.last, &m.state, &after, &stamp, settled);
}

/* a move whose mark is there already tells of something below */
static void walk(void)
{
	uint32_t like = journal_mark_of(region.journal, names[2]), mark;
	struct state unknown = state_unknown();

	if (like && !open_marks[2])
		journal_mark_like(region.journal, like, names[3 + rng_below(&rng, 2)], &unknown, &mark);
}

static void operate(void)
{
	int i = (int)rng_below(&rng, PATHS);

	switch (rng_below(&rng, 12)) {
	case 0:
	case 1:
	case 2:
		begin(i);
		break;
	case 3:
	case 4:
	case 5:
		end(i);
		break;
	case 6:
	case 7:
	case 8:
		publish(region.journal, i, true);
		break;
	case 9:
		publish(region.journal, i, false);
		break;
	case 10:
		if (rng_below(&rng, 2))
			journal_pin(region.journal, journal_tick(region.journal));
		else
			walk();
		break;
	default:
		save_clock();
	}
}

/* ---- the successor ---- */

struct told {
	bool told[PATHS];
};

static int take(const struct change *c, void *arg)
{
	for (int i = 0; i < PATHS; i++) {
		if (strcmp(c->path, names[i]) == 0)
			((struct told *)arg)->told[i] = true;
	}
	return 0;
}

static void check_clock(struct journal *j, const struct clock_view *c)
{
	struct told t = { 0 };
	int r = journal_since(j, c->clock, UINT64_MAX, take, &t);

	if (r == -ESTALE && c->clock < journal_oldest(j))
		return;
	assert_int_equal(r, 0);
	for (int i = 0; i < PATHS; i++) {
		bool touched;
		struct state s = journal_state_at(j, names[i], c->clock, &touched);
		char was = letter_of(&s);

		if (!t.told[i] && now[i] != c->view[i])
			fail_msg("operation %u: '%s' was '%c' at %lu, is '%c', and nobody is told", operations,
				 names[i], c->view[i], (unsigned long)c->clock, now[i]);
		if (was != '?' && was != c->view[i])
			fail_msg("operation %u: '%s' was '%c' at %lu, not '%c'", operations, names[i], c->view[i],
				 (unsigned long)c->clock, was);
	}
}

/* what the successor finds, in a copy */
static void check_copy(void)
{
	struct region r = { .data = copy, .size = SIZE };

	memcpy(copy, region.data, SIZE);
	assert_int_equal(journal_open(&r.journal, copy, SIZE), 0);
	region_check(&r);
	for (int i = 0; i < PATHS; i++)
		publish(r.journal, i, true);
	region_check(&r);
	for (unsigned i = 0; i < clock_count && i < CLOCKS; i++)
		check_clock(r.journal, &clocks[i]);
	journal_close(r.journal);
}

#if defined(__x86_64__)
#define TRAP_FLAG 0x100

/* a store to the region: it is let through, and nothing after it */
static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	char *at = info->si_addr, *start = region.data;

	if (at < start || at >= start + SIZE) {
		signal(number, SIG_DFL);
		return;
	}
	mprotect(region.data, SIZE, PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	c->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	mprotect(region.data, SIZE, PROT_READ);
	stores++;
	check_copy();
}

static void set_up_signals(void)
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &trap, NULL);
}

static bool may_run(void)
{
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
	return false; /* it delivers such signals when it likes */
#endif
#endif
#if defined(__SANITIZE_THREAD__)
	return false;
#endif
	return true;
}
#else
static void set_up_signals(void)
{
}

static bool may_run(void)
{
	return false;
}
#endif

static void test_after_each_store(void **unused)
{
	if (!may_run()) {
		print_message("skipped: stores can't be stepped through here\n");
		skip();
	}
	rng.x = rng_seed("journal kill");
	copy = aligned_alloc(64, SIZE);
	memset(now, 'A', PATHS);
	region_open(&region, SIZE);
	save_clock();
	set_up_signals();
	mprotect(region.data, SIZE, PROT_READ);
	for (operations = 0; operations < OPERATIONS; operations++) {
		/* now and then old paths have to go */
		journal_set_limit(region.journal, operations % 600 == 599 ? 1500 : 1UL << 20);
		operate();
	}
	mprotect(region.data, SIZE, PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	print_message("%lu stores by %u operations\n", stores, operations);
	assert_true(stores > OPERATIONS);
	region_check(&region);
	region_close(&region);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_each_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
