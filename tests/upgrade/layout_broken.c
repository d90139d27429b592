/* For tests: a program that says it fits, and is killed in the middle of making what it works with. */
#include "core/journal.h"
#include "fs/layout.h"
#include "fs/replay_queue.h"
#include "fs/sidedoor_memory.h"
#include "fs/table.h"
#include "fs/window_negative.h"
#include <signal.h>

static int be_killed(const void *from, size_t from_size, void *to, size_t to_size)
{
	return raise(SIGKILL);
}

static const struct converter converters[] = {
	{ AREA_NODES, NODES_LAYOUT, 99, NODES_SIZE, be_killed },
};

const struct layouts layouts = {
	.number = {
		[AREA_LANES] = LANES_LAYOUT,
		[AREA_NODES] = 99,
		[AREA_NAMES] = NAMES_LAYOUT,
		[AREA_JOURNAL] = JOURNAL_LAYOUT,
		[AREA_REPLAY] = REPLAY_LAYOUT,
		[AREA_SIDEDOOR] = SIDEDOOR_LAYOUT,
		[AREA_ECHOES] = ECHOES_LAYOUT,
		[AREA_ABSENT] = ABSENT_LAYOUT,
	},
	.converters = converters,
	.converter_count = 1,
};
