/* Lines of /proc/PID/fdinfo/FD: which tell of an inotify watch in our mount, and of which node. */
#include "fs/replay_watchers.h"
#include "tests/unit/test.h"

static void finds_the_node(void **state)
{
	static const struct {
		const char *line;
		uint32_t minor;
		node_id id;
	} cases[] = {
		/* as kernel 6.18 writes it: two words of the id, the high one first, then the generation */
		{ "inotify wd:3 ino:12f sdev:39 mask:fce ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:0500000007000000"
		  "05000000\n", 0x39, 0x500000007 },
		{ "inotify wd:1 ino:1 sdev:39 mask:fce ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:0000000001000000"
		  "00000000 \n", 0x39, 1 },
		{ "inotify wd:3 ino:12f sdev:3a mask:fce ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:0500000007000000"
		  "05000000\n", 0x39, 0 },
		{ "inotify wd:3 ino:12f sdev:39 mask:fce ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:0500000007000000"
		  "\n", 0x39, 0 },
		{ "inotify wd:3 ino:12f sdev:39 mask:fce ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:0500\n", 0x39, 0 },
		{ "inotify wd:3 ino:12f sdev:39 mask:fce ignored_mask:0 fhandle-bytes:c fhandle-type:81 f_handle:x500000007000000"
		  "05000000\n", 0x39, 0 },
		{ "inotify wd:3 ino:12f sdev:39 mask:fce\n", 0x39, 0 },
		{ "flags:\t02004000\n", 0x39, 0 },
		{ "", 0x39, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(watchers_parse(cases[i].line, cases[i].minor), cases[i].id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
