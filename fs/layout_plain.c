#include "core/base/slab.h"
#include "core/journal.h"
#include "fs/layout.h"
#include "fs/replay_queue.h"
#include "fs/sidedoor_memory.h"
#include "fs/table.h"
#include "fs/window_negative.h"

/* Whoever must change one of these changes a layout: give it the next number, and a converter. */
_Static_assert(LANES_LAYOUT == 1 && sizeof(struct lane) == 1093632, "another layout of the lanes");
_Static_assert(NODES_LAYOUT == 1 && sizeof(struct node) == 64, "another layout of the nodes");
_Static_assert(NAMES_LAYOUT == 1 && sizeof(struct name) == 24, "another layout of the names");
_Static_assert(REPLAY_LAYOUT == 1 && sizeof(struct replay_memory) == 10840, "another layout of the replay");
_Static_assert(SIDEDOOR_LAYOUT == 1 && sizeof(struct watch) == 40 &&
		       offsetof(struct sidedoor_memory, watches) == 4263936,
	       "another layout of the side door");

_Static_assert(ECHOES_LAYOUT == 1 && ECHOES_SIZE == 4198400, "another layout of what is to be replayed");
_Static_assert(ABSENT_LAYOUT == 1 && ABSENT_SIZE == 4198400, "another layout of the absent names");

/* A program from before knows neither: it has lost the echoes of its workers, and what they believed absent it does not count on. */
static const struct converter converters[] = {
	{ .area = AREA_ECHOES, .from = ECHOES_LAYOUT, .to = 0 },
	{ .area = AREA_ABSENT, .from = ABSENT_LAYOUT, .to = 0 },
};

const struct layouts layouts = {
	.number = {
		[AREA_LANES] = LANES_LAYOUT,
		[AREA_NODES] = NODES_LAYOUT,
		[AREA_NAMES] = NAMES_LAYOUT,
		[AREA_JOURNAL] = JOURNAL_LAYOUT,
		[AREA_REPLAY] = REPLAY_LAYOUT,
		[AREA_SIDEDOOR] = SIDEDOOR_LAYOUT,
		[AREA_ECHOES] = ECHOES_LAYOUT,
		[AREA_ABSENT] = ABSENT_LAYOUT,
	},
	.size_bytes = {
		[AREA_LANES] = LANES_SIZE,
		[AREA_NODES] = NODES_SIZE,
		[AREA_NAMES] = NAME_CLASSES * NAMES_SIZE,
		[AREA_JOURNAL] = JOURNAL_SIZE,
		[AREA_REPLAY] = REPLAY_SIZE,
		[AREA_SIDEDOOR] = sizeof(struct sidedoor_memory),
		[AREA_ECHOES] = ECHOES_SIZE,
		[AREA_ABSENT] = ABSENT_SIZE,
	},
	.converters = converters,
	.converter_count = ARRAY_SIZE(converters),
};
