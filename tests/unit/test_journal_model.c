/*
 * The journal against a world that is known in full: what every path was at every tick. Requests
 * overlap, take effect somewhere between their two ticks, fail, or move a directory; a settler
 * compares when it likes; the region is opened anew in the middle; clients follow it by since().
 *
 * Asked for is, above all, that nothing is ever missed:
 *  - a client that looks again at what it is told, and at nothing else, knows every path as it is;
 *  - what is said to be the state at a clock was the only state that there was at that clock.
 * And that no more is told than need be: exactly what a plain model without a ring tells.
 */
#include "tests/unit/journal_model.h"
#include "tests/unit/region.h"
#include <errno.h>
#include <string.h>

#define PATHS 12
#define TICKS 4096
#define REQUESTS 6
#define CLIENTS 3
#define LIMIT 5000 /* some paths with some states, but not all of them */

/* two directories with three files each move into one another's place; the rest stays */
static const char *const names[PATHS] = { "d",
					  "d/x",
					  "d/y",
					  "d/z",
					  "e",
					  "e/x",
					  "e/y",
					  "e/z",
					  "a",
					  "b",
					  "c/long/name/of/a/file/that/takes/more/than/one/piece",
					  "" };
#define DIR_D 0
#define DIR_E 4
#define BELOW 3

struct request {
	bool used, applied, move, attr;
	unsigned count;
	int paths[3];
	char to[3];
	uint32_t marks[3];
};

struct client {
	tick_t clock;
	char view[PATHS];
};

struct world {
	struct rng rng;
	struct region region;
	char now[PATHS];
	unsigned (*seen)[PATHS]; /* of each tick's time: which states there were, as bits */
	char (*at_tick)[PATHS];	 /* when the tick was taken */
	tick_t tick;
	struct request requests[REQUESTS];
	struct client clients[CLIENTS];
	struct model model[PATHS];
	bool moves, pins, limited;
	tick_t pinned[8];
	unsigned pin_count;
	unsigned long told, needless, stale;
};

static struct journal *J;

static unsigned bit(char state)
{
	return 1U << (state == '-' ? 0 : state == '/' ? 1 : state - 'A' + 2);
}

/* the journal has taken ticks: their time begins with what is there now */
static void pass(struct world *w)
{
	while (w->tick < journal_tick(J)) {
		w->tick++;
		assert_true(w->tick < TICKS);
		memcpy(w->at_tick[w->tick], w->now, PATHS);
		for (int i = 0; i < PATHS; i++)
			w->seen[w->tick][i] = bit(w->now[i]);
	}
}

static void become(struct world *w, int path, char state)
{
	w->now[path] = state;
	w->seen[w->tick][path] |= bit(state);
}

/* ---- requests ---- */

static bool is_path_busy(const struct world *w, int path)
{
	for (int i = 0; i < REQUESTS; i++) {
		for (unsigned k = 0; w->requests[i].used && k < w->requests[i].count; k++) {
			if (w->requests[i].paths[k] == path)
				return true;
		}
	}
	return false;
}

static char any_state(struct world *w)
{
	return "-ABC"[rng_below(&w->rng, 4)];
}

static void fill_paths(struct world *w, struct request *r)
{
	r->count = 1 + rng_below(&w->rng, 3);
	for (unsigned k = 0; k < r->count; k++) {
		/* the directories only move */
		do
			r->paths[k] = (int)rng_below(&w->rng, PATHS);
		while (w->moves && (r->paths[k] == DIR_D || r->paths[k] == DIR_E));
		r->to[k] = any_state(w);
	}
}

static void begin(struct world *w)
{
	struct request *r = &w->requests[rng_below(&w->rng, REQUESTS)];
	struct touching t[3] = { 0 };
	tick_t tick;

	if (r->used)
		return;
	*r = (struct request){ .used = true };
	r->move = w->moves && rng_below(&w->rng, 6) == 0 && !is_path_busy(w, DIR_D) && !is_path_busy(w, DIR_E);
	r->attr = !r->move && rng_below(&w->rng, 8) == 0;
	if (r->move) {
		r->count = 2;
		r->paths[0] = DIR_D;
		r->paths[1] = DIR_E;
	} else {
		fill_paths(w, r);
	}
	for (unsigned k = 0; k < r->count; k++) {
		t[k].path = names[r->paths[k]];
		t[k].touch = r->move ? TOUCH_NAME | TOUCH_TREE : r->attr ? TOUCH_ATTR : TOUCH_CONTENT;
	}
	assert_int_equal(journal_begin(J, t, r->count, NULL, &tick), 0);
	for (unsigned k = 0; k < r->count; k++) {
		int path = r->paths[k];
		/* it may not be found out in time */
		char before = rng_below(&w->rng, 10) ? w->now[path] : '?';
		struct state s = letter(before);

		r->marks[k] = t[k].mark;
		if (t[k].made)
			journal_set_before(J, t[k].mark, BEFORE_KNOWN, &s, 0);
		model_begin(&w->model[path], tick, before, r->attr);
	}
	pass(w);
}

