#include "fs/layout.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL

static const char *const names[AREAS] = {
	[AREA_LANES] = "requests",
	[AREA_NODES] = "nodes",
	[AREA_NAMES] = "names",
	[AREA_JOURNAL] = "the journal",
	[AREA_REPLAY] = "the replay",
	[AREA_SIDEDOOR] = "watches",
	[AREA_ECHOES] = "what is to be replayed",
	[AREA_ABSENT] = "absent names",
};

static struct area *other_table(void)
{
	return shared->areas[(shared->current + 1) % 2];
}

const struct area *layout_made(void)
{
	return other_table();
}

/* ---- what can be made ---- */

bool layout_in_force(const uint32_t wanted[static AREAS_MAX])
{
	for (enum area_kind k = 0; k < AREAS_MAX; k++) {
		if (shared_areas()[k].layout != wanted[k])
			return false;
	}
	return true;
}

static const struct converter *find(enum area_kind k, uint32_t from, uint32_t to)
{
	for (size_t i = 0; i < layouts.converter_count; i++) {
		const struct converter *c = &layouts.converters[i];

		if (c->area == k && c->from == from && c->to == to)
			return c;
	}
	return NULL;
}

static bool begins_empty(enum area_kind k, uint32_t from, uint32_t to)
{
	return !from && to == layouts.number[k];
}

static bool can_make(enum area_kind k, uint32_t wanted)
{
	uint32_t is = shared_areas()[k].layout;

	return is == wanted || begins_empty(k, is, wanted) || find(k, is, wanted);
}

bool layout_can_make(const uint32_t wanted[static AREAS_MAX])
{
	for (enum area_kind k = 0; k < AREAS_MAX; k++) {
		if (!can_make(k, wanted[k]))
			return false;
	}
	return true;
}

void layout_explain(const uint32_t wanted[static AREAS_MAX], struct buf *out)
{
	for (enum area_kind k = 0; k < AREAS_MAX; k++) {
		if (can_make(k, wanted[k]))
			continue;
		buf_printf(out, "%s%s: this mount has layout %u in memory, the other program layout %u",
			   out->len ? "; " : "", k < AREAS ? names[k] : "something new", shared_areas()[k].layout,
			   wanted[k]);
	}
	buf_puts(out, "; neither of the two can convert all of that. Unmount, and mount again with the other one");
}

/* ---- places in the memfd ---- */

/* the end of an area that lies in this range, or 0 */
static uint64_t taken_until(const struct area *table, uint64_t from, uint64_t size)
{
	for (enum area_kind k = 0; k < AREAS_MAX; k++) {
		const struct area *a = &table[k];

		if (a->layout && a->offset < from + size && from < a->offset + a->size_bytes)
			return a->offset + a->size_bytes;
	}
	return 0;
}

/* The first place that neither table uses, empty. 0 or -errno */
static int place(int memfd, struct area *a, uint32_t layout, uint64_t size, const struct area *in_force)
{
	uint64_t at = SHARED_SIZE, end;
	struct stat st;

	size = (size + PAGE - 1) & ~(PAGE - 1);
	while ((end = taken_until(in_force, at, size)) || (end = taken_until(other_table(), at, size)))
		at = (end + PAGE - 1) & ~(PAGE - 1);
	if (fstat(memfd, &st))
		return -errno;
	if ((uint64_t)st.st_size < at + size && ftruncate(memfd, (off_t)(at + size)))
		return -errno;
	if (fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)size))
		return -errno;
	*a = (struct area){ .offset = at, .size_bytes = size, .layout = layout };
	return 0;
}

int layout_create(int memfd)
{
	static const struct area none[AREAS_MAX];
	int r = 0;

	for (enum area_kind k = 0; r == 0 && k < AREAS; k++) {
		if (layouts.number[k])
			r = place(memfd, &other_table()[k], layouts.number[k], layouts.size_bytes[k], none);
	}
	if (r == 0)
		layout_commit();
	return r;
}

