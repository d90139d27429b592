/* Content hashes: XXH3 with 128 bits. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash {
	uint64_t lo, hi;
};

#define HASH_TEXT_SIZE 33 /* 32 hexadecimal digits and a NUL */

struct hash hash_bytes(const void *data, size_t len);
/*
 * The content of an open file from its start, at most `limit` bytes (UINT64_MAX: all), by pread, so
 * that the descriptor's offset stays. deadline_ns: CLOCK_MONOTONIC, 0 for none.
 * 0, -ETIME when the deadline passed, or -errno; *out untouched then.
 */
int hash_file(int fd, uint64_t limit, int64_t deadline_ns, struct hash *out);
bool hash_equal(const struct hash *a, const struct hash *b);
const char *hash_text(const struct hash *h, char text[static HASH_TEXT_SIZE]);
