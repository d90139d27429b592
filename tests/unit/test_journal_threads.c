/* Request threads, the settler and clients at once: no client misses a change, and the region stays whole. */
#include "tests/unit/region.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define WRITERS 4
#define CLIENTS 2
#define PATHS 16 /* shared by all writers, so that their requests overlap */
#define REQUESTS 3000

static struct region region;
static _Atomic char now[PATHS];
static atomic_bool over;

struct client {
	tick_t clock;
	char view[PATHS];
	pthread_t thread;
};

static void name(unsigned i, char path[static 16])
{
	snprintf(path, 16, "dir%u/f%u", i % 3, i);
}

static unsigned index_of(const char *path)
{
	return (unsigned)atoi(strrchr(path, 'f') + 1);
}

static void *write_files(void *arg)
{
	struct rng rng = { *(uint64_t *)arg };
	struct writer w = { .pid = (int32_t)rng_below(&rng, 1000) };

	for (unsigned n = 0; n < REQUESTS; n++) {
		unsigned i = rng_below(&rng, PATHS);
		char path[16];
		struct touching t = { .path = path, .touch = TOUCH_CONTENT };
		struct state unknown = state_unknown();
		bool failed = rng_below(&rng, 5) == 0;
		tick_t tick;

		name(i, path);
		if (journal_begin(region.journal, &t, 1, &w, &tick))
			abort();
		if (t.made)
			journal_set_before(region.journal, t.mark, BEFORE_KNOWN, &unknown, 0);
		if (!failed)
			now[i] = "-ABC"[rng_below(&rng, 4)];
		journal_end(region.journal, &t.mark, 1, failed);
	}
	return NULL;
}

static void settle(bool settled)
{
	struct mark *marks;
	size_t count, in_flight;

	if (journal_marks(region.journal, UINT64_MAX, &marks, &count, &in_flight))
		abort();
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF path = { 0 };
		struct state after;

		if (marks[i].in_flight || journal_mark_path(region.journal, marks[i].index, &path))
			continue;
		after = letter(now[index_of(buf_str(&path))]);
		journal_publish(region.journal, marks[i].index, marks[i].last, &marks[i].state, &after, NULL, settled);
	}
	free(marks);
}

static void *settle_all(void *unused)
{
	for (bool settled = false; !over; settled = !settled)
		settle(settled);
	return NULL;
}

static int take(const struct change *c, void *arg)
{
	unsigned i = index_of(c->path);

	((struct client *)arg)->view[i] = now[i];
	return 0;
}

static void look(struct client *c)
{
	tick_t clock = journal_tick(region.journal);

	/* it looks later than at its clock, so it must be told of what came and went in between */
	if (journal_touched_since(region.journal, c->clock, UINT64_MAX, take, c))
		abort();
	c->clock = clock;
}

static void *follow(void *arg)
{
	while (!over)
		look(arg);
	return NULL;
}

static void test_at_once(void **unused)
{
	struct rng rng = { rng_seed("journal threads") };
	struct client clients[CLIENTS] = { 0 };
	pthread_t writers[WRITERS], settler;
	uint64_t seeds[WRITERS];

	region_open(&region, 64UL << 20);
	for (unsigned i = 0; i < PATHS; i++)
		now[i] = '-';
	for (unsigned i = 0; i < CLIENTS; i++) {
		memset(clients[i].view, '-', PATHS);
		assert_int_equal(pthread_create(&clients[i].thread, NULL, follow, &clients[i]), 0);
	}
	assert_int_equal(pthread_create(&settler, NULL, settle_all, NULL), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		seeds[i] = rng_next(&rng) | 1;
		assert_int_equal(pthread_create(&writers[i], NULL, write_files, &seeds[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(writers[i], NULL), 0);
	over = true;
	assert_int_equal(pthread_join(settler, NULL), 0);
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
	settle(true);
	region_check(&region);
	for (unsigned k = 0; k < CLIENTS; k++) {
		look(&clients[k]);
		for (unsigned i = 0; i < PATHS; i++)
			assert_int_equal(clients[k].view[i], now[i]);
	}
	assert_int_equal(journal_tick(region.journal), 2 * WRITERS * REQUESTS);
	region_close(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
