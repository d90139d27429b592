/*
 * As a worker would be killed after each single store to some memory: every store to it faults, is carried out
 * alone, and then `after` is called, for which the memory can be read only. One thread.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) /* it delivers such signals when it likes */
#define NO_STEPS
#endif
#endif
#if !defined(__x86_64__) || defined(__SANITIZE_THREAD__)
#define NO_STEPS
#endif

#define STEPS_SPANS 3

struct span { /* whole pages */
	char *at;
	size_t size;
};

static struct {
	struct span spans[STEPS_SPANS];
	void (*after)(void);
	unsigned long count;
} steps __attribute__((unused));

#ifdef NO_STEPS
static inline bool steps_begin(const struct span spans[static STEPS_SPANS], void (*after)(void))
{
	return false;
}

static inline void steps_end(void)
{
}
#else
#define TRAP_FLAG 0x100

static void steps_protect(int protection)
{
	for (int i = 0; i < STEPS_SPANS; i++) {
		if (steps.spans[i].size)
			mprotect(steps.spans[i].at, steps.spans[i].size, protection);
	}
}

static bool steps_have(const char *at)
{
	for (int i = 0; i < STEPS_SPANS; i++) {
		if (at >= steps.spans[i].at && at < steps.spans[i].at + steps.spans[i].size)
			return true;
	}
	return false;
}

static void steps_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	if (!steps_have(info->si_addr)) {
		signal(number, SIG_DFL);
		return;
	}
	steps_protect(PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void steps_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	c->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	steps_protect(PROT_READ);
	steps.count++;
	steps.after();
}

/* false: stores can't be stepped through here */
static inline bool steps_begin(const struct span spans[static STEPS_SPANS], void (*after)(void))
{
	struct sigaction fault = { .sa_sigaction = steps_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction trap = { .sa_sigaction = steps_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };

	memcpy(steps.spans, spans, sizeof(steps.spans));
	steps.after = after;
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &trap, NULL);
	steps_protect(PROT_READ);
	return true;
}

static inline void steps_end(void)
{
	steps_protect(PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
}
#endif
