/*
 * "hrfsread" VERSION LENGTH HASH, then LENGTH bytes of which HASH is the checksum: LENGTH and bytes of what it is about; for
 * each stage whether it is known (1) or was missed (2), the hash of its command, a count, and for each path how, state,
 * size, inode, times, length and bytes. All numbers little-endian.
 */
#include "supervisor/readfile.h"
#include <errno.h>
#include <string.h>

#define MAGIC "hrfsread"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define VERSION 2
#define HEAD_LEN (MAGIC_LEN + 4 + 8 + 16)
#define PATH_LEN (1 + 4 + 16 + 4 * 8 + 2) /* of a path beside its bytes */
#define ALL_HOWS (2 * READ_WROTE - 1)

void readfile_done(struct readfile *f)
{
	for (int i = 0; i < PLAN_STAGES; i++) {
		struct readfile_job *j = &f->jobs[i];

		for (size_t k = 0; k < j->count; k++)
			free((char *)j->paths[k].path);
		free(j->paths);
	}
	*f = (struct readfile){ 0 };
}

/* ---- writing: room has been made before ---- */

static void put(struct buf *out, uint64_t value, unsigned bytes)
{
	char data[8];

	for (unsigned i = 0; i < bytes; i++)
		data[i] = (char)(value >> (8 * i));
	buf_put(out, data, bytes);
}

static void put_hash(struct buf *out, const struct hash *h)
{
	put(out, h->lo, 8);
	put(out, h->hi, 8);
}

static void put_path(struct buf *out, const struct readfile_path *p)
{
	const struct seen *s = &p->seen;
	size_t len = strlen(p->path);

	put(out, p->how, 1);
	put(out, s->state.kind, 1);
	put(out, s->state.exec, 1);
	put(out, s->state.hashed, 1);
	put(out, s->state.type, 1);
	put_hash(out, &s->state.content);
	put(out, s->size, 8);
	put(out, s->inode, 8);
	put(out, (uint64_t)s->mtime_ns, 8);
	put(out, (uint64_t)s->ctime_ns, 8);
	put(out, len, 2);
	buf_put(out, p->path, len);
}

/* SIZE_MAX: a path is too long */
static size_t length_of(const struct readfile *f, size_t of_len)
{
	size_t len = 4 + of_len;

	for (int i = 0; i < PLAN_STAGES; i++) {
		len += 1 + 16 + 4;
		for (size_t k = 0; k < f->jobs[i].count; k++) {
			size_t path = strlen(f->jobs[i].paths[k].path);

			if (path > UINT16_MAX)
				return SIZE_MAX;
			len += PATH_LEN + path;
		}
	}
	return len;
}

int readfile_put(const struct readfile *f, const void *of, size_t of_len, struct buf *out)
{
	size_t len = length_of(f, of_len);
	AUTO_BUF body = { 0 };
	struct hash sum;
	int r;

	if (len > READFILE_MAX_BYTES - HEAD_LEN)
		return -EFBIG;
	r = buf_reserve(&body, len);
	if (r == 0)
		r = buf_reserve(out, HEAD_LEN + len);
	if (r < 0)
		return r;
	put(&body, of_len, 4);
	buf_put(&body, of, of_len);
	for (int i = 0; i < PLAN_STAGES; i++) {
		const struct readfile_job *j = &f->jobs[i];

		put(&body, j->known ? 1 : j->missed ? 2 : 0, 1);
		put_hash(&body, &j->command);
		put(&body, j->count, 4);
		for (size_t k = 0; k < j->count; k++)
			put_path(&body, &j->paths[k]);
	}
	sum = hash_bytes(body.data, body.len);
	buf_put(out, MAGIC, MAGIC_LEN);
	put(out, VERSION, 4);
	put(out, body.len, 8);
	put_hash(out, &sum);
	return buf_put(out, body.data, body.len);
}

/* ---- reading ---- */

struct cursor {
	const unsigned char *at, *end;
	bool bad; /* it has been asked for more than there is */
};

static const unsigned char *take_bytes(struct cursor *c, size_t len)
{
	const unsigned char *at = c->at;

	if (c->bad || (size_t)(c->end - at) < len) {
		c->bad = true;
		return NULL;
	}
	c->at += len;
	return at;
}

