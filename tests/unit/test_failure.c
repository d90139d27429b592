/* The one line that is shown of a failed command's output. */
#include "supervisor/failure.h"
#include "tests/unit/test.h"
#include "core/base/cleanup.h"
#include <errno.h>
#include <string.h>

struct failure_case {
	const char *text, *line;
};

static const struct failure_case cases[] = {
	/* gcc, clang */
	{ "main.c: In function 'main':\nmain.c:9:2: error: expected ';' before '}'\n", "main.c:9:2: error: expected ';' before '}'" },
	{ "In file included from a.c:3:\nb.h:7:1: warning: odd\nsrc/a.c:12:5: error: no member\nsrc/a.c:13: error: later\n",
	  "src/a.c:12:5: error: no member" },
	{ "/usr/bin/ld: /tmp/cc1.o: in function `main':\nmain.c:(.text+0x5): undefined reference to `f'\nmain.c:4: undefined reference to `f'\n",
	  "main.c:4: undefined reference to `f'" },
	/* go */
	{ "# example.com/api\n./main.go:12:2: undefined: x\n./main.go:13:2: undefined: y\n", "./main.go:12:2: undefined: x" },
	/* rust: the place stands below the words */
	{ "error[E0425]: cannot find value `x`\n --> src/main.rs:3:5\n  |\n", "src/main.rs:3:5" },
	/* typescript */
	{ "src/app.ts(12,5): error TS2304: Cannot find name 'x'.\n", "src/app.ts(12,5): error TS2304: Cannot find name 'x'." },
	/* python */
	{ "Traceback (most recent call last):\n  File \"app.py\", line 3, in <module>\n    f()\n  File \"/usr/lib/python3.11/json/x.py\", line 9, in f\n"
	  "ValueError: bad\n",
	  "app.py:3: ValueError: bad" },
	{ "  File \"app.py\", line 4\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n", "app.py:4: SyntaxError: invalid syntax" },
	/* no place */
	{ "make: *** [all] Error 2\n\n", "make: *** [all] Error 2" },
	{ "listening on http://localhost:8080\nfailed at 12:30:45\n", "failed at 12:30:45" },
	{ "  \r\n\tshort\r\n", "short" },
	{ "no end", "no end" },
};

static void finds_the_line(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_BUF out = { 0 };

		assert_int_equal(failure_line(cases[i].text, &out), 0);
		assert_string_equal(buf_str(&out), cases[i].line);
	}
}

static void nothing_is_no_line(void **state)
{
	AUTO_BUF out = { 0 };

	assert_int_equal(failure_line("", &out), -ENOENT);
	assert_int_equal(failure_line(" \n\t\n", &out), -ENOENT);
}

static void long_lines_are_cut_between_characters(void **state)
{
	AUTO_BUF text = { 0 };
	AUTO_BUF out = { 0 };

	for (int i = 0; i < 200; i++)
		assert_int_equal(buf_puts(&text, "\xc3\xa9"), 0);
	assert_int_equal(failure_line(buf_str(&text), &out), 0);
	assert_true(out.len <= FAILURE_MAX_BYTES);
	assert_memory_equal(out.data + out.len - 3, "\xe2\x80\xa6", 3);
	assert_memory_equal(out.data + out.len - 5, "\xc3\xa9", 2);
}

static void no_byte_moves_a_cursor(void **state)
{
	AUTO_BUF out = { 0 };

	assert_int_equal(failure_line("a.c:1: error:\tx\033[2Jy\n", &out), 0);
	assert_string_equal(buf_str(&out), "a.c:1: error: x [2Jy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_line),
		cmocka_unit_test(nothing_is_no_line),
		cmocka_unit_test(long_lines_are_cut_between_characters),
		cmocka_unit_test(no_byte_moves_a_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
