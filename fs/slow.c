#include "fs/slow.h"
#include "core/base/cleanup.h"
#include "fs/fuse.h"
#include "fs/node.h"
#include "fs/shared.h"
#include <limits.h>
#include <string.h>
#include <time.h>

#define SLOW_NS 1000000000LL
#define NO_NAME -1

/* What a request is called, and where in its argument the name of an entry is. */
static const struct kind {
	const char *text;
	int name_at;
} kinds[] = {
	[FUSE_LOOKUP] = { "lookup", 0 },
	[FUSE_GETATTR] = { "getattr", NO_NAME },
	[FUSE_SETATTR] = { "setattr", NO_NAME },
	[FUSE_READLINK] = { "readlink", NO_NAME },
	[FUSE_SYMLINK] = { "symlink", 0 },
	[FUSE_MKNOD] = { "mknod", sizeof(struct fuse_mknod_in) },
	[FUSE_MKDIR] = { "mkdir", sizeof(struct fuse_mkdir_in) },
	[FUSE_UNLINK] = { "unlink", 0 },
	[FUSE_RMDIR] = { "rmdir", 0 },
	[FUSE_RENAME] = { "rename", sizeof(struct fuse_rename_in) },
	[FUSE_RENAME2] = { "rename", sizeof(struct fuse_rename2_in) },
	[FUSE_LINK] = { "link", sizeof(struct fuse_link_in) },
	[FUSE_READ] = { "read", NO_NAME },
	[FUSE_WRITE] = { "write", NO_NAME },
	[FUSE_STATFS] = { "statfs", NO_NAME },
	[FUSE_FSYNC] = { "fsync", NO_NAME },
	[FUSE_FSYNCDIR] = { "fsync", NO_NAME },
	[FUSE_SETXATTR] = { "setxattr", NO_NAME },
	[FUSE_GETXATTR] = { "getxattr", NO_NAME },
	[FUSE_LISTXATTR] = { "listxattr", NO_NAME },
	[FUSE_REMOVEXATTR] = { "removexattr", NO_NAME },
	[FUSE_READDIR] = { "readdir", NO_NAME },
	[FUSE_READDIRPLUS] = { "readdir", NO_NAME },
	[FUSE_CREATE] = { "create", sizeof(struct fuse_create_in) },
	[FUSE_IOCTL] = { "ioctl", NO_NAME },
	[FUSE_FALLOCATE] = { "fallocate", NO_NAME },
	[FUSE_LSEEK] = { "lseek", NO_NAME },
	[FUSE_COPY_FILE_RANGE] = { "copy_file_range", NO_NAME },
};

static int64_t since_ns(const struct lane *l)
{
	return __atomic_load_n(&l->since_ns, __ATOMIC_ACQUIRE);
}

int64_t slow_oldest_ns(void)
{
	int64_t oldest = 0;

	for (uint32_t i = 0; i < shared->lane_count; i++) {
		int64_t since = since_ns(&shared_lanes->lane[i]);

		if (since && (!oldest || since < oldest))
			oldest = since;
	}
	return oldest;
}

/* A copy: the next request may come at any time. false: this kind has no name. */
static bool copy_name(const struct lane *l, const struct kind *k, char name[static NAME_MAX + 1])
{
	const struct fuse_in_header *head = (const struct fuse_in_header *)l->request;
	size_t at = sizeof(*head) + (size_t)k->name_at;
	size_t len = __atomic_load_n(&head->len, __ATOMIC_RELAXED);

	if (k->name_at == NO_NAME || len > REQUEST_SIZE || at >= len)
		return false;
	len = len - at < NAME_MAX ? len - at : NAME_MAX;
	memcpy(name, l->request + at, len);
	name[len] = '\0';
	return true;
}

static int add_name(json_t *o, const struct lane *l, const struct kind *k)
{
	uint64_t node = ((const struct fuse_in_header *)l->request)->nodeid;
	char name[NAME_MAX + 1];
	AUTO_BUF path = { 0 };
	int r = copy_name(l, k, name) ? node_child_path(node, name, &path) : node_path(node, &path);

	/* a removed file has no name */
	return r < 0 ? 0 : json_set_bytes(o, "name", buf_str(&path));
}

/* Read beside the thread that serves it: what was read counts if the request is the same one afterwards. */
static void add_one(json_t *list, const struct lane *l, int64_t now)
{
	const struct fuse_in_header *head = (const struct fuse_in_header *)l->request;
	int64_t since = since_ns(l);
	uint32_t opcode;
	struct kind k = { "other", NO_NAME };
	json_t *o;

	if (!since || now - since < SLOW_NS)
		return;
	opcode = __atomic_load_n(&head->opcode, __ATOMIC_RELAXED); /* once: the next request may come at any time */
	if (opcode < ARRAY_SIZE(kinds) && kinds[opcode].text)
		k = kinds[opcode];
	o = json_pack("{s:s,s:I}", "request", k.text, "ms", (json_int_t)((now - since) / 1000000));
	if (!o)
		return;
	if (add_name(o, l, &k) < 0 || since_ns(l) != since)
		json_decref(o);
	else
		json_array_append_new(list, o);
}

json_t *slow_requests(void)
{
	json_t *list = json_array();
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	for (uint32_t i = 0; list && i < shared->lane_count; i++)
		add_one(list, &shared_lanes->lane[i], t.tv_sec * 1000000000LL + t.tv_nsec);
	return list;
}
