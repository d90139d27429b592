#include "core/base/proc.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char rest[] = " S 10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 200\n";

static void parse(const char *name, const char *expected)
{
	char line[512];
	struct proc_stat p;

	snprintf(line, sizeof(line), "42 (%s)%s", name, rest);
	assert_int_equal(proc_stat_parse(line, &p), 0);
	assert_int_equal(p.pid, 42);
	assert_int_equal(p.state, 'S');
	assert_int_equal(p.parent, 10);
	assert_int_equal(p.group, 20);
	assert_int_equal(p.session, 30);
	assert_int_equal(p.start, 12345);
	assert_int_equal(p.used, 5 + 6 + 7 + 8);
	assert_string_equal(p.name, expected);
}

static void test_names_of_any_bytes(void **unused)
{
	char lengthy[101], cut[64];

	parse("bash", "bash");
	parse("a b", "a b");
	parse("x) R 1 (y", "x) R 1 (y");
	parse(")", ")");
	parse("(", "(");
	parse("", "");
	parse("new\nline", "new\nline");
	memset(lengthy, 'n', 100);
	lengthy[100] = '\0';
	memcpy(cut, lengthy, 63);
	cut[63] = '\0';
	parse(lengthy, cut);
}

static void test_not_a_stat_line(void **unused)
{
	static const char *const lines[] = {
		"",	   "42", "42 bash S 1", "(bash) S 1 2 3", "x (bash)", "42 )bash( S 1 2 3", "42 (bash) S 1 2",
		"42 (bash"
	};
	struct proc_stat p = { .pid = 7 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (proc_stat_parse(lines[i], &p) != -EINVAL)
			fail_msg("'%s'", lines[i]);
	}
	assert_int_equal(p.pid, 7);
}

static void test_self(void **unused)
{
	AUTO_BUF command = { 0 };
	struct proc_stat p;

	assert_int_equal(proc_stat(getpid(), &p), 0);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.parent, getppid());
	assert_int_equal(p.state, 'R');
	assert_int_equal(proc_command(getpid(), &command), 0);
	assert_non_null(strstr(buf_str(&command), "test_proc"));
	assert_false(proc_waits_for_fuse(getpid()));
	assert_true(proc_age_ms(getpid()) >= 0);
	assert_true(proc_age_ms(1) >= proc_age_ms(getpid()));
}

static pid_t tid;

static void *thread(void *unused)
{
	tid = (pid_t)syscall(SYS_gettid);
	return (void *)(intptr_t)proc_of_thread(tid);
}

static void test_of_thread(void **unused)
{
	pthread_t t;
	void *pid;

	assert_int_equal(proc_of_thread(getpid()), getpid());
	assert_int_equal(pthread_create(&t, NULL, thread, NULL), 0);
	assert_int_equal(pthread_join(t, &pid), 0);
	assert_int_not_equal(tid, getpid());
	assert_int_equal((pid_t)(intptr_t)pid, getpid());
}

/* a process without a command line (a zombie has none) is called by its name; a process that is gone, not at all */
static void test_zombie_and_gone(void **unused)
{
	AUTO_BUF command = { 0 };
	struct proc_stat p;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_NAME, "odd)name");
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_stat(pid, &p), 0);
	assert_int_equal(p.state, 'Z');
	assert_string_equal(p.name, "odd)name");
	assert_int_equal(proc_command(pid, &command), 0);
	assert_string_equal(buf_str(&command), "odd)name");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(proc_stat(pid, &p), -ESRCH);
	assert_int_equal(proc_of_thread(pid), -ESRCH);
	assert_int_equal(proc_command(pid, &command), -ESRCH);
	assert_true(proc_age_ms(pid) == -ESRCH);
}

static void test_time_on_a_processor(void **unused)
{
	pid_t pid = fork(), self = getpid();
	int64_t before = proc_ran_ns(self), now;

	if (pid == 0)
		_exit(0);
	assert_true(before > 0);
	do
		now = proc_ran_ns(self);
	while (now <= before);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(proc_ran_ns(pid) == -ESRCH);
}

static void test_command_is_one_line(void **unused)
{
	AUTO_BUF command = { 0 };
	int ready[2], held[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(held), 0);
	pid = fork();
	if (pid == 0) {
		char lengthy[400];

		memset(lengthy, 'x', sizeof(lengthy) - 1);
		lengthy[sizeof(lengthy) - 1] = '\0';
		dup2(ready[1], 1);
		dup2(held[0], 0);
		execl("/bin/sh", "sh", "-c", "echo; read x", "a\nb", lengthy, NULL);
		_exit(127);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(proc_command(pid, &command), 0);
	assert_int_equal(strncmp(buf_str(&command), "sh -c echo; read x a b xxx", 26), 0);
	assert_int_equal(command.len, 200);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(held[0]);
	close(held[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_any_bytes),
		cmocka_unit_test(test_not_a_stat_line),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_of_thread),
		cmocka_unit_test(test_zombie_and_gone),
		cmocka_unit_test(test_time_on_a_processor),
		cmocka_unit_test(test_command_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
