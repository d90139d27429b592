#include "core/base/strv.h"
#include "supervisor/output.h"
#include "supervisor/output_filter.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>

/* ---- the filter ---- */

static const struct {
	const char *in, *out; /* lines of out are joined by '|' */
} cases[] = {
	{ "one\ntwo\n", "one|two|" },
	{ "one\r\ntwo\r\n", "one|two|" },
	{ "\n\n", "||" },
	{ "10%\r20%\r30%\n", "30%|" },
	{ "kept\r\n", "kept|" },
	{ "tab\there\n", "tab\there|" },
	{ "bell\a, back\b, del\177\n", "bell, back, del|" },
	{ "\033[31mred\033[0m\n", "\033[31mred\033[0m|" },
	{ "\033[38;5;208mx\033[m\n", "\033[38;5;208mx\033[m|" },
	{ "\033[38:2::1:2:3mx\n", "\033[38:2::1:2:3mx|" },
	{ "\033[>4;2mx\n", "x|" }, /* a question to the terminal, not a colour */
	{ "\033[?25lx\033[?25h\n", "x|" },
	{ "\033[2J\033[3J\033[Hx\n", "x|" },
	{ "a\033[2Kb\033[1Gc\n", "abc|" },
	{ "\033]0;title\ax\n", "x|" },
	{ "\033]8;;http://x/\033\\link\033]8;;\033\\\n", "link|" },
	{ "\033P1$r\033\\x\n", "x|" },
	{ "\033(Bx\033=y\0337z\n", "xyz|" },
	{ "\033]0;never ended\nnext\n", "|next|" }, /* a new line is one, whatever was begun */
	{ "\033[3", "" },
	{ "ümläut\xff\n", "ümläut\xff|" },
};

static void collect(const char *text, size_t len, void *arg)
{
	buf_put(arg, text, len);
	buf_putc(arg, '|');
}

/* every cut of the input into two pieces gives the same */
static void test_filter(void **unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t len = strlen(cases[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			struct filter f = { .max_line = 1000 };
			AUTO_BUF out = { 0 };

			filter_feed(&f, cases[i].in, cut, collect, &out);
			filter_feed(&f, cases[i].in + cut, len - cut, collect, &out);
			assert_string_equal(buf_str(&out), cases[i].out);
			filter_done(&f);
		}
	}
}

static void test_filter_flush(void **unused)
{
	struct filter f = { .max_line = 1000 };
	AUTO_BUF out = { 0 };

	filter_feed(&f, "no end\033[3", 9, collect, &out);
	filter_flush(&f, collect, &out);
	filter_flush(&f, collect, &out);
	filter_feed(&f, "1m\n", 3, collect, &out);
	assert_string_equal(buf_str(&out), "no end|1m|");
	filter_done(&f);
}

static void test_filter_long(void **unused)
{
	struct filter f = { .max_line = 10 };
	AUTO_BUF out = { 0 };
	char digits[100];

	memset(digits, '1', sizeof(digits));
	filter_feed(&f, "0123456789abcdefghijk\n", 22, collect, &out);
	assert_string_equal(buf_str(&out), "0123456789|abcdefghij|k|");
	/* a sequence without an end takes no memory */
	filter_feed(&f, "\033[", 2, collect, &out);
	for (int i = 0; i < 1000; i++)
		filter_feed(&f, digits, sizeof(digits), collect, &out);
	filter_feed(&f, "mx\n", 3, collect, &out);
	assert_string_equal(buf_str(&out), "0123456789|abcdefghij|k|x|");
	assert_true(f.line.size < 1000);
	filter_done(&f);
}

static void test_colours(void **unused)
{
	char active[32] = "";

	filter_colours("\033[1mbold \033[31mred", active, sizeof(active));
	assert_string_equal(active, "\033[1m\033[31m");
	filter_colours("goes on", active, sizeof(active));
	assert_string_equal(active, "\033[1m\033[31m");
	filter_colours("\033[0;32mgreen", active, sizeof(active));
	assert_string_equal(active, "\033[0;32m");
	filter_colours("\033[mplain", active, sizeof(active));
	assert_string_equal(active, "");
	for (int i = 0; i < 100; i++)
		filter_colours("\033[31m", active, sizeof(active));
	assert_true(strlen(active) < sizeof(active));
}

static void test_plain(void **unused)
{
	AUTO_BUF out = { 0 };

	assert_int_equal(output_plain("\033[1;31mred\033[0m and \033[mplain\033", &out), 0);
	assert_string_equal(buf_str(&out), "red and plain");
}

/* ---- rings ---- */

static const struct output_options quiet = { .fd = -1, .error_fd = -1 };

static void feed(struct output_stream *s, const char *text)
{
	output_feed(s, text, strlen(text), false);
}

static void note_line(const struct output_line *line, void *arg)
{
	buf_printf(arg, "%s/%s %s|", line->service, output_stage_name(line->stage), line->text);
}