static void *map(int memfd, const struct area *a, int protection)
{
	void *p = mmap(NULL, a->size_bytes, protection, MAP_SHARED | MAP_NORESERVE, memfd, (off_t)a->offset);

	return p == MAP_FAILED ? NULL : p;
}

/* ---- making ---- */

/* only what is there: most of an area is a hole */
static int copy_data(int memfd, const char *from, const struct area *a, const struct area *to)
{
	off_t at = (off_t)a->offset, end = (off_t)(a->offset + a->size_bytes);

	while ((at = lseek(memfd, at, SEEK_DATA)) >= 0 && at < end) {
		off_t hole = lseek(memfd, at, SEEK_HOLE);
		size_t offset = (size_t)at - a->offset;

		if (hole < 0)
			return -errno;
		at = hole < end ? hole : end;
		while (offset < (size_t)at - a->offset) {
			ssize_t n = pwrite(memfd, from + offset, (size_t)at - a->offset - offset,
					   (off_t)(to->offset + offset));

			if (n <= 0)
				return n < 0 ? -errno : -EIO;
			offset += (size_t)n;
		}
	}
	return at >= 0 || errno == ENXIO ? 0 : -errno;
}

static int copy(int memfd, const struct area *a, const struct area *to)
{
	void *from = map(memfd, a, PROT_READ);
	int r = from ? copy_data(memfd, from, a, to) : -ENOMEM;

	if (from)
		munmap(from, a->size_bytes);
	return r;
}

static int convert(int memfd, const struct converter *c, const struct area *from, const struct area *to)
{
	void *a = map(memfd, from, PROT_READ);
	void *b = map(memfd, to, PROT_READ | PROT_WRITE);
	int r = a && b ? c->convert(a, from->size_bytes, b, to->size_bytes) : -ENOMEM;

	if (a)
		munmap(a, from->size_bytes);
	if (b)
		munmap(b, to->size_bytes);
	return r;
}

static int make(int memfd, enum area_kind k, uint32_t wanted)
{
	const struct area *is = &shared_areas()[k];
	struct area *to = &other_table()[k];
	const struct converter *c;
	int r;

	if (is->layout == wanted) {
		r = wanted ? place(memfd, to, wanted, is->size_bytes, shared_areas()) : 0;
		return r == 0 && wanted ? copy(memfd, is, to) : r;
	}
	if (begins_empty(k, is->layout, wanted))
		return place(memfd, to, wanted, layouts.size_bytes[k], shared_areas());
	c = find(k, is->layout, wanted);
	if (!c)
		return -ENOTSUP;
	if (!wanted)
		return 0;
	r = place(memfd, to, wanted, c->size_bytes, shared_areas());
	return r == 0 ? convert(memfd, c, is, to) : r;
}

int layout_make(int memfd, const uint32_t wanted[static AREAS_MAX])
{
	int r = 0;

	if (layout_in_force(wanted)) {
		memcpy(other_table(), shared_areas(), sizeof(shared->areas[0]));
		return 0;
	}
	for (enum area_kind k = 0; k < AREAS_MAX; k++)
		other_table()[k] = (struct area){ 0 };
	for (enum area_kind k = 0; r == 0 && k < AREAS_MAX; k++)
		r = make(memfd, k, wanted[k]);
	return r;
}

void layout_commit(void)
{
	__atomic_store_n(&shared->current, shared->current + 1, __ATOMIC_SEQ_CST);
}

void layout_free_unused(int memfd)
{
	const struct area *used = shared_areas();
	uint64_t at = SHARED_SIZE;
	struct stat st;

	if (fstat(memfd, &st))
		return;
	while (at < (uint64_t)st.st_size) {
		uint64_t end = taken_until(used, at, 1);
		uint64_t next = (uint64_t)st.st_size;

		if (end) {
			at = end;
			continue;
		}
		for (enum area_kind k = 0; k < AREAS_MAX; k++) {
			if (used[k].layout && used[k].offset > at && used[k].offset < next)
				next = used[k].offset;
		}
		fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)(next - at));
		at = next;
	}
}
