#include "core/base/map.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>

static void test_empty(void **unused)
{
	AUTO_DONE(map) struct map m = { 0 };

	assert_null(map_get(&m, "a", 1));
	assert_null(map_remove(&m, "a", 1));
	assert_null(map_next(&m, NULL));
}

static void test_put_get_remove(void **unused)
{
	AUTO_DONE(map) struct map m = { 0 };
	int x, y;

	assert_int_equal(map_put(&m, "a", 1, &x), 0);
	assert_int_equal(map_put(&m, "ab", 2, &y), 0);
	assert_int_equal(map_put(&m, "", 0, &y), 0);
	assert_ptr_equal(map_get(&m, "a", 1), &x);
	assert_ptr_equal(map_get(&m, "ab", 2), &y);
	assert_ptr_equal(map_get(&m, "", 0), &y);
	assert_null(map_get(&m, "b", 1));
	assert_int_equal(map_put(&m, "a", 1, &y), 0);
	assert_ptr_equal(map_get(&m, "a", 1), &y);
	assert_int_equal(m.count, 3);
	assert_ptr_equal(map_remove(&m, "a", 1), &y);
	assert_null(map_get(&m, "a", 1));
	assert_int_equal(m.count, 2);
}

static void test_keys_are_bytes(void **unused)
{
	AUTO_DONE(map) struct map m = { 0 };
	int x, y;

	map_put(&m, "a\0b", 3, &x);
	map_put(&m, "a\0c", 3, &y);
	assert_ptr_equal(map_get(&m, "a\0b", 3), &x);
	assert_ptr_equal(map_get(&m, "a\0c", 3), &y);
	assert_null(map_get(&m, "a", 1));
}

/* Removal moves what follows: after each one everything else must be found. */
static void test_many_and_removals(void **unused)
{
	enum { COUNT = 5000 };
	static int values[COUNT];
	AUTO_DONE(map) struct map m = { 0 };
	struct map_entry *e = NULL;
	char key[16];
	size_t walked = 0;

	for (int i = 0; i < COUNT; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(map_put(&m, key, strlen(key), &values[i]), 0);
	}
	for (int i = 0; i < COUNT; i += 3) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_ptr_equal(map_remove(&m, key, strlen(key)), &values[i]);
	}
	for (int i = 0; i < COUNT; i++) {
		snprintf(key, sizeof(key), "key%d", i);
		assert_ptr_equal(map_get(&m, key, strlen(key)), i % 3 ? &values[i] : NULL);
	}
	while ((e = map_next(&m, e)))
		walked++;
	assert_int_equal(walked, m.count);
	assert_int_equal(walked, COUNT - (COUNT + 2) / 3);
}

static void test_hash_spreads(void **unused)
{
	unsigned places[64] = { 0 };
	char key[16];

	for (int i = 0; i < 6400; i++) {
		snprintf(key, sizeof(key), "%d", i);
		places[bytes_hash(key, strlen(key)) & 63]++;
	}
	for (int i = 0; i < 64; i++)
		assert_in_range(places[i], 40, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	       cmocka_unit_test(test_put_get_remove),
		cmocka_unit_test(test_keys_are_bytes), cmocka_unit_test(test_many_and_removals),
		cmocka_unit_test(test_hash_spreads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