static uint64_t take(struct cursor *c, unsigned bytes)
{
	const unsigned char *at = take_bytes(c, bytes);
	uint64_t value = 0;

	for (unsigned i = 0; at && i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static struct hash take_hash(struct cursor *c)
{
	uint64_t lo = take(c, 8), hi = take(c, 8);

	return (struct hash){ .lo = lo, .hi = hi };
}

static bool is_possible(const struct readfile_path *p)
{
	const struct state *s = &p->seen.state;

	return p->how && p->how <= ALL_HOWS && s->kind <= STATE_OTHER && s->exec <= 7 && s->hashed <= 1 &&
	       *p->path != '/' && strcmp(p->path, "..") != 0 && strncmp(p->path, "../", 3) != 0 && !strstr(p->path, "/../");
}

static int take_path(struct cursor *c, struct readfile_path *p)
{
	const unsigned char *bytes;
	size_t len;

	p->how = (unsigned)take(c, 1);
	p->seen.state.kind = (uint8_t)take(c, 1);
	p->seen.state.exec = (uint8_t)take(c, 1);
	p->seen.state.hashed = (uint8_t)take(c, 1);
	p->seen.state.type = (uint8_t)take(c, 1);
	p->seen.state.content = take_hash(c);
	p->seen.size = take(c, 8);
	p->seen.inode = take(c, 8);
	p->seen.mtime_ns = (int64_t)take(c, 8);
	p->seen.ctime_ns = (int64_t)take(c, 8);
	len = take(c, 2);
	bytes = take_bytes(c, len);
	if (!bytes)
		return -EBADMSG;
	p->path = strndup((const char *)bytes, len);
	if (!p->path)
		return -ENOMEM;
	return strlen(p->path) == len && is_possible(p) ? 0 : -EBADMSG;
}

static int take_job(struct cursor *c, struct readfile_job *j)
{
	uint64_t known = take(c, 1), count;
	int r = 0;

	j->command = take_hash(c);
	count = take(c, 4);
	/* never more memory than the file is long for */
	if (c->bad || known > 2 || count > READSET_MAX_PATHS || count > (size_t)(c->end - c->at) / PATH_LEN)
		return -EBADMSG;
	j->known = known == 1;
	j->missed = known == 2;
	j->paths = calloc(count + 1, sizeof(*j->paths));
	if (!j->paths)
		return -ENOMEM;
	while (r == 0 && j->count < count)
		r = take_path(c, &j->paths[j->count++]);
	return r;
}

static int take_body(struct cursor *c, const void *of, size_t of_len, struct readfile *out)
{
	size_t len = take(c, 4);
	const unsigned char *bytes = take_bytes(c, len);
	int r = 0;

	if (!bytes)
		return -EBADMSG;
	if (len != of_len || memcmp(bytes, of, len) != 0)
		return -ENOENT;
	for (int i = 0; r == 0 && i < PLAN_STAGES; i++)
		r = take_job(c, &out->jobs[i]);
	return r == 0 && c->at != c->end ? -EBADMSG : r;
}

int readfile_get(const void *data, size_t len, const void *of, size_t of_len, struct readfile *out)
{
	struct cursor c = { data, (const unsigned char *)data + len, false };
	const unsigned char *magic = take_bytes(&c, MAGIC_LEN);
	struct readfile f = { 0 };
	struct hash sum, is;
	uint64_t version, body;
	int r;

	if (!magic || memcmp(magic, MAGIC, MAGIC_LEN) != 0)
		return -EBADMSG;
	version = take(&c, 4);
	if (!c.bad && version != VERSION)
		return -EPROTO;
	body = take(&c, 8);
	sum = take_hash(&c);
	if (c.bad || body != (size_t)(c.end - c.at))
		return -EBADMSG;
	is = hash_bytes(c.at, body);
	if (!hash_equal(&sum, &is))
		return -EBADMSG;
	r = take_body(&c, of, of_len, &f);
	if (r < 0) {
		readfile_done(&f);
		return r;
	}
	*out = f;
	return 0;
}
