/* The queue of echoes, as a successor finds it after each single store of its worker. */
#include "fs/replay_queue.h"
#include "core/base/cleanup.h"
#include "fs/shared.h"
#include "tests/unit/steps.h"
#include "tests/unit/test.h"
#include <stdio.h>
#include <string.h>

#define MOST 6 /* that wait */
#define OPERATIONS 300
#define PAGE 4096

static struct echo_item *waiting[MOST + 1]; /* in their order; `what` is a number of their own */
static unsigned count, number;
static uint32_t under_way; /* it may be there or not */
static struct echoes *own, *copy;
static unsigned seed = 3;

static unsigned below(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* ---- items that can be told from each other ---- */

static void fill(struct spot *s, unsigned n, bool somewhere)
{
	char text[300];

	snprintf(text, sizeof(text), "%0*u", 1 + (int)(n * 37 % 250), n);
	s->name = strdup(text);
	s->dir = somewhere ? n + 1000ULL : 0;
	if (!somewhere)
		return;
	s->depth = n % 5;
	s->way = calloc(s->depth + 1, sizeof(*s->way));
	for (uint32_t i = 0; i < s->depth; i++)
		s->way[i] = n * 10ULL + i;
	s->path = strdup(s->depth ? text : "");
}

static struct echo_item *make(unsigned n)
{
	struct echo_item *item = calloc(1, sizeof(*item));

	item->what = n;
	item->type = n * 2;
	item->node = n + 7ULL;
	item->replaced = n + 8ULL;
	fill(&item->from, n, n % 3);
	if (n % 2)
		fill(&item->to, n + 1, n % 7);
	return item;
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool spot_equal(const struct spot *a, const struct spot *b)
{
	return a->dir == b->dir && a->depth == b->depth && text_equal(a->name, b->name) &&
	       text_equal(a->path, b->path) &&
	       (!a->depth || memcmp(a->way, b->way, a->depth * sizeof(*a->way)) == 0);
}

static bool item_equal(const struct echo_item *a, const struct echo_item *b)
{
	return a->what == b->what && a->type == b->type && a->node == b->node && a->replaced == b->replaced &&
	       spot_equal(&a->from, &b->from) && spot_equal(&a->to, &b->to);
}

/* ---- the successor ---- */

static unsigned next;

static void find(struct echo_item *item)
{
	while (next < count && waiting[next]->what != item->what) {
		if (waiting[next++]->what != under_way)
			fail_msg("after store %lu: %u is missing", steps.count, waiting[next - 1]->what);
	}
	if (next < count) {
		assert_true(item_equal(item, waiting[next]));
		next++;
	} else if (item->what != under_way) {
		fail_msg("after store %lu: %u is not to be told any more", steps.count, item->what);
	}
	echo_free(item);
}

static void copy_pages(void)
{
	uint64_t end = own->head + PAGE;

	memcpy(copy, own, PAGE);
	for (uint64_t at = own->tail / PAGE * PAGE; at < end; at += PAGE)
		memcpy(copy->ring + at % ECHOES_RING, own->ring + at % ECHOES_RING, PAGE);
}

static void check(void)
{
	next = 0;
	copy_pages();
	shared_echoes = copy;
	queue_inherit(find);
	shared_echoes = own;
	for (; next < count; next++) {
		if (waiting[next]->what != under_way)
			fail_msg("after store %lu: %u is missing", steps.count, waiting[next]->what);
	}
}

/* ---- the worker ---- */

static void keep(void)
{
	under_way = ++number;
	waiting[count] = make(number);
	count++; /* which it may be, or not yet */
	queue_keep(waiting[count - 1]);
	under_way = 0;
}

static void drop(unsigned i)
{
	struct echo_item *item = waiting[i];

	under_way = item->what;
	queue_begin(item);
	queue_done(item);
	count--;
	memmove(&waiting[i], &waiting[i + 1], (count - i) * sizeof(*waiting));
	under_way = 0;
	echo_free(item);
}

static int begin(void **unused)
{
	own = aligned_alloc(PAGE, sizeof(*own));
	copy = aligned_alloc(PAGE, sizeof(*copy));
	shared = calloc(1, sizeof(*shared));
	if (!own || !copy || !shared)
		return -1;
	memset(own, 0, sizeof(*own));
	own->head = own->tail = ECHOES_RING - 8 * PAGE; /* it comes to its end soon */
	shared_echoes = own;
	return 0;
}

static int end(void **unused)
{
	while (count)
		drop(0);
	free(own);
	free(copy);
	free(shared);
	return 0;
}

static void test_after_each_store(void **unused)
{
	const struct span spans[STEPS_SPANS] = { { (char *)own, sizeof(*own) } };

	if (!steps_begin(spans, check)) {
		print_message("skipped: stores can't be stepped through here\n");
		skip();
	}
	for (int i = 0; i < OPERATIONS; i++) {
		if (count < MOST && below(2))
			keep();
		else if (count)
			drop(below(count));
	}
	steps_end();
	print_message("%lu stores by %d operations\n", steps.count, OPERATIONS);
	assert_true(steps.count > OPERATIONS);
	assert_true(own->head > ECHOES_RING);
}

static void forget(struct echo_item *item)
{
	echo_free(item);
	count++;
}

static unsigned inherited(void)
{
	unsigned before = count, found;

	queue_inherit(forget);
	found = count - before;
	count = before;
	return found;
}

/* More than there is room for: those are not kept, and nothing else suffers. */
static void test_full(void **unused)
{
	struct echo_item *first = make(1), *last = NULL;
	unsigned kept = 0;

	queue_keep(first);
	for (;;) {
		struct echo_item *item = make(2);

		queue_keep(item);
		kept += item->kept != 0;
		if (!item->kept) {
			last = item;
			break;
		}
		echo_free(item);
	}
	assert_true(kept > 1000);
	assert_int_equal(inherited(), kept + 1);
	queue_done(last);
	assert_int_equal(inherited(), kept + 1);
	queue_done(first);
	queue_keep(last);
	assert_int_not_equal(last->kept, 0);
	assert_int_equal(inherited(), kept + 1);
	echo_free(first);
	echo_free(last);
}

static void test_crashes(void **unused)
{
	struct echo_item *bad = make(1), *good = make(2);

	queue_keep(bad);
	queue_keep(good);
	for (int i = 0; i < 5; i++) {
		queue_begin(bad); /* killed from outside */
		assert_int_equal(inherited(), 2);
	}
	queue_begin(bad);
	shared->crashes++;
	assert_int_equal(inherited(), 2);
	queue_begin(bad);
	shared->crashes++;
	assert_int_equal(inherited(), 1);
	echo_free(bad);
	echo_free(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_after_each_store, begin, end),
		cmocka_unit_test_setup_teardown(test_full, begin, end),
		cmocka_unit_test_setup_teardown(test_crashes, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
