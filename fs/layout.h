/*
 * The layouts of the areas in shared memory: which ones this program works with, and how it makes one of
 * another. Whichever of two programs is the newer one knows both, so it converts, also when the mount goes
 * back to the older one. It converts into new areas, while no worker serves, and the old ones stay as they
 * are; the store of layout_commit() makes the new ones those in force. Areas belong together (a count in one
 * says what has been done in another), so none is shared by a table in force and one that is not, unless all are.
 *
 * Whoever changes what lies in an area gives it the next number, and a converter in both directions to the
 * one before (fs/layout_plain.c).
 */
#pragma once
#include "core/base/buf.h"
#include "fs/shared.h"
#include <stdbool.h>

struct converter {
	enum area_kind area;
	uint32_t from, to; /* to 0: the other program knows no such area, and needs none */
	size_t size_bytes; /* of an area with the layout `to` */
	/* `to` is zeroed, `from` is not to be changed. 0 or -errno, and all stays as it was */
	int (*convert)(const void *from, size_t from_size, void *to, size_t to_size);
};

/* what this program works with (fs/layout_plain.c) */
extern const struct layouts {
	uint32_t number[AREAS_MAX];
	uint64_t size_bytes[AREAS_MAX]; /* of new ones */
	const struct converter *converters;
	size_t converter_count;
} layouts;

/* The areas of a new mount. 0 or -errno */
int layout_create(int memfd);
bool layout_in_force(const uint32_t wanted[static AREAS_MAX]);
/* Can this program make these of the areas in force? What it works with itself may begin empty. */
bool layout_can_make(const uint32_t wanted[static AREAS_MAX]);
/* a line for people: what it could not make */
void layout_explain(const uint32_t wanted[static AREAS_MAX], struct buf *out);
/* Makes the other table: the areas in force when all have the wanted layouts, else a copy of each. 0 or -errno */
int layout_make(int memfd, const uint32_t wanted[static AREAS_MAX]);
/* the table that is not in force */
const struct area *layout_made(void);
/* From here on it is the one in force. */
void layout_commit(void);
/* Gives back what an earlier upgrade, or one that failed, has left. While nobody converts. */
void layout_free_unused(int memfd);