static void test_lines_in_their_order(void **unused)
{
	struct output *o;
	struct output_stream *a, *b;
	AUTO_BUF out = { 0 };

	assert_int_equal(output_new(NULL, &quiet, &o), 0);
	a = output_stream(o, "a", OUTPUT_RUN);
	b = output_stream(o, "b", OUTPUT_BUILD);
	assert_ptr_equal(output_stream(o, "a", OUTPUT_RUN), a);
	feed(a, "1\n");
	feed(b, "2\n");
	feed(a, "3\n4");
	output_feed(a, "5\n", 2, true); /* a line of its own: the other way has begun one */
	feed(a, "\n");
	output_lines(o, NULL, 100, note_line, &out);
	assert_string_equal(buf_str(&out), "a/run 1|b/build 2|a/run 3|a/run 5|a/run 4|");
	buf_truncate(&out, 0);
	output_lines(o, NULL, 2, note_line, &out);
	assert_string_equal(buf_str(&out), "a/run 5|a/run 4|");
	buf_truncate(&out, 0);
	output_lines(o, "b", 9, note_line, &out);
	assert_string_equal(buf_str(&out), "b/build 2|");
	output_free(o);
}

static void test_a_ring_is_bounded(void **unused)
{
	struct output *o;
	struct output_stream *s;
	AUTO_BUF out = { 0 };
	char line[32];

	assert_int_equal(output_new(NULL, &quiet, &o), 0);
	s = output_stream(o, "a", OUTPUT_RUN);
	for (int i = 0; i < OUTPUT_MAX_LINES + 50; i++) {
		snprintf(line, sizeof(line), "%d\n", i);
		feed(s, line);
	}
	output_lines(o, NULL, OUTPUT_MAX_LINES * 2, note_line, &out);
	assert_memory_equal(out.data, "a/run 50|", 9);
	buf_truncate(&out, 0);
	assert_int_equal(output_text(s, 0, 40, &out), 0);
	assert_string_equal(buf_str(&out),
			    "(the first lines are gone)\n50\n51\n52\n53\n(996 more lines: hrfs log a)\n");
	output_free(o);
}

static void test_a_ring_is_bounded_in_bytes(void **unused)
{
	struct output *o;
	struct output_stream *s;
	AUTO_BUF out = { 0 };
	char big[OUTPUT_MAX_LINE];

	memset(big, 'x', sizeof(big));
	assert_int_equal(output_new(NULL, &quiet, &o), 0);
	s = output_stream(o, "a", OUTPUT_RUN);
	for (int i = 0; i < 100; i++)
		output_feed(s, big, sizeof(big), false);
	output_text(s, 0, SIZE_MAX, &out);
	assert_true(out.len <= OUTPUT_MAX_BYTES + 1000);
	assert_true(out.len >= OUTPUT_MAX_BYTES - OUTPUT_MAX_LINE);
	output_free(o);
}

static void test_text_after_a_mark(void **unused)
{
	struct output *o;
	struct output_stream *s;
	AUTO_BUF out = { 0 };
	uint64_t mark;

	assert_int_equal(output_new(NULL, &quiet, &o), 0);
	s = output_stream(o, "a", OUTPUT_BUILD);
	feed(s, "old\n");
	mark = output_mark(o);
	assert_int_equal(output_text(s, mark, 100, &out), 0);
	assert_string_equal(buf_str(&out), "");
	feed(s, "\033[31mnew\033[0m\nlast");
	output_flush(s);
	output_text(s, mark, 100, &out);
	assert_string_equal(buf_str(&out), "new\nlast\n");
	output_free(o);
}

/* ---- watchers ---- */

struct watcher {
	struct output_watch *watch, *other;
	int count;
};

static void stop_all(const struct output_line *line, void *arg)
{
	struct watcher *w = arg;

	w->count++;
	output_unwatch(w->watch);
	output_unwatch(w->other);
	w->watch = w->other = NULL;
}

static void test_a_watcher_may_remove_itself_and_others(void **unused)
{
	struct watcher w = { 0 };
	AUTO_BUF seen = { 0 };
	struct output *o;
	struct output_stream *a, *b;

	assert_int_equal(output_new(NULL, &quiet, &o), 0);
	a = output_stream(o, "a", OUTPUT_RUN);
	b = output_stream(o, "b", OUTPUT_RUN);
	assert_non_null(output_watch(o, "b", note_line, &seen));
	assert_non_null(output_watch_stream(a, note_line, &seen));
	w.other = output_watch(o, NULL, stop_all, &w);
	w.watch = output_watch(o, NULL, stop_all, &w);
	feed(a, "1\n2\n");
	feed(b, "3\n");
	assert_int_equal(w.count, 1);
	assert_string_equal(buf_str(&seen), "a/run 1|a/run 2|b/run 3|");
	output_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_filter_flush),
		cmocka_unit_test(test_filter_long),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_lines_in_their_order),
		cmocka_unit_test(test_a_ring_is_bounded),
		cmocka_unit_test(test_a_ring_is_bounded_in_bytes),
		cmocka_unit_test(test_text_after_a_mark),
		cmocka_unit_test(test_a_watcher_may_remove_itself_and_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
