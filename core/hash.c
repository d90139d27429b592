#include "core/hash.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define CHUNK (64 * 1024)

static struct hash from_xxh(XXH128_hash_t h)
{
	return (struct hash){ .lo = h.low64, .hi = h.high64 };
}

struct hash hash_bytes(const void *data, size_t len)
{
	return from_xxh(XXH3_128bits(data, len));
}

static bool has_passed(int64_t deadline_ns)
{
	struct timespec now;

	if (!deadline_ns)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec > deadline_ns;
}

/* fills the chunk as far as the file goes; how many bytes, or -errno */
static ssize_t read_chunk(int fd, char *data, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, data + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static size_t next_len(uint64_t limit, uint64_t offset)
{
	return limit - offset < CHUNK ? (size_t)(limit - offset) : CHUNK;
}

/* what does not fit one chunk; data holds the first one */
static int hash_rest(XXH3_state_t *state, int fd, char *data, uint64_t limit, int64_t deadline_ns)
{
	uint64_t offset = CHUNK;
	ssize_t n = CHUNK;

	XXH3_128bits_reset(state);
	XXH3_128bits_update(state, data, CHUNK);
	while (n == CHUNK && offset < limit) {
		if (has_passed(deadline_ns))
			return -ETIME;
		n = read_chunk(fd, data, next_len(limit, offset), offset);
		if (n < 0)
			return (int)n;
		XXH3_128bits_update(state, data, (size_t)n);
		offset += (uint64_t)n;
	}
	return 0;
}

int hash_file(int fd, uint64_t limit, int64_t deadline_ns, struct hash *out)
{
	char data[CHUNK];
	XXH3_state_t *state;
	ssize_t n;
	int r;

	if (has_passed(deadline_ns))
		return -ETIME;
	n = read_chunk(fd, data, next_len(limit, 0), 0);
	if (n < 0)
		return (int)n;
	if (n < CHUNK || limit == CHUNK) {
		*out = hash_bytes(data, (size_t)n);
		return 0;
	}
	state = XXH3_createState();
	if (!state)
		return -ENOMEM;
	r = hash_rest(state, fd, data, limit, deadline_ns);
	if (r == 0)
		*out = from_xxh(XXH3_128bits_digest(state));
	XXH3_freeState(state);
	return r;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return a->lo == b->lo && a->hi == b->hi;
}

const char *hash_text(const struct hash *h, char text[static HASH_TEXT_SIZE])
{
	snprintf(text, HASH_TEXT_SIZE, "%016llx%016llx", (unsigned long long)h->hi, (unsigned long long)h->lo);
	return text;
}
