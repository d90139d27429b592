/* The region: paths of all lengths, limits, many paths, and what a successor finds. */
#include "tests/unit/journal.h"

/* ---- paths ---- */

static void test_paths_of_all_lengths(void **unused)
{
	static char path[65538];
	char expected[8];
	size_t lengths[] = { 0, 1, 55, 56, 57, 111, 112, 113, 4096, 65535, 65536 };
	struct touching t = { .path = path, .touch = TOUCH_CONTENT };
	AUTO_BUF text = { 0 };
	tick_t tick;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t mark;

		memset(path, 'x', lengths[i]);
		path[lengths[i]] = '\0';
		mark = begin(path, '-');
		assert_int_equal(journal_mark_path(J, mark, &text), 0);
		assert_string_equal(buf_str(&text), path);
		assert_int_equal(journal_mark_of(J, path), mark);
		end(mark);
		assert_int_equal(publish(mark, '-', 'A'), 0);
		snprintf(expected, sizeof(expected), "%c", at(path, journal_tick(J)));
		assert_string_equal(expected, "A");
	}
	memset(path, 'x', sizeof(path) - 1);
	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), -ENAMETOOLONG);
}

/* ---- limits ---- */

static void many(unsigned from, unsigned to)
{
	char path[64];

	for (unsigned i = from; i < to; i++) {
		snprintf(path, sizeof(path), "some/where/file%u", i);
		save(path, '-', 'A');
	}
}

static int count_changes(const struct change *c, void *arg)
{
	(*(size_t *)arg)++;
	return 0;
}

static size_t changes_since(tick_t clock)
{
	size_t n = 0;
	int r = journal_since(J, clock, UINT64_MAX, count_changes, &n);

	return r == -ESTALE ? SIZE_MAX : n;
}

static void test_byte_limit(void **unused)
{
	struct journal_stats stats;
	tick_t oldest;
	uint32_t mark = begin("kept", 'A'); /* has a mark, so it stays */

	end(mark);
	assert_int_equal(publish_with(mark, 'A', 'B', NULL, false), 0);
	journal_set_limit(J, 1000000);
	many(0, 10000);
	journal_stats(J, &stats);
	assert_true(stats.bytes <= 1000000);
	oldest = journal_oldest(J);
	assert_true(oldest > 0);
	assert_string_equal(since(0), "stale");
	assert_string_equal(since(oldest - 1), "stale");
	assert_true(changes_since(oldest) == stats.paths - 1); /* beside "kept" */
	assert_int_equal(at("kept", oldest), 'B');
	assert_true(touched("some/where/file0", oldest - 1));
	assert_int_equal(at("some/where/file0", oldest - 1), '?');
	assert_false(touched("some/where/file0", oldest));
	region_check(&region);
	region_reopen(&region);
	region_check(&region);
	assert_int_equal(journal_oldest(J), oldest);
	assert_true(changes_since(oldest) == stats.paths - 1);
	assert_int_equal(publish(mark, 'A', 'B'), 0);
	journal_set_limit(J, 0);
	journal_stats(J, &stats);
	assert_int_equal(stats.paths, 0);
	assert_int_equal(stats.bytes, 0);
	assert_int_equal(changes_since(journal_tick(J)), 0);
}

static void test_full_region(void **unused)
{
	struct region small;
	struct touching t[2] = { { .path = "x", .touch = TOUCH_CONTENT }, { .touch = TOUCH_CONTENT } };
	struct journal_stats before, after;
	char path[32];
	tick_t tick, last;
	unsigned n = 0;
	int r;

	region_open(&small, 64 * 1024);
	do {
		snprintf(path, sizeof(path), "f%u", n++);
		t[0].path = path;
		r = journal_begin(small.journal, t, 1, NULL, &tick);
	} while (r == 0 && n < 10000);
	assert_int_equal(r, -ENOSPC);
	/* nothing of a request is noted when not all of it can be */
	journal_stats(small.journal, &before);
	last = journal_tick(small.journal);
	t[0].path = "f0";
	t[1].path = "another";
	assert_int_equal(journal_begin(small.journal, t, 2, NULL, &tick), -ENOSPC);
	journal_stats(small.journal, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(journal_tick(small.journal), last);
	assert_int_equal(journal_begin(small.journal, t, 1, NULL, &tick), 0);
	region_check(&small);
	region_close(&small);
}

/* A region that is full of old paths has room for new ones. */
static void test_old_paths_make_room(void **unused)
{
	struct region big = region;
	char path[32];

	region_open(&region, 64 * 1024);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "f%u", i);
		save(path, '-', 'A');
	}
	region_check(&region);
	assert_int_equal(at("f2999", journal_tick(J)), 'A');
	assert_true(journal_oldest(J) > 0);
	/* all the room taken by marks: what is published then is not kept, and clocks before it are no more */
	region_close(&region);
	region = big;
}

