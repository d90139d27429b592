#include "core/base/strv.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

static void test_add(void **unused)
{
	AUTO_STRV v = { 0 };

	assert_int_equal(strv_add(&v, "a"), 0);
	assert_int_equal(strv_take(&v, strdup("b")), 0);
	assert_int_equal(v.count, 2);
	assert_string_equal(v.items[0], "a");
	assert_string_equal(v.items[1], "b");
	assert_null(v.items[2]); /* fit for execve */
	assert_int_equal(strv_take(&v, NULL), -ENOMEM);
	assert_int_equal(v.count, 2);
}

static void test_has(void **unused)
{
	AUTO_STRV v = { 0 };

	assert_false(strv_has(&v, "a"));
	strv_add(&v, "a");
	assert_true(strv_has(&v, "a"));
	assert_false(strv_has(&v, ""));
	assert_false(strv_has(&v, "aa"));
}

static void test_equal(void **unused)
{
	AUTO_STRV a = { 0 };
	AUTO_STRV b = { 0 };

	assert_true(strv_equal(&a, &b));
	strv_add(&a, "x");
	assert_false(strv_equal(&a, &b));
	assert_int_equal(strv_add_all(&b, &a), 0);
	assert_true(strv_equal(&a, &b));
	strv_add(&a, "y");
	strv_add(&b, "z");
	assert_false(strv_equal(&a, &b));
}

static void test_done_twice(void **unused)
{
	struct strv v = { 0 };

	strv_add(&v, "x");
	strv_done(&v);
	strv_done(&v);
	assert_null(v.items);
	assert_int_equal(v.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_done_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
