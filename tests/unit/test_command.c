#include "core/command.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

/* words are joined by '|' */
static const struct {
	const char *line, *words;
} cases[] = {
	{ "bin/server", "bin/server" },
	{ "go run ./cmd/api", "go|run|./cmd/api" },
	{ "  a \t b  ", "a|b" },
	{ "a 'b c' d", "a|b c|d" },
	{ "a \"b c\"", "a|b c" },
	{ "a b'c'd\"e\"", "a|bcde" },
	{ "a ''", "a|" },
	{ "a '$x' 'y;z' '*'", "a|$x|y;z|*" },
	{ "a \"it's\"", "a|it's" },
	{ "'time' x", "time|x" },
	{ "a=b", "sh|-c|a=b" },
	{ "A=1 run", "sh|-c|A=1 run" },
	{ "run A=1", "run|A=1" },
	{ "a | b", "sh|-c|a | b" },
	{ "a && b", "sh|-c|a && b" },
	{ "a; b", "sh|-c|a; b" },
	{ "a > f", "sh|-c|a > f" },
	{ "a $X", "sh|-c|a $X" },
	{ "a \"$X\"", "sh|-c|a \"$X\"" },
	{ "a `b`", "sh|-c|a `b`" },
	{ "a *.c", "sh|-c|a *.c" },
	{ "a {b,c}", "sh|-c|a {b,c}" },
	{ "a ~/x", "sh|-c|a ~/x" },
	{ "a \\ b", "sh|-c|a \\ b" },
	{ "a # b", "sh|-c|a # b" },
	{ "a\nb", "sh|-c|a\nb" },
	{ "exec a", "sh|-c|exec a" },
	{ "cd x", "sh|-c|cd x" },
	{ ". ./env", "sh|-c|. ./env" },
	{ "if true", "sh|-c|if true" },
	{ "echo exec", "echo|exec" },
	{ "a !b", "sh|-c|a !b" },
};

static void join(const struct strv *v, struct buf *out)
{
	for (size_t i = 0; i < v->count; i++) {
		if (i)
			buf_putc(out, '|');
		buf_puts(out, v->items[i]);
	}
}

static void test_words(void **unused)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_STRV words = { 0 };
		AUTO_BUF joined = { 0 };

		assert_int_equal(command_words(cases[i].line, &words), 0);
		join(&words, &joined);
		if (strcmp(buf_str(&joined), cases[i].words) != 0)
			fail_msg("'%s' gave %s", cases[i].line, buf_str(&joined));
	}
}

static void test_no_command(void **unused)
{
	static const char *const lines[] = { "", " ", "\t ", "a 'b", "a \"b", "'" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		AUTO_STRV words = { 0 };

		assert_int_equal(command_words(lines[i], &words), -EINVAL);
		assert_int_equal(words.count, 0);
	}
}

static void line_of(const char *const *words, struct buf *out)
{
	AUTO_STRV v = { 0 };

	for (; *words; words++)
		strv_add(&v, *words);
	assert_int_equal(command_line(&v, out), 0);
}

/* Words, quoted to a line and taken apart again, are the words. */
static void test_there_and_back(void **unused)
{
	static const char *const words[][5] = {
		{ "a", "b" },
		{ "a", "" },
		{ "a", "b c", "$x", "*" },
		{ "a", "new\nline", "tab\t" },
		{ "a", "\"", "`" },
		{ "a", "~", "#", "a=b" },
		{ "a", "ü", "\xff" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		AUTO_STRV back = { 0 };
		AUTO_BUF line = { 0 };
		size_t n = 0;

		line_of(words[i], &line);
		assert_int_equal(command_words(buf_str(&line), &back), 0);
		for (; words[i][n]; n++)
			assert_string_equal(back.items[n], words[i][n]);
		assert_int_equal(back.count, n);
	}
}

static void test_line(void **unused)
{
	static const char *const plain[] = { "go", "run", "./cmd/api", NULL };
	static const char *const quoted[] = { "a", "it's", "x y", NULL };
	AUTO_BUF line = { 0 };

	line_of(plain, &line);
	assert_string_equal(buf_str(&line), "go run ./cmd/api");
	buf_truncate(&line, 0);
	line_of(quoted, &line);
	assert_string_equal(buf_str(&line), "a 'it'\\''s' 'x y'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_no_command),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
