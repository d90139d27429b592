#include "fs/die.h"
#include "core/base/log.h"
#include "fs/ops.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAYS 0x10000U /* beside the opcode */

static const char *const names[DIE_POINTS] = { "read", "intent", "call", "done", "stored", "sent", "crash", "follow" };

void die_prepare(void)
{
	const char *text = getenv("HRFS_DIE");
	size_t len = text ? strcspn(text, ":") : 0;

	for (uint32_t i = 0; text && text[len] && i < DIE_POINTS; i++) {
		if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0) {
			shared->die_point = i;
			shared->die_opcode = (uint32_t)atoi(text + len + 1) | (strstr(text, ":stays") ? STAYS : 0);
		}
	}
}

void die_at(enum die_point point)
{
	if (__atomic_load_n(&shared->die_opcode, __ATOMIC_RELAXED) && lane_current())
		die_at_step(point, request_header()->opcode);
}

void die_at_step(enum die_point point, unsigned step)
{
	uint32_t opcode = __atomic_load_n(&shared->die_opcode, __ATOMIC_RELAXED);

	if (!opcode || shared->die_point != point || (opcode & ~STAYS) != step)
		return;
	if (point == DIE_CRASH)
		raise(SIGSEGV);
	if (!__atomic_compare_exchange_n(&shared->die_opcode, &opcode, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (opcode & STAYS) {
		log_info("event=stays point=%s opcode=%u", names[point], step);
	} else {
		log_info("event=dies point=%s opcode=%u", names[point], step);
		kill(getpid(), SIGKILL);
	}
	for (;;)
		pause();
}
