/* For tests: a program that works with layouts which nobody can make of others. */
#include "core/journal.h"
#include "fs/layout.h"
#include "fs/replay_queue.h"
#include "fs/sidedoor_memory.h"
#include "fs/table.h"
#include "fs/window_negative.h"

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
};