static void test_states_run_out(void **unused)
{
	struct region big = region;
	uint32_t marks[200];
	char path[32];
	unsigned n = 0;
	tick_t start;

	region_open(&region, 64 * 1024);
	for (;;) {
		struct touching t = { .path = path, .touch = TOUCH_CONTENT };
		tick_t tick;

		snprintf(path, sizeof(path), "f%u", n);
		if (n == 200 || journal_begin(J, &t, 1, NULL, &tick))
			break;
		marks[n++] = t.mark;
		end(t.mark);
	}
	start = journal_tick(J);
	/* intermediate states on all: however many find no room, none is answered as unchanged */
	for (int round = 0; round < 12; round++) {
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(publish_with(marks[i], '0', (char)('A' + round), NULL, false), 0);
			snprintf(path, sizeof(path), "f%u", i);
			begin(path, '!');
			end(marks[i]);
		}
		region_check(&region);
	}
	assert_int_equal(changes_since(start), n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(publish(marks[i], '0', 'Z'), 0);
	region_check(&region);
	assert_true(changes_since(start) >= n);
	assert_true(changes_since(journal_tick(J)) == 0);
	region_close(&region);
	region = big;
}

/* ---- opening ---- */

static void test_other_layouts(void **unused)
{
	uint64_t *words = calloc(8192, 8);
	struct journal *j;

	words[0] = 4711;
	assert_int_equal(journal_open(&j, words, 65536), -EINVAL);
	words[0] = 0;
	assert_int_equal(journal_open(&j, words, 100), -EINVAL);
	assert_int_equal(journal_open(&j, words, 65536), 0);
	journal_close(j);
	assert_int_equal(journal_open(&j, words, 65528), -EINVAL);
	assert_int_equal(journal_open(&j, words, 65536), 0);
	journal_close(j);
	journal_close(NULL);
	free(words);
}

static void test_reopened(void **unused)
{
	struct stamp stamp = { 1, 2, 3, 4 }, found;
	struct state state;
	uint32_t mark;

	save("a", 'A', 'B');
	mark = begin("b", '-');
	end(mark);
	assert_int_equal(publish_with(mark, '-', 'B', &stamp, true), 0);
	mark = begin("c", 'C');
	end(mark);
	region_reopen(&region);
	region_check(&region);
	assert_int_equal(journal_tick(J), 6);
	assert_string_equal(since(0), "a:AB b:-B c:C?");
	assert_true(journal_stored(J, "b", &state, &found));
	assert_int_equal(found.mtime_ns, 3);
	assert_int_equal(journal_mark_of(J, "c"), mark);
	assert_int_equal(publish(mark, 'C', 'D'), 0);
	assert_string_equal(since(0), "a:AB b:-B c:CD");
}

