#include "core/base/slab.h"
#include "core/journal.h"
#include "fs/layout.h"
#include "fs/table.h"

/* Whoever must change one of these changes a layout: give it the next number, and a converter. */
_Static_assert(LANES_LAYOUT == 1 && sizeof(struct lane) == 1093632, "another layout of the lanes");
_Static_assert(NODES_LAYOUT == 1 && sizeof(struct node) == 64, "another layout of the nodes");
_Static_assert(NAMES_LAYOUT == 1 && sizeof(struct name) == 24, "another layout of the names");

const struct layouts layouts = {
	.number = {
		[AREA_LANES] = LANES_LAYOUT,
		[AREA_NODES] = NODES_LAYOUT,
		[AREA_NAMES] = NAMES_LAYOUT,
		[AREA_JOURNAL] = JOURNAL_LAYOUT,
	},
	.size_bytes = {
		[AREA_LANES] = LANES_SIZE,
		[AREA_NODES] = NODES_SIZE,
		[AREA_NAMES] = NAME_CLASSES * NAMES_SIZE,
		[AREA_JOURNAL] = JOURNAL_SIZE,
	},
	/* there is no earlier one yet */
};