static void swap(struct world *w, int a, int b)
{
	char x = w->now[a];

	become(w, a, w->now[b]);
	become(w, b, x);
}

static void apply(struct world *w, struct request *r)
{
	if (r->applied)
		return;
	r->applied = true;
	if (r->move) {
		for (int i = 0; i <= BELOW; i++)
			swap(w, DIR_D + i, DIR_E + i);
		w->model[DIR_D].unwalked = w->model[DIR_E].unwalked = true;
		return;
	}
	for (unsigned k = 0; !r->attr && k < r->count; k++)
		become(w, r->paths[k], r->to[k]);
}

static void end(struct world *w, struct request *r)
{
	bool failed = !r->applied && !r->move && rng_below(&w->rng, 4) == 0;

	if (!failed)
		apply(w, r);
	if (r->move)
		w->model[DIR_D].unwalked = w->model[DIR_E].unwalked = true;
	journal_end(J, r->marks, r->count, failed);
	for (unsigned k = 0; k < r->count; k++)
		model_end(&w->model[r->paths[k]], journal_tick(J), failed);
	r->used = false;
	pass(w);
}

/* ---- the settler ---- */

static void walk(struct world *w, int dir)
{
	uint32_t like = journal_mark_of(J, names[dir]);
	struct mark m;

	assert_true(journal_mark(J, like, &m));
	for (int i = 1; i <= BELOW; i++) {
		/* what was there just before the move's tick was taken */
		struct state before = letter(w->at_tick[m.first][dir + i]);
		uint32_t mark;

		assert_int_equal(journal_mark_like(J, like, names[dir + i], &before, &mark), 0);
	}
	w->model[dir].unwalked = false;
	pass(w);
}

static void compare(struct world *w, int path, bool settled)
{
	uint32_t mark = journal_mark_of(J, names[path]);
	struct model *model = &w->model[path];
	struct state after = letter(w->now[path]);
	struct mark m;
	int r, expected;

	if (!mark)
		return;
	if (model->unwalked && model->in_flight)
		return; /* it is not over yet */
	if (model->unwalked)
		walk(w, path);
	assert_true(journal_mark(J, mark, &m));
	r = journal_publish(J, mark, m.last, &m.state, &after, NULL, settled);
	expected = !m.last || (settled && m.in_flight) ? -EAGAIN : 0;
	assert_int_equal(r, expected);
	if (r == 0)
		model_publish(model, letter_of(&m.state), w->now[path], settled);
}

static void compare_all(struct world *w)
{
	for (int i = 0; i < PATHS; i++) {
		if (w->model[i].unwalked && !w->model[i].in_flight)
			walk(w, i);
	}
	for (int i = 0; i < PATHS; i++)
		compare(w, i, false);
}

/* ---- what is asked ---- */

static int index_of(const char *path)
{
	for (int i = 0; i < PATHS; i++) {
		if (strcmp(names[i], path) == 0)
			return i;
	}
	return -1;
}

struct answer {
	bool told[PATHS];
	struct state before[PATHS], after[PATHS];
	tick_t last;
};

static int take(const struct change *c, void *arg)
{
	struct answer *a = arg;
	int i = index_of(c->path);

	assert_true(i >= 0);
	assert_false(a->told[i]); /* once */
	a->told[i] = true;
	a->before[i] = c->before;
	a->after[i] = c->after;
	return 0;
}

static bool only(unsigned bits, char state)
{
	return bits == bit(state);
}

/* false: the clock is too old */
static bool ask(struct world *w, tick_t since, tick_t upto, struct answer *a)
{
	int r = journal_since(J, since, upto, take, a);

	assert_int_equal(r, since < journal_oldest(J) ? -ESTALE : 0);
	w->stale += r == -ESTALE;
	return r == 0;
}

/* a directory has moved, and what lay below is not known to have */
static bool is_unwalked(const struct world *w)
{
	return w->model[DIR_D].unwalked || w->model[DIR_E].unwalked;
}

