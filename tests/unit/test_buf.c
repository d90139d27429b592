#include "core/base/buf.h"
#include "tests/unit/test.h"
#include <string.h>

static void test_empty(void **unused)
{
	AUTO_BUF b = { 0 };

	assert_string_equal(buf_str(&b), "");
	assert_null(buf_take(&b));
	buf_truncate(&b, 0);
	assert_int_equal(b.len, 0);
}

static void test_put(void **unused)
{
	AUTO_BUF b = { 0 };

	assert_int_equal(buf_puts(&b, "ab"), 0);
	assert_int_equal(buf_putc(&b, 'c'), 0);
	assert_int_equal(buf_put(&b, "d\0e", 3), 0);
	assert_int_equal(b.len, 6);
	assert_memory_equal(b.data, "abcd\0e", 7);
	assert_int_equal(buf_put(&b, "", 0), 0);
	assert_int_equal(b.len, 6);
}

static void test_printf(void **unused)
{
	AUTO_BUF b = { 0 };
	char expected[401];

	assert_int_equal(buf_printf(&b, "%d-%s", 42, "x"), 0);
	assert_string_equal(buf_str(&b), "42-x");
	memset(expected, 'y', 400);
	expected[400] = '\0';
	assert_int_equal(buf_printf(&b, "%s", expected), 0);
	assert_int_equal(b.len, 404);
	assert_string_equal(buf_str(&b) + 4, expected);
}

static void test_truncate_and_consume(void **unused)
{
	AUTO_BUF b = { 0 };

	buf_puts(&b, "0123456789");
	buf_consume(&b, 3);
	assert_string_equal(buf_str(&b), "3456789");
	buf_truncate(&b, 4);
	assert_string_equal(buf_str(&b), "3456");
	buf_consume(&b, 4);
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "z");
	assert_string_equal(buf_str(&b), "z");
}

static void test_take(void **unused)
{
	AUTO_BUF b = { 0 };
	AUTO_FREE char *taken = NULL;

	buf_puts(&b, "mine");
	taken = buf_take(&b);
	assert_string_equal(taken, "mine");
	assert_string_equal(buf_str(&b), "");
	buf_puts(&b, "anew");
	assert_string_equal(buf_str(&b), "anew");
	assert_string_equal(taken, "mine");
}

static void test_grows(void **unused)
{
	AUTO_BUF b = { 0 };

	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_putc(&b, (char)('a' + i % 26)), 0);
	assert_int_equal(b.len, 100000);
	assert_int_equal(b.data[99999], 'a' + 99999 % 26);
	assert_int_equal(buf_reserve(&b, 1000000), 0);
	assert_true(b.size - b.len > 1000000);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 10), -12); /* ENOMEM, and nothing is lost */
	assert_int_equal(b.len, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),  cmocka_unit_test(test_put),
		cmocka_unit_test(test_printf), cmocka_unit_test(test_truncate_and_consume),
		cmocka_unit_test(test_take),   cmocka_unit_test(test_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
