#include "core/hash.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define CHUNK 65536

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("hash", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	return fd;
}

/* the published test vector: XXH3_128bits("") with seed 0 */
static void test_text(void **unused)
{
	char text[HASH_TEXT_SIZE];
	struct hash h = hash_bytes("", 0);

	assert_string_equal(hash_text(&h, text), "99aa06d3014798d86001c324468d497f");
	h = (struct hash){ .lo = 1, .hi = 2 };
	assert_string_equal(hash_text(&h, text), "00000000000000020000000000000001");
}

static void test_equal(void **unused)
{
	struct hash a = { 1, 2 }, b = { 1, 3 }, c = { 2, 2 };

	assert_true(hash_equal(&a, &a));
	assert_false(hash_equal(&a, &b));
	assert_false(hash_equal(&a, &c));
}

/* A file's hash is its bytes' hash, whatever its length is to the chunks it is read in. */
static void test_file(void **unused)
{
	static const size_t sizes[] = { 0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 17 };
	static char data[5 * CHUNK + 17];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO_FD fd = file_of(data, sizes[i]);
		struct hash expected = hash_bytes(data, sizes[i]), found;

		assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
		assert_int_equal(hash_file(fd, UINT64_MAX, 0, &found), 0);
		assert_true(hash_equal(&expected, &found));
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			size_t limit = sizes[k];

			expected = hash_bytes(data, limit < sizes[i] ? limit : sizes[i]);
			assert_int_equal(hash_file(fd, limit, 0, &found), 0);
			assert_true(hash_equal(&expected, &found));
		}
	}
}

static void test_failures_leave_the_output(void **unused)
{
	static char data[3 * CHUNK];
	struct hash found = { 1, 2 };
	AUTO_FD fd = file_of(data, sizeof(data));

	assert_int_equal(hash_file(fd, UINT64_MAX, 1, &found), -ETIME); /* long ago */
	assert_int_equal(hash_file(-1, UINT64_MAX, 0, &found), -EBADF);
	assert_int_equal(found.lo, 1);
	assert_int_equal(found.hi, 2);
	assert_int_equal(hash_file(fd, UINT64_MAX, INT64_MAX, &found), 0);
	assert_true(found.lo != 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_failures_leave_the_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
