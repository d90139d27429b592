/* A journal in a region of its own for tests, opened anew as a successor does, and a seed for random ones. */
#pragma once
#include "core/journal_record.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct region {
	void *data;
	size_t size;
	struct journal *journal;
};

static inline void region_open(struct region *r, size_t size)
{
	r->size = size;
	r->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(r->data, MAP_FAILED);
	assert_int_equal(journal_open(&r->journal, r->data, size), 0);
}

/* what a worker leaves behind when it dies, taken over by the next one */
static inline void region_reopen(struct region *r)
{
	journal_close(r->journal);
	assert_int_equal(journal_open(&r->journal, r->data, r->size), 0);
}

static inline void region_check(struct region *r)
{
	AUTO_BUF error = { 0 };

	if (journal_check(r->journal, &error))
		fail_msg("%s", buf_str(&error));
}

static inline void region_close(struct region *r)
{
	journal_close(r->journal);
	munmap(r->data, r->size);
}

/* the contents of a state by a letter: '-' absent, '/' a directory, '?' unknown, 'u' a file of unknown content */
static inline struct state letter(char c)
{
	switch (c) {
	case '-':
		return state_absent();
	case '?':
		return state_unknown();
	case '/':
		return (struct state){ .kind = STATE_DIR };
	case 'u':
		return (struct state){ .kind = STATE_FILE };
	default:
		return (struct state){ .kind = STATE_FILE, .hashed = 1, .content = { .lo = (uint64_t)c } };
	}
}

static inline char letter_of(const struct state *s)
{
	switch (s->kind) {
	case STATE_ABSENT:
		return '-';
	case STATE_DIR:
		return '/';
	case STATE_FILE:
		return s->hashed ? (char)s->content.lo : 'u';
	default:
		return '?';
	}
}

/* xorshift: the same numbers everywhere for one seed */
struct rng {
	uint64_t x;
};

static inline uint64_t rng_next(struct rng *r)
{
	r->x ^= r->x << 13;
	r->x ^= r->x >> 7;
	r->x ^= r->x << 17;
	return r->x * 0x2545F4914F6CDD1DULL;
}

static inline unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 32) % n);
}

/* HRFS_TEST_SEED, else another one each time; printed, so that a failure can be had again */
static inline uint64_t rng_seed(const char *test)
{
	const char *given = getenv("HRFS_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : ((uint64_t)time(NULL) << 20 ^ (uint64_t)getpid()) | 1;

	print_message("%s: HRFS_TEST_SEED=%llu\n", test, (unsigned long long)seed);
	return seed;
}

/* HRFS_TEST_RUNS, else the number that keeps the test short */
static inline unsigned rng_runs(unsigned usual)
{
	const char *given = getenv("HRFS_TEST_RUNS");

	return given ? (unsigned)atoi(given) : usual;
}
