#include "supervisor/print.h"
#include "core/base/cleanup.h"
#include "tests/unit/test.h"
#include <elf.h>
#include <stdio.h>
#include <string.h>

#define SIZE 1024

/* a header, two sections' headers (names and one note) and their contents */
static void make(unsigned char *data, const char *note, const char *content)
{
	Elf64_Ehdr h = { .e_shoff = 64, .e_shnum = 3, .e_shentsize = sizeof(Elf64_Shdr), .e_shstrndx = 1 };
	Elf64_Shdr names = { .sh_offset = 512, .sh_size = 64 }, s = { .sh_name = 1, .sh_type = SHT_NOTE };

	memset(data, 0, SIZE);
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;
	s.sh_offset = 600;
	s.sh_size = 32;
	memcpy(data, &h, sizeof(h));
	memcpy(data + 64 + sizeof(s), &names, sizeof(names));
	memcpy(data + 64 + 2 * sizeof(s), &s, sizeof(s));
	snprintf((char *)data + 513, 60, "%s", note);
	snprintf((char *)data + 600, 32, "%s", content);
}

static bool are_equal_without(const char *note)
{
	unsigned char a[SIZE], b[SIZE];

	make(a, note, "one");
	make(b, note, "two");
	print_clear_build_ids(a, SIZE);
	print_clear_build_ids(b, SIZE);
	return memcmp(a, b, SIZE) == 0;
}

static void test_notes(void **state)
{
	assert_true(are_equal_without(".note.gnu.build-id"));
	assert_true(are_equal_without(".note.go.buildid"));
	assert_false(are_equal_without(".note.gnu.property"));
	assert_false(are_equal_without(".note.gnu.build-id2"));
}

/* whatever is cut off or written into its headers: nothing outside is touched (the sanitizer sees to that) */
static void test_broken(void **state)
{
	unsigned char whole[SIZE], text[] = "#!/bin/sh\n";

	for (size_t len = 0; len < SIZE; len++) {
		unsigned char *cut = malloc(len + 1);

		make(whole, ".note.gnu.build-id", "x");
		memcpy(cut, whole, len);
		print_clear_build_ids(cut, len);
		free(cut);
	}
	for (size_t at = 0; at < 64 + 3 * sizeof(Elf64_Shdr); at++) {
		for (int value = 0; value < 256; value += 51) {
			make(whole, ".note.gnu.build-id", "x");
			whole[at] = (unsigned char)value;
			print_clear_build_ids(whole, SIZE);
		}
	}
	print_clear_build_ids(text, sizeof(text));
	assert_string_equal((char *)text, "#!/bin/sh\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_notes), cmocka_unit_test(test_broken) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
