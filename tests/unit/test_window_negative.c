/* The names that are believed absent, as a successor finds them after each single store of its worker. */
#include "fs/window_negative.h"
#include "fs/shared.h"
#include "tests/unit/steps.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096
#define MOST 20000
#define LENGTH 240
#define DAY_S 86400.0
#define KEPT 40 /* that stay when the others are forgotten */

static struct absent_names *own;
static bool believed[MOST], found[MOST], forgotten[MOST];

static const char *text_of(unsigned n)
{
	static char text[LENGTH + 1];

	snprintf(text, sizeof(text), "%0*u", LENGTH, n);
	return text;
}

static bool note(unsigned n, double timeout_s)
{
	return negative_note(n + 1ULL, text_of(n), timeout_s);
}

/* how many there are */
static unsigned find_all(void)
{
	const char *at = own->half[own->current], *end = at + own->used[own->current];
	unsigned count = 0;

	memset(found, 0, sizeof(found));
	for (; at < end; count++) {
		size_t len = (unsigned char)at[sizeof(node_id)];
		char text[LENGTH + 1] = { 0 };
		node_id dir;
		unsigned n;

		assert_int_equal(len, LENGTH);
		memcpy(&dir, at, sizeof(dir));
		memcpy(text, at + sizeof(node_id) + 1, LENGTH);
		n = (unsigned)strtoul(text, NULL, 10);
		assert_true(n < MOST && dir == n + 1ULL);
		found[n] = true;
		at += sizeof(node_id) + 1 + len;
	}
	assert_ptr_equal(at, end);
	return count;
}

static void check(void)
{
	find_all();
	for (unsigned n = 0; n < MOST; n++)
		if (believed[n] && !found[n])
			fail_msg("after store %lu: %u is missing", steps.count, n);
}

static bool forget(node_id dir, const char *name, void *arg)
{
	unsigned n = (unsigned)dir - 1;

	assert_string_equal(name, text_of(n));
	return forgotten[n] = n >= *(unsigned *)arg;
}

/* all from this one on */
static void forget_from(unsigned first)
{
	negative_each(forget, &first);
	for (unsigned n = 0; n < MOST; n++)
		believed[n] = believed[n] && !forgotten[n];
}

static int begin(void **unused)
{
	own = aligned_alloc(PAGE, sizeof(*own));
	if (!own)
		return -1;
	memset(own, 0, sizeof(*own));
	memset(forgotten, 0, sizeof(forgotten));
	shared_absent = own;
	return 0;
}

static int end(void **unused)
{
	forget_from(0);
	free(own);
	return 0;
}

static unsigned fill(unsigned first)
{
	while (negative_has_room() && note(first, DAY_S))
		believed[first++] = true;
	return first;
}

/* The first half is full of names that are not believed any more: what is good goes over. */
static void test_after_each_store(void **unused)
{
	const struct span spans[STEPS_SPANS] = { { (char *)own, sizeof(*own) } };
	unsigned number = fill(0), half = own->current;
	uint32_t used = own->used[half];

	assert_true(number > 1000);
	forget_from(KEPT);
	if (!steps_begin(spans, check)) {
		print_message("skipped: stores can't be stepped through here\n");
		skip();
	}
	for (unsigned i = 0; i < KEPT; i++, number++)
		believed[number] = note(number, DAY_S);
	steps_end();
	print_message("%lu stores\n", steps.count);
	assert_true(steps.count > KEPT && own->current != half && own->used[own->current] < used / 2);
	check();
}

static bool note_more(node_id dir, const char *name, void *arg)
{
	unsigned *next = arg;

	while (*next < MOST && note(*next, DAY_S))
		(*next)++;
	return true;
}

/* Of what is about to be told nothing goes before it has been, whatever comes meanwhile. */
static void test_while_it_is_told(void **unused)
{
	unsigned last = fill(0), next = last;

	negative_each(note_more, &next);
	assert_true(next > last && next < MOST);
	check();
	assert_int_equal(find_all(), next);
	for (unsigned n = 0; n < last; n++)
		believed[n] = false;
	assert_true(note(next, DAY_S)); /* now there is room */
	assert_int_equal(find_all(), next - last + 1);
}

static bool count(node_id dir, const char *name, void *arg)
{
	++*(unsigned *)arg;
	return false;
}

static void test_a_successor(void **unused)
{
	unsigned many, all = 0;

	negative_start(true);
	assert_true(negative_is_whole());
	assert_true(note(0, 1.0)); /* that is waited for */
	assert_int_equal(own->used[0], 0);
	many = fill(1);
	assert_false(negative_has_room());
	check();
	negative_start(false);
	assert_true(negative_is_whole());
	negative_each(count, &all);
	assert_int_equal(all, many);
	memset(own, 0, PAGE); /* of a program from before */
	negative_start(false);
	assert_false(negative_is_whole());
	negative_set_whole();
	assert_true(negative_is_whole());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_after_each_store, begin, end),
		cmocka_unit_test_setup_teardown(test_while_it_is_told, begin, end),
		cmocka_unit_test_setup_teardown(test_a_successor, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
