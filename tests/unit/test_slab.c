#include "core/base/slab.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct item {
	uint64_t value;
	uint32_t used;
	uint32_t zero;
};

#define SIZE (64 * sizeof(struct item))

static void *region; /* allocated: it holds items of several types */

static int clear(void **unused)
{
	region = calloc(1, SIZE);
	return region ? 0 : -1;
}

static int release(void **unused)
{
	free(region);
	return 0;
}

static struct slab open_slab(void)
{
	struct slab s;

	assert_int_equal(slab_open(&s, region, SIZE, sizeof(struct item), offsetof(struct item, used)), 0);
	return s;
}

static uint32_t add(struct slab *s, uint64_t value)
{
	uint32_t i = slab_alloc(s);

	if (i) {
		((struct item *)slab_at(s, i))->value = value;
		slab_publish(s, i);
	}
	return i;
}

static uint64_t value_of(const struct slab *s, uint32_t i)
{
	return ((struct item *)slab_at(s, i))->value;
}

static void test_numbered_from_one(void **unused)
{
	struct slab s = open_slab();

	assert_int_equal(slab_end(&s), 1);
	assert_int_equal(slab_next(&s, 0), 0);
	assert_int_equal(add(&s, 10), 1);
	assert_int_equal(add(&s, 20), 2);
	assert_int_equal(value_of(&s, 1), 10);
	assert_int_equal(slab_index(&s, slab_at(&s, 2)), 2);
	assert_int_equal(slab_next(&s, 0), 1);
	assert_int_equal(slab_next(&s, 1), 2);
	assert_int_equal(slab_next(&s, 2), 0);
}

static void test_full_and_freed(void **unused)
{
	struct slab s = open_slab();
	uint32_t i;

	for (i = 1; i < 64; i++)
		assert_int_equal(add(&s, i), i);
	assert_int_equal(add(&s, 64), 0);
	slab_free(&s, 7);
	slab_free(&s, 9);
	assert_int_equal(slab_next(&s, 6), 8);
	i = add(&s, 100);
	assert_true(i == 7 || i == 9);
	assert_int_equal(add(&s, 200), 16 - i);
	assert_int_equal(add(&s, 300), 0);
	for (i = 1; i < 64; i++)
		assert_int_equal(value_of(&s, i), i == 7 || i == 9 ? value_of(&s, i) : i);
}

/* What was not published is free for whoever opens the region; what was, is where it was. */
static void test_reopened(void **unused)
{
	struct slab s = open_slab();
	uint32_t aside;

	add(&s, 1);
	aside = slab_alloc(&s);
	add(&s, 3);
	slab_free(&s, 1);
	s = open_slab();
	assert_int_equal(slab_end(&s), 4);
	assert_int_equal(slab_next(&s, 0), 3);
	assert_int_equal(slab_next(&s, 3), 0);
	assert_int_equal(value_of(&s, 3), 3);
	assert_int_equal(add(&s, 10) + add(&s, 20), 1 + aside);
	assert_int_equal(add(&s, 30), 4);
}

/* The word that says "used" may be the item's first. */
static void test_used_word_first(void **unused)
{
	struct slab s;
	uint32_t a, b;

	assert_int_equal(slab_open(&s, region, SIZE, 16, 0), 0);
	a = slab_alloc(&s);
	slab_publish(&s, a);
	b = slab_alloc(&s);
	slab_publish(&s, b);
	slab_free(&s, a);
	slab_free(&s, b);
	assert_int_equal(slab_next(&s, 0), 0);
	assert_int_equal(slab_alloc(&s) + slab_alloc(&s), a + b);
	assert_int_equal(slab_alloc(&s), 3);
}

