/* What a file that a build has made is like, as far as it matters to whoever runs it. Pure but for print_file(); any thread. */
#pragma once
#include "core/hash.h"

#define PRINT_MAX_BYTES (256UL * 1024 * 1024) /* larger ones are not looked at */

/*
 * Sets the notes that name the build (.note.gnu.build-id, .note.go.buildid) of an ELF file to zeros: they differ though
 * the code is the same. Anything else, and what is no well-formed ELF file, stays as it is.
 */
void print_clear_build_ids(unsigned char *data, size_t len);
/* of a regular file's content without those notes, and whether it may be executed. 0, -EFBIG, -errno */
int print_file(const char *path, struct hash *out);