/* what the model knows of a path, for whoever reads a failure */
static void explain(const struct world *w, int i)
{
	const struct model *m = &w->model[i];

	print_message("'%s' is '%c' at %lu;", names[i], w->now[i], (unsigned long)w->tick);
	for (unsigned k = 0; k < m->count; k++)
		print_message(" [%lu,%lu,%c]", (unsigned long)m->entries[k].first, (unsigned long)m->entries[k].last,
			      m->entries[k].state);
	if (m->marked)
		print_message(" mark before=%c first=%lu last=%lu doubt=%lu first_end=%lu in_flight=%u", m->before,
			      (unsigned long)m->first, (unsigned long)m->last, (unsigned long)m->doubt,
			      (unsigned long)m->first_end, m->in_flight);
	print_message("\n");
}

#define FAIL(w, i, ...)                \
	do {                           \
		explain(w, i);         \
		fail_msg(__VA_ARGS__); \
	} while (0)

/* Whoever has looked at everything at its clock, and again at what it was told: what it believes is so. */
static void check_client(struct world *w)
{
	struct client *c = &w->clients[rng_below(&w->rng, CLIENTS)];
	struct answer a = { 0 };
	tick_t upto = journal_tick(J);
	/* what lay below a moved directory is told with the answer after the walk */
	bool moving = is_unwalked(w);

	if (rng_below(&w->rng, 2))
		compare_all(w);
	if (!ask(w, c->clock, upto, &a)) {
		/* a fresh instance: it looks at everything */
		memcpy(c->view, w->now, PATHS);
		c->clock = upto;
		return;
	}
	for (int i = 0; i < PATHS; i++) {
		if (a.told[i])
			c->view[i] = w->now[i];
		else if (!is_path_busy(w, i) && !(moving && i < DIR_E + BELOW + 1) && c->view[i] != w->now[i])
			FAIL(w, i, "'%s': a client at %lu believes '%c', but it is '%c' at %lu", names[i],
			     (unsigned long)c->clock, c->view[i], w->now[i], (unsigned long)upto);
	}
	c->clock = upto;
}

/* What is said to have been, was; and not one path more is told than the model tells. */
static void check_answer(struct world *w)
{
	tick_t upto = journal_tick(J), since = rng_below(&w->rng, (unsigned)upto + 1);
	struct answer a = { 0 };

	if (rng_below(&w->rng, 3) == 0)
		upto = since + rng_below(&w->rng, (unsigned)(upto - since) + 1);
	if (!ask(w, since, upto, &a))
		return;
	for (int i = 0; i < PATHS; i++) {
		struct model *m = &w->model[i];
		bool expected = since < upto && model_is_told(m, since, upto);
		char before = a.told[i] ? letter_of(&a.before[i]) : '?';

		if (before != '?' && !is_unwalked(w) && !only(w->seen[since][i], before))
			FAIL(w, i, "'%s' was not '%c' at %lu", names[i], before, (unsigned long)since);
		if (w->moves)
			continue;
		if (expected && !a.told[i])
			FAIL(w, i, "'%s' is missing between %lu and %lu", names[i], (unsigned long)since,
			     (unsigned long)upto);
		if (!expected && a.told[i] && m->count <= JOURNAL_STATES + 1 && !w->limited)
			FAIL(w, i, "'%s' is told between %lu and %lu for nothing", names[i], (unsigned long)since,
			     (unsigned long)upto);
		w->told += a.told[i];
		w->needless += a.told[i] && !expected;
	}
}

static bool is_pinned(const struct world *w, tick_t at)
{
	for (unsigned i = 0; i < w->pin_count; i++) {
		if (w->pinned[i] == at)
			return true;
	}
	return false;
}

static void check_state(struct world *w)
{
	tick_t at = rng_below(&w->rng, (unsigned)journal_tick(J) + 1);
	int i = (int)rng_below(&w->rng, PATHS);
	struct model *m = &w->model[i];
	struct state s;
	bool touched;
	char is, expected;

	if (w->pin_count && rng_below(&w->rng, 2))
		at = w->pinned[rng_below(&w->rng, w->pin_count)];
	s = journal_state_at(J, names[i], at, &touched);
	is = letter_of(&s);
	expected = model_state_at(m, at);
	if (is != '?' && !is_unwalked(w) && !only(w->seen[at][i], is))
		FAIL(w, i, "'%s' was not only '%c' at %lu", names[i], is, (unsigned long)at);
	if (!touched && !is_path_busy(w, i) && !w->moves && !only(w->seen[at][i], w->now[i]))
		FAIL(w, i, "'%s' has changed since %lu", names[i], (unsigned long)at);
	if (w->moves || w->limited || is == expected)
		return;
	if (is != '?' || m->count <= JOURNAL_STATES + 1 || is_pinned(w, at))
		FAIL(w, i, "'%s' at %lu is '%c' and should be '%c'", names[i], (unsigned long)at, is, expected);
}