static void test_sizes_that_cannot_be(void **unused)
{
	struct slab s;

	assert_int_equal(slab_open(&s, region, SIZE, 4, 0), -EINVAL);
	assert_int_equal(slab_open(&s, region, SIZE, 12, 0), -EINVAL);
	assert_int_equal(slab_open(&s, region, SIZE, 16, 16), -EINVAL);
	assert_int_equal(slab_open(&s, region, SIZE, 16, 2), -EINVAL);
	assert_int_equal(slab_open(&s, region, 16, 16, 0), -EINVAL);
	assert_int_equal(slab_open(&s, (char *)region + 4, 1000, 16, 0), -EINVAL);
	*(uint32_t *)region = 1000; /* more items than there is room for */
	assert_int_equal(slab_open(&s, region, SIZE, 16, 0), -EINVAL);
}

/* A region of a gigabyte costs what its items cost. */
static void test_touches_no_more_than_needed(void **unused)
{
	size_t size = 1UL << 30, pages = 0;
	void *big = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned char *resident = malloc(size / 4096);
	struct slab s;

	assert_ptr_not_equal(big, MAP_FAILED);
	assert_int_equal(slab_open(&s, big, size, sizeof(struct item), offsetof(struct item, used)), 0);
	for (int i = 0; i < 1000; i++)
		add(&s, 1);
	assert_int_equal(slab_open(&s, big, size, sizeof(struct item), offsetof(struct item, used)), 0);
	assert_int_equal(mincore(big, size, resident), 0);
	for (size_t i = 0; i < size / 4096; i++)
		pages += resident[i] & 1;
	assert_in_range(pages, 4, 1024); /* a large page at most */
	free(resident);
	munmap(big, size);
}

struct wide {
	uint32_t used;
	uint32_t zero;
	uint64_t more, value;
};

static void widen(const void *old, void *fresh)
{
	((struct wide *)fresh)->value = ((const struct item *)old)->value;
}

/* Into items of another size, under the same numbers: what was free is free. */
static void test_converted(void **unused)
{
	struct slab s = open_slab(), to;
	size_t size = 64 * sizeof(struct wide);
	struct wide *wide = calloc(1, size);

	for (uint64_t i = 1; i <= 20; i++)
		add(&s, i * 10);
	slab_free(&s, 7);
	slab_free(&s, 20);
	assert_int_equal(slab_open(&to, wide, size, sizeof(*wide), offsetof(struct wide, used)), 0);
	assert_int_equal(slab_convert(region, SIZE, sizeof(struct item), offsetof(struct item, used), &to, widen), 0);
	assert_int_equal(slab_open(&to, wide, size, sizeof(*wide), offsetof(struct wide, used)), 0);
	assert_int_equal(slab_end(&to), 21);
	for (uint32_t i = 1, n = 0; n < 18; n++, i++) {
		i += i == 7;
		assert_int_equal(slab_next(&to, i == 8 ? 6 : i - 1), i);
		assert_int_equal(((struct wide *)slab_at(&to, i))->value, i * 10);
	}
	assert_int_equal(slab_next(&to, 19), 0);
	free(wide);
}

static void test_converted_without_room(void **unused)
{
	struct slab s = open_slab(), to;
	size_t size = 8 * sizeof(struct wide);
	struct wide *wide = calloc(1, size);

	for (uint64_t i = 1; i <= 8; i++)
		add(&s, i);
	assert_int_equal(slab_open(&to, wide, size, sizeof(*wide), offsetof(struct wide, used)), 0);
	assert_int_equal(slab_convert(region, SIZE, sizeof(struct item), offsetof(struct item, used), &to, widen), -ENOSPC);
	*(uint32_t *)region = 100000; /* more than it can hold */
	assert_int_equal(slab_convert(region, SIZE, sizeof(struct item), offsetof(struct item, used), &to, widen), -EINVAL);
	free(wide);
}

#define T(f) cmocka_unit_test_setup_teardown(f, clear, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_numbered_from_one), T(test_full_and_freed),	 T(test_reopened),
		T(test_used_word_first),   T(test_sizes_that_cannot_be), T(test_touches_no_more_than_needed),
		T(test_converted),	   T(test_converted_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
