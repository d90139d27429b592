#include "supervisor/tree.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child with a child, both waiting until they are killed; pids[1] is told by a pipe. */
static void make_two(pid_t pids[2])
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pids[0] = fork();
	if (pids[0] == 0) {
		pid_t below = fork();

		if (below && write(ends[1], &below, sizeof(below)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &pids[1], sizeof(pids[1])), sizeof(pids[1]));
	close(ends[0]);
}

static void end_two(const pid_t pids[2])
{
	kill(pids[1], SIGKILL);
	kill(pids[0], SIGKILL);
	/* this process is a subreaper: both are its children by now */
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

typedef int (*walk)(pid_t root, struct tree *out);

static void test_parents_come_first(void **unused)
{
	static const walk walks[] = { tree_below, tree_below_quick };
	pid_t pids[2];

	make_two(pids);
	for (size_t i = 0; i < ARRAY_SIZE(walks); i++) {
		AUTO_TREE t = { 0 };

		assert_int_equal(walks[i](getpid(), &t), 0);
		assert_int_equal(t.count, 2);
		assert_int_equal(t.processes[0].pid, pids[0]);
		assert_int_equal(t.processes[1].pid, pids[1]);
		assert_int_equal(t.processes[1].parent, pids[0]);
		assert_false(tree_traced(&t));
	}
	assert_true(tree_has(getpid(), pids[1]));
	assert_true(tree_has(pids[1], pids[1]));
	assert_false(tree_has(pids[1], pids[0]));
	end_two(pids);
	assert_false(tree_has(getpid(), pids[1]));
}

static void test_nothing_below(void **unused)
{
	AUTO_TREE t = { 0 };

	assert_int_equal(tree_below(getpid(), &t), 0);
	assert_int_equal(t.count, 0);
	assert_int_equal(tree_below_quick(getpid(), &t), 0);
	assert_int_equal(t.count, 0);
}

static void test_a_signal_is_for_one_process(void **unused)
{
	struct proc_stat p, later;
	pid_t pids[2];
	int status;

	make_two(pids);
	assert_int_equal(proc_stat(pids[1], &p), 0);
	/* the same pid, of a process that started at another time */
	later = p;
	later.start++;
	assert_int_equal(tree_signal(&later, SIGKILL), -ESRCH);
	assert_int_equal(kill(pids[1], 0), 0);
	kill(pids[0], SIGKILL);
	assert_int_equal(waitpid(pids[0], NULL, 0), pids[0]);
	assert_int_equal(tree_signal(&p, SIGUSR1), 0);
	assert_int_equal(waitpid(pids[1], &status, 0), pids[1]);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
	assert_int_equal(tree_signal(&p, SIGKILL), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parents_come_first),
		cmocka_unit_test(test_nothing_below),
		cmocka_unit_test(test_a_signal_is_for_one_process),
	};

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