/* ---- the worker dies ---- */

static void reopen(struct world *w)
{
	tick_t before = journal_tick(J);

	region_reopen(&w->region);
	J = w->region.journal;
	if (w->limited)
		journal_set_limit(J, LIMIT);
	for (int i = 0; i < REQUESTS; i++) {
		struct request *r = &w->requests[i];

		if (!r->used)
			continue;
		/* it took place or it did not, before the tick with which the successor ends it */
		if (rng_below(&w->rng, 2))
			apply(w, r);
		r->used = false;
	}
	pass(w);
	for (int i = 0; i < PATHS; i++) {
		struct model *m = &w->model[i];

		if (!m->marked || !m->in_flight)
			continue;
		/* one tick each, in the order of their places: which one, the journal says */
		struct mark copy;

		assert_true(journal_mark(J, journal_mark_of(J, names[i]), &copy));
		assert_int_equal(copy.in_flight, 0);
		assert_true(copy.last > before);
		m->in_flight = 0;
		m->last = copy.last;
		if (m->doubt && !m->first_end)
			m->first_end = m->last;
	}
}

/* ---- a run ---- */

static void step(struct world *w)
{
	struct request *r = &w->requests[rng_below(&w->rng, REQUESTS)];
	unsigned dice = rng_below(&w->rng, 100);

	if (dice < 30)
		begin(w);
	else if (dice < 38 && r->used)
		apply(w, r);
	else if (dice < 65 && r->used)
		end(w, r);
	else if (dice < 80)
		compare(w, (int)rng_below(&w->rng, PATHS), rng_below(&w->rng, 3) != 0);
	else if (dice < 86)
		check_client(w);
	else if (dice < 92)
		check_answer(w);
	else if (dice < 97)
		check_state(w);
	else if (dice < 98 && w->pins && w->pin_count < 8) {
		w->pinned[w->pin_count++] = journal_tick(J);
		assert_int_equal(journal_pin(J, journal_tick(J)), 0);
	} else if (dice == 99) {
		journal_take_tick(J);
		pass(w);
	}
}

static void start(struct world *w, uint64_t seed)
{
	*w = (struct world){ .rng = { seed } };
	w->seen = calloc(TICKS, sizeof(*w->seen));
	w->at_tick = calloc(TICKS, sizeof(*w->at_tick));
	region_open(&w->region, 16UL << 20);
	J = w->region.journal;
	w->moves = rng_below(&w->rng, 3) == 0;
	w->limited = !w->moves && rng_below(&w->rng, 3) == 0;
	w->pins = !w->moves && !w->limited && rng_below(&w->rng, 2);
	if (w->limited)
		journal_set_limit(J, LIMIT);
	for (int i = 0; i < PATHS; i++) {
		w->now[i] = w->moves && (i == DIR_D || i == DIR_E) ? '/' : any_state(w);
		w->seen[0][i] = bit(w->now[i]);
		w->at_tick[0][i] = w->now[i];
		for (int c = 0; c < CLIENTS; c++)
			w->clients[c].view[i] = w->now[i];
	}
}

static void run(uint64_t seed, unsigned steps, bool check_each, struct world *w)
{
	start(w, seed);
	for (unsigned i = 0; i < steps && w->tick < TICKS - 200; i++) {
		step(w);
		if (check_each)
			region_check(&w->region);
		if (rng_below(&w->rng, 300) == 0)
			reopen(w);
	}
	for (int i = 0; i < REQUESTS; i++) {
		if (w->requests[i].used)
			end(w, &w->requests[i]);
	}
	compare_all(w);
	for (int i = 0; i < 3 * CLIENTS; i++)
		check_client(w);
	region_check(&w->region);
	region_close(&w->region);
	free(w->seen);
	free(w->at_tick);
}

static void test_against_the_world(void **unused)
{
	struct rng seeds = { rng_seed("journal model") };
	unsigned runs = rng_runs(300);
	unsigned long told = 0, needless = 0, stale = 0;
	struct world w;

	for (unsigned i = 0; i < runs; i++) {
		uint64_t seed = seeds.x;

		run(seed, 200 + rng_below(&seeds, 2500), i % 10 == 0, &w);
		told += w.told;
		needless += w.needless;
		stale += w.stale;
		rng_next(&seeds);
	}
	print_message("%u runs, %lu paths told, of them %lu because their states had run out; %lu clocks too old\n",
		      runs, told, needless, stale);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_the_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
