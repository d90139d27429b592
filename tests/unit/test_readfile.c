#include "supervisor/readfile.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

#define OF "/src/a\0web"
#define OF_LEN (sizeof(OF) - 1)

static struct readfile_path paths[] = {
	{ "", READ_LISTED,
	  { .state = { .kind = STATE_DIR, .hashed = 1, .content = { 1, 2 } }, .inode = 2, .mtime_ns = 5, .ctime_ns = -6 } },
	{ "in/a.c", READ_CONTENT | READ_SEEN,
	  { .state = { .kind = STATE_FILE, .exec = 5, .hashed = 1, .content = { UINT64_MAX, 7 } }, .size = 1UL << 40, .inode = 3 } },
	{ "in/\xff\n", READ_ABSENT, { .state = { .kind = STATE_ABSENT } } },
	{ "fifo", READ_SEEN, { .state = { .kind = STATE_OTHER, .type = 1 } } },
	{ "out", READ_WROTE, { .state = { .kind = STATE_UNKNOWN } } },
};
static const struct readfile sample = { .jobs = {
	[PLAN_BUILD] = { .command = { 11, 12 }, .paths = paths, .count = 5, .known = true },
	[PLAN_RUN] = { .command = { 13, 14 }, .paths = paths + 1, .count = 1, .known = true },
	[PLAN_CHECK] = { .command = { 15, 16 }, .missed = true },
} };

static int get(const struct buf *b, struct readfile *out)
{
	return readfile_get(b->data, b->len, OF, OF_LEN, out);
}

static void test_round_trip(void **state)
{
	AUTO_BUF data = { 0 };
	AUTO_BUF again = { 0 };
	AUTO_READFILE f = { 0 };

	assert_int_equal(readfile_put(&sample, OF, OF_LEN, &data), 0);
	assert_int_equal(get(&data, &f), 0);
	for (int i = 0; i < PLAN_STAGES; i++) {
		const struct readfile_job *a = &sample.jobs[i], *b = &f.jobs[i];

		assert_int_equal(a->known, b->known);
		assert_int_equal(a->missed, b->missed);
		assert_true(hash_equal(&a->command, &b->command));
		assert_int_equal(a->count, b->count);
		for (size_t k = 0; k < a->count; k++) {
			assert_string_equal(a->paths[k].path, b->paths[k].path);
			assert_int_equal(a->paths[k].how, b->paths[k].how);
			assert_memory_equal(&a->paths[k].seen, &b->paths[k].seen, sizeof(struct seen));
		}
	}
	assert_int_equal(readfile_put(&f, OF, OF_LEN, &again), 0);
	assert_int_equal(data.len, again.len);
	assert_memory_equal(data.data, again.data, data.len);
}

static void test_of_something_else(void **state)
{
	AUTO_BUF data = { 0 };
	struct readfile f = { 0 };

	readfile_put(&sample, OF, OF_LEN, &data);
	assert_int_equal(readfile_get(data.data, data.len, "/src/a\0we", OF_LEN - 1, &f), -ENOENT);
	assert_int_equal(readfile_get(data.data, data.len, "/src/b\0web", OF_LEN, &f), -ENOENT);
	data.data[8]++;
	assert_int_equal(get(&data, &f), -EPROTO);
}

/* Whatever byte is another one, wherever it ends: it is refused. */
static void test_damaged(void **state)
{
	AUTO_BUF data = { 0 };
	struct readfile f = { 0 };

	readfile_put(&sample, OF, OF_LEN, &data);
	for (size_t i = 0; i < data.len; i++) {
		AUTO_FREE char *cut = malloc(i + 1); /* so that reading beyond it is seen */
		int r;

		memcpy(cut, data.data, i);
		assert_int_equal(readfile_get(cut, i, OF, OF_LEN, &f), -EBADMSG);
		data.data[i] ^= 0x20;
		r = get(&data, &f);
		assert_true(r == -EBADMSG || (r == -EPROTO && i >= 8 && i < 12));
		data.data[i] ^= 0x20;
	}
	buf_putc(&data, 'x');
	assert_int_equal(get(&data, &f), -EBADMSG);
	assert_int_equal(readfile_get("", 0, OF, OF_LEN, &f), -EBADMSG);
}

/* Somebody has made the checksum fit: what is in it is looked at all the same. */
static void test_impossible(void **state)
{
	static const char *const bad[] = { "/etc/passwd", "..", "../x", "a/../../b" };
	struct readfile_path one = { .how = READ_SEEN, .seen.state.kind = STATE_ABSENT };
	struct readfile file = { .jobs[PLAN_BUILD] = { .paths = &one, .count = 1, .known = true } };
	struct readfile f = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_BUF data = { 0 };

		one.path = bad[i];
		assert_int_equal(readfile_put(&file, OF, OF_LEN, &data), 0);
		assert_int_equal(get(&data, &f), -EBADMSG);
	}
	one.path = "x..";
	for (int i = 0; i < 4; i++) {
		AUTO_BUF data = { 0 };

		one.how = i == 0 ? READ_WROTE * 2 : i == 1 ? 0 : READ_SEEN;
		one.seen.state.kind = i == 2 ? STATE_OTHER + 1 : STATE_ABSENT;
		readfile_put(&file, OF, OF_LEN, &data);
		assert_int_equal(get(&data, &f), i < 3 ? -EBADMSG : 0);
	}
	readfile_done(&f);
}

static void test_too_long(void **state)
{
	AUTO_FREE char *name = calloc(1, UINT16_MAX + 2);
	struct readfile_path one = { .path = name, .how = READ_SEEN };
	struct readfile file = { .jobs[PLAN_BUILD] = { .paths = &one, .count = 1, .known = true } };
	AUTO_BUF data = { 0 };

	memset(name, 'x', UINT16_MAX + 1);
	assert_int_equal(readfile_put(&file, OF, OF_LEN, &data), -EFBIG);
	assert_int_equal(data.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_of_something_else), cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_impossible), cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
