#include "fs/listing.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 300
#define NAMES 10

static char dir[] = "/tmp/hrfs-unit-XXXXXX";
static int dirfd = -1;

static void make(const char *name)
{
	AUTO_FD fd = openat(dirfd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static void drop(const char *name)
{
	assert_int_equal(unlinkat(dirfd, name, 0), 0);
}

static void refresh(struct listing *l, uint64_t after)
{
	AUTO_FD fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(listing_refresh(l, fd, after), 0);
}

struct seen {
	unsigned count, most;
	uint64_t first, last, stays;
	char name[64];
};

static bool see(const struct listing_entry *e, uint64_t cookie, void *arg)
{
	struct seen *s = arg;

	assert_true(cookie > s->last);
	s->first = s->count ? s->first : cookie;
	s->last = cookie;
	if (strcmp(e->name, "stays") == 0)
		s->stays = cookie;
	snprintf(s->name, sizeof(s->name), "%s", e->name);
	return ++s->count < s->most;
}

static struct seen list(struct listing *l, uint64_t after, unsigned most)
{
	struct seen s = { .last = after, .most = most };

	listing_each(l, after, see, &s);
	return s;
}

/* Files come and go for as long as the directory is known. */
static void test_coming_and_going(void **unused)
{
	struct listing *l = listing_new();
	struct seen s = { 0 };
	uint64_t stays, newest = 0;
	char name[32];

	make("stays");
	refresh(l, 0);
	stays = list(l, 0, 100).stays;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < NAMES; i++) {
			snprintf(name, sizeof(name), "%d-%d", round, i);
			make(name);
		}
		refresh(l, 0);
		s = list(l, 0, 100);
		assert_int_equal(s.count, NAMES + 3); /* and the two dots */
		assert_int_equal(s.stays, stays);
		assert_int_equal(s.last, newest ? newest + NAMES : s.last);
		newest = s.last;
		for (int i = 0; i < NAMES; i++) {
			snprintf(name, sizeof(name), "%d-%d", round, i);
			drop(name);
		}
	}
	refresh(l, 0);
	assert_int_equal(list(l, 0, 100).count, 3);
	assert_int_equal(listing_count(l), 3);
	drop("stays");
	listing_free(l);
}

/* Who is in the middle of a listing misses nothing that was there all the time. */
static void test_removed_while_listed(void **unused)
{
	struct listing *l = listing_new();
	struct seen s = { 0 };
	char name[32];
	int listed = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		make(name);
	}
	refresh(l, 0);
	while ((s = list(l, s.last, 1)).count) {
		if (*s.name == '.')
			continue;
		listed++;
		drop(s.name);
		refresh(l, 0);
	}
	assert_int_equal(listed, 100);
	listing_free(l);
}

/* The worker that gave the cookies is dead. */
static void test_goes_on(void **unused)
{
	struct listing *l = listing_new();
	struct seen s;

	make("a");
	assert_true(listing_is_new(l));
	refresh(l, 1000);
	assert_false(listing_is_new(l));
	s = list(l, 1000, 100);
	assert_int_equal(s.first, 1001);
	assert_int_equal(s.count, 3);
	drop("a");
	listing_free(l);
}

static int make_dir(void **unused)
{
	dirfd = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	return dirfd < 0;
}

static int remove_dir(void **unused)
{
	close(dirfd);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coming_and_going),
		cmocka_unit_test(test_removed_while_listed),
		cmocka_unit_test(test_goes_on),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