/* What the dead worker had begun has ended by the opening; what only it knew is not known. */
static void test_reopened_with_requests_in_flight(void **unused)
{
	struct touching t = { .path = "pending", .touch = TOUCH_CONTENT };
	struct state held = letter('u'), prefix = letter('u');
	uint32_t a = begin("a", 'A'), h, p;
	AUTO_FREE struct mark *marks = NULL;
	size_t count, in_flight;
	struct mark copy;
	tick_t tick;

	h = begin("held", '!');
	journal_set_before(J, h, BEFORE_HELD, &held, 0);
	p = begin("prefix", '!');
	journal_set_before(J, p, BEFORE_PREFIX, &prefix, 77);
	assert_int_equal(journal_begin(J, &t, 1, NULL, &tick), 0); /* 4 */
	region_reopen(&region);
	region_check(&region);
	assert_int_equal(journal_marks(J, 99, &marks, &count, &in_flight), 0);
	assert_int_equal(count, 4);
	assert_int_equal(in_flight, 0);
	assert_true(journal_mark(J, a, &copy));
	assert_true(copy.last > 4);
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(letter_of(&copy.state), 'A');
	assert_true(journal_mark(J, h, &copy));
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(letter_of(&copy.state), 'u');
	assert_true(journal_mark(J, p, &copy));
	assert_int_equal(copy.before, BEFORE_PREFIX);
	assert_int_equal(copy.size, 77);
	assert_true(journal_mark(J, t.mark, &copy));
	assert_int_equal(copy.before, BEFORE_KNOWN);
	assert_int_equal(copy.state.kind, STATE_UNKNOWN);
	/* the successor does the requests again, and their end is an end */
	begin("a", '!');
	end(a);
	assert_int_equal(publish(a, 'A', 'B'), 0);
	assert_int_equal(at("a", 0), 'A');
	assert_int_equal(at("a", 4), '?');
	assert_int_equal(at("a", journal_tick(J)), 'B');
}

/* A directory had moved: what lay below, the dead worker alone could have walked. */
static void test_reopened_with_a_move(void **unused)
{
	uint32_t mark = begin_as("d", TOUCH_NAME | TOUCH_TREE, '/');
	tick_t before = journal_tick(J);

	save("a", 'A', 'B');
	end(mark);
	region_reopen(&region);
	assert_string_equal(since(before), "stale");
	assert_true(touched("d/x", before));
	assert_true(touched("d/x", journal_tick(J) - 1));
	before = journal_tick(J);
	assert_string_equal(since(before), "");
	/* walked, published: nothing is lost any more */
	assert_int_equal(publish_with(mark, '/', '-', NULL, false), 0);
	before = journal_tick(J);
	region_reopen(&region);
	assert_string_equal(since(before), "");
	assert_int_equal(publish(mark, '/', '-'), 0);
}

/* ---- size ---- */

static void test_many_paths(void **unused)
{
	struct journal_stats stats;
	tick_t before;

	many(0, 120000);
	journal_stats(J, &stats);
	assert_int_equal(stats.paths, 120000);
	assert_int_equal(changes_since(0), 120000);
	before = journal_tick(J);
	many(5, 10);
	assert_int_equal(changes_since(before), 5); /* they were not absent before, as far as was known */
	before = journal_tick(J);
	save("some/where/file7", 'A', 'B');
	assert_int_equal(changes_since(before), 1);
	region_reopen(&region);
	assert_int_equal(changes_since(before), 1);
	assert_int_equal(changes_since(0), 120000);
}

/* A hundred thousand marks published in the worst order. */
static void test_published_in_reverse(void **unused)
{
	enum { COUNT = 100000 };
	uint32_t *marks = malloc(COUNT * sizeof(*marks));
	char path[32];

	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(path, sizeof(path), "f%u", i);
		marks[i] = begin(path, '-');
		end(marks[i]);
	}
	for (unsigned i = COUNT; i--;) {
		assert_int_equal(publish(marks[i], '-', 'A'), 0);
		if (i % 10000 == 0)
			assert_int_equal(changes_since(0), COUNT);
	}
	assert_int_equal(changes_since(COUNT), COUNT / 2);
	free(marks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_paths_of_all_lengths),
		JOURNAL_TEST(test_byte_limit),
		JOURNAL_TEST(test_full_region),
		JOURNAL_TEST(test_old_paths_make_room),
		JOURNAL_TEST(test_states_run_out),
		JOURNAL_TEST(test_other_layouts),
		JOURNAL_TEST(test_reopened),
		JOURNAL_TEST(test_reopened_with_requests_in_flight),
		JOURNAL_TEST(test_reopened_with_a_move),
		JOURNAL_TEST(test_many_paths),
		JOURNAL_TEST(test_published_in_reverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
