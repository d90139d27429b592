/* Areas in shared memory, made anew in other layouts beside those in force. */
#include "fs/layout.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static int memory;
static int result; /* of the converter of nodes */

static int copy(const void *from, size_t from_size, void *to, size_t to_size)
{
	assert_int_equal(to_size, 4 * PAGE);
	for (size_t i = 0; i < to_size; i++)
		assert_int_equal(((char *)to)[i], 0);
	memcpy(to, from, 16);
	strcat(to, "+");
	return result;
}

static const struct converter converters[] = {
	{ AREA_NODES, 1, 2, 4 * PAGE, copy },
	{ AREA_NODES, 2, 1, 4 * PAGE, copy },
	{ AREA_JOURNAL, 1, 0, 0, NULL },
};

/* a program with small areas, instead of hrfs's own */
const struct layouts layouts = {
	.number = { [AREA_LANES] = 1, [AREA_NODES] = 1, [AREA_NAMES] = 1, [AREA_JOURNAL] = 1 },
	.size_bytes = { [AREA_LANES] = PAGE + 1, [AREA_NODES] = 2 * PAGE, [AREA_NAMES] = PAGE, [AREA_JOURNAL] = PAGE },
	.converters = converters,
	.converter_count = ARRAY_SIZE(converters),
};

static int create(void **unused)
{
	result = 0;
	return shared_create(&memory);
}

static int release(void **unused)
{
	return close(memory);
}

static char *nodes(void)
{
	size_t size;

	assert_int_equal(shared_use_areas(memory, shared_areas()), 0);
	return shared_nodes(&size);
}

static bool overlap(const struct area *a, const struct area *b)
{
	return a->layout && b->layout && a->offset < b->offset + b->size_bytes && b->offset < a->offset + a->size_bytes;
}

/* each area has its own place, and what both tables have is the same */
static void check_places(void)
{
	const struct area *tables[] = { shared_areas(), layout_made() };

	for (int i = 0; i < 2 * AREAS_MAX; i++) {
		const struct area *a = &tables[i / AREAS_MAX][i % AREAS_MAX];

		assert_true(!a->layout ||
			    (a->offset >= SHARED_SIZE && a->offset % PAGE == 0 && a->size_bytes % PAGE == 0));
		for (int k = 0; k < i; k++) {
			const struct area *b = &tables[k / AREAS_MAX][k % AREAS_MAX];

			if (i % AREAS_MAX == k % AREAS_MAX && a->offset == b->offset)
				assert_int_equal(a->layout, b->layout);
			else
				assert_false(overlap(a, b));
		}
	}
}

static void test_made_and_committed(void **unused)
{
	const uint32_t wanted[AREAS_MAX] = { 1, 2, 1, 1 };
	struct area before[AREAS_MAX];
	size_t size;

	strcpy(nodes(), "nodes");
	strcpy(shared_names(0, &size), "names");
	memcpy(before, shared_areas(), sizeof(before));
	assert_true(layout_can_make(wanted));
	assert_int_equal(layout_make(memory, wanted), 0);
	check_places();
	assert_memory_equal(shared_areas(), before, sizeof(before));
	assert_string_equal(nodes(), "nodes");
	strcpy(shared_names(0, &size), "names of the one before"); /* not of the copy's: a commit is all or nothing */
	layout_commit();
	assert_string_equal(nodes(), "nodes+");
	assert_int_equal(shared_areas()[AREA_NODES].layout, 2);
	assert_int_not_equal(shared_areas()[AREA_NAMES].offset, before[AREA_NAMES].offset);
	assert_string_equal(shared_names(0, &size), "names");
}

static void test_failed(void **unused)
{
	const uint32_t wanted[AREAS_MAX] = { 1, 2, 1, 1 };

	strcpy(nodes(), "nodes");
	for (int i = 0; i < 3; i++) {
		result = i < 2 ? -ENOSPC : 0;
		assert_int_equal(layout_make(memory, wanted), result);
		assert_string_equal(nodes(), "nodes");
	}
	layout_commit();
	assert_string_equal(nodes(), "nodes+"); /* nothing of the attempts before was left there */
}

/* There and back as often as one likes: the memory does not grow. */
static void test_places_are_used_again(void **unused)
{
	struct stat first, last;

	strcpy(nodes(), "n");
	for (uint32_t i = 0; i < 10; i++) {
		const uint32_t wanted[AREAS_MAX] = { 1, 2 - i % 2, 1, 1 };

		assert_int_equal(layout_make(memory, wanted), 0);
		check_places();
		layout_commit();
		layout_free_unused(memory);
		assert_int_equal(fstat(memory, i == 1 ? &first : &last), 0);
	}
	assert_string_equal(nodes(), "n++++++++++");
	assert_int_equal(first.st_size, last.st_size);
	assert_int_equal(first.st_blocks, last.st_blocks);
}

static void test_given_back(void **unused)
{
	const uint32_t wanted[AREAS_MAX] = { 1, 2, 1, 1 };
	off_t before = (off_t)shared_areas()[AREA_NODES].offset;

	strcpy(nodes(), "nodes");
	assert_int_equal(layout_make(memory, wanted), 0);
	layout_commit();
	assert_int_equal(lseek(memory, before, SEEK_DATA), before);
	layout_free_unused(memory);
	assert_true(lseek(memory, before, SEEK_DATA) >= before + 2 * PAGE);
	assert_string_equal(nodes(), "nodes+");
}

static void test_what_cannot_be_made(void **unused)
{
	const uint32_t unknown[AREAS_MAX] = { 1, 3, 1, 1 };
	const uint32_t more[AREAS_MAX] = { 1, 1, 1, 1, 1 };
	AUTO_BUF why = { 0 };

	assert_false(layout_can_make(unknown));
	assert_int_equal(layout_make(memory, unknown), -ENOTSUP);
	layout_explain(unknown, &why);
	assert_non_null(strstr(buf_str(&why), "nodes: this mount has layout 1 in memory, the other program layout 3;"));
	assert_false(layout_can_make(more));
}

/* An older program that knows no such area, where the newer one says that this loses nothing; and back. */
static void test_left_out(void **unused)
{
	const uint32_t without[AREAS_MAX] = { 1, 1, 1, 0 }, worse[AREAS_MAX] = { 1, 1, 0, 1 };
	const uint32_t with[AREAS_MAX] = { 1, 1, 1, 1 };

	assert_false(layout_can_make(worse));
	assert_true(layout_can_make(without));
	assert_int_equal(layout_make(memory, without), 0);
	layout_commit();
	assert_int_equal(shared_areas()[AREA_JOURNAL].layout, 0);
	assert_true(layout_can_make(with));
	assert_int_equal(layout_make(memory, with), 0);
	check_places();
	layout_commit();
	assert_int_equal(shared_areas()[AREA_JOURNAL].layout, 1);
	assert_int_equal(shared_areas()[AREA_JOURNAL].size_bytes, PAGE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, create, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_made_and_committed),  T(test_failed),   T(test_places_are_used_again), T(test_given_back),
		T(test_what_cannot_be_made), T(test_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
