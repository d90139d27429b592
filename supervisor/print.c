#include "supervisor/print.h"
#include "core/base/cleanup.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const notes[] = { ".note.gnu.build-id", ".note.go.buildid" };

struct section {
	uint64_t name, offset, size;
	uint32_t type;
};

struct elf {
	unsigned char *data;
	size_t len;
	bool wide;
	uint64_t sections; /* offset of their headers */
	size_t count, entry_size, names;
};

static bool fits(const struct elf *e, uint64_t offset, uint64_t size)
{
	return offset <= e->len && size <= e->len - offset;
}

static bool section_at(const struct elf *e, size_t i, struct section *out)
{
	uint64_t at = e->sections + i * e->entry_size;

	if (e->wide) {
		Elf64_Shdr s;

		if (!fits(e, at, sizeof(s)))
			return false;
		memcpy(&s, e->data + at, sizeof(s));
		*out = (struct section){ s.sh_name, s.sh_offset, s.sh_size, s.sh_type };
	} else {
		Elf32_Shdr s;

		if (!fits(e, at, sizeof(s)))
			return false;
		memcpy(&s, e->data + at, sizeof(s));
		*out = (struct section){ s.sh_name, s.sh_offset, s.sh_size, s.sh_type };
	}
	return true;
}

/* false: it is none, of another byte order, or broken */
static bool open_elf(struct elf *e)
{
	const unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

	if (e->len < sizeof(Elf64_Ehdr) || memcmp(e->data, ELFMAG, SELFMAG) != 0 || e->data[EI_DATA] != order)
		return false;
	e->wide = e->data[EI_CLASS] == ELFCLASS64;
	if (e->wide) {
		Elf64_Ehdr h;

		memcpy(&h, e->data, sizeof(h));
		e->sections = h.e_shoff;
		e->count = h.e_shnum;
		e->entry_size = h.e_shentsize;
		e->names = h.e_shstrndx;
	} else {
		Elf32_Ehdr h;

		memcpy(&h, e->data, sizeof(h));
		e->sections = h.e_shoff;
		e->count = h.e_shnum;
		e->entry_size = h.e_shentsize;
		e->names = h.e_shstrndx;
	}
	return e->count && e->sections < e->len;
}

static bool is_note(const struct elf *e, const struct section *names, const struct section *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		size_t len = strlen(notes[i]) + 1;

		if (s->name <= names->size && len <= names->size - s->name &&
		    memcmp(e->data + names->offset + s->name, notes[i], len) == 0)
			return true;
	}
	return false;
}

void print_clear_build_ids(unsigned char *data, size_t len)
{
	struct elf e = { .data = data, .len = len };
	struct section names, s;

	if (!open_elf(&e) || !section_at(&e, e.names, &names) || !fits(&e, names.offset, names.size))
		return;
	for (size_t i = 0; i < e.count && section_at(&e, i, &s); i++)
		if (s.type == SHT_NOTE && fits(&e, s.offset, s.size) && is_note(&e, &names, &s))
			memset(data + s.offset, 0, s.size);
}

static int read_whole(int fd, unsigned char *data, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, data + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ESTALE;
		have += (size_t)n;
	}
	return 0;
}

int print_file(const char *path, struct hash *out)
{
	AUTO_FREE unsigned char *data = NULL;
	AUTO_FD fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > PRINT_MAX_BYTES)
		return -EFBIG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	r = read_whole(fd, data, (size_t)st.st_size);
	if (r < 0)
		return r;
	print_clear_build_ids(data, (size_t)st.st_size);
	data[st.st_size] = (unsigned char)((st.st_mode >> 6 & 1) | (st.st_mode >> 3 & 1) << 1 | (st.st_mode & 1) << 2);
	*out = hash_bytes(data, (size_t)st.st_size + 1);
	return 0;
}
