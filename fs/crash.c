#include "fs/crash.h"
#include "core/base/cleanup.h"
#include "fs/lane.h"
#include <signal.h>
#include <unistd.h>

#define STACK_SIZE 16384

static void on_crash(int number)
{
	lane_crashed();
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

void crash_handle(void)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

/* Else such a crash would not be counted, and go on for ever. */
void crash_thread(void)
{
	static _Thread_local char space[STACK_SIZE];

	sigaltstack(&(stack_t){ .ss_sp = space, .ss_size = sizeof(space) }, NULL);
}
