#include "core/base/buf.h"
#include "fs/believe.h"
#include "fs/counts.h"
#include "fs/listing.h"
#include "fs/lower.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/sidedoor.h"
#include "fs/untold.h"
#include "fs/window.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* One answer as it fills. */
struct answer {
	fuse_req_t req;
	node_id dir;
	bool plus;
	char *data;
	size_t used, size;
	uint32_t taken; /* references that this request had taken before: in an answer of a dead worker */
};

static bool is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* An entry with its attributes: the kernel takes a reference, as by LOOKUP. */
static size_t add_plus(struct answer *a, const char *name, ino_t ino, unsigned char type, off_t next)
{
	struct fuse_entry_param e = { 0 };
	struct found_name f;
	size_t need = fuse_add_direntry_plus(a->req, NULL, 0, name, NULL, 0);

	if (need > a->size - a->used)
		return need;
	if (counts_taken() - a->taken >= TAKEN_MAX / 2)
		return SIZE_MAX; /* the lane can note no more: the rest in the next answer */
	if (!is_dot(name) && lower_look_up_sure(a->dir, name, 1, &f) == 0) {
		untold_attributes(f.id, &f.st, f.sure, f.was_known);
		e.attr = f.st;
		e.attr_timeout = believe_for(f.sure);
		e.entry_timeout = believe_name(&f, false);
		e.ino = f.id;
		e.generation = f.id >> 32;
	} else {
		/* no node: the kernel looks the name up when somebody wants it */
		e.attr = (struct stat){ .st_ino = ino, .st_mode = (mode_t)DTTOIF(type) };
	}
	return fuse_add_direntry_plus(a->req, a->data + a->used, a->size - a->used, name, &e, next);
}

/* False: it did not fit, the answer is full. */
static bool add(struct answer *a, const char *name, ino_t ino, unsigned char type, off_t next)
{
	struct stat st = { .st_ino = ino, .st_mode = (mode_t)DTTOIF(type) };
	size_t need;

	if (a->plus)
		need = add_plus(a, name, ino, type, next);
	else
		need = fuse_add_direntry(a->req, a->data + a->used, a->size - a->used, name, &st, next);
	if (need > a->size - a->used)
		return false;
	a->used += need;
	return true;
}

static int read_by_offset(struct answer *a, int fd, off_t offset)
{
	char buf[8192] __attribute__((aligned(8)));
	ssize_t n;

	if (offset && lseek(fd, offset, SEEK_SET) < 0)
		return -errno;
	while ((n = getdents64(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t at = 0; at < n;) {
			struct dirent64 *d = (struct dirent64 *)(buf + at);

			if (!add(a, d->d_name, d->d_ino, d->d_type, d->d_off))
				return 0;
			at += d->d_reclen;
		}
	}
	return n < 0 && !a->used ? -errno : 0;
}

static bool add_listed(const struct listing_entry *e, uint64_t cookie, void *arg)
{
	return add(arg, e->name, e->ino, e->type, (off_t)cookie);
}

/* The directory's table of cookies, made when it is first wanted. */
static struct listing *listing_of(node_id dir)
{
	struct listing *made = listing_new();
	struct listing *l = NULL;
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(dir);
	if (n) {
		struct local *local = table_local(table_index(n));

		if (!local->listing)
			local->listing = take_ptr(made);
		l = local->listing;
	}
	pthread_mutex_unlock(&table_lock);
	listing_free(made);
	return l;
}

static int read_by_listing(struct answer *a, int fd, off_t offset)
{
	struct listing *l = listing_of(a->dir);
	int r = 0;

	if (!l)
		return -ENOMEM;
	if (offset == 0 || listing_is_new(l))
		r = listing_refresh(l, fd, (uint64_t)offset);
	if (r == 0)
		listing_each(l, (uint64_t)offset, add_listed, a);
	return r;
}

static bool may_keep(const struct answer *a, const struct fuse_direntplus *d)
{
	const struct window_caller nobody = { 0 };
	char name[NAME_MAX + 1];

	if (!d->entry_out.nodeid || d->dirent.namelen > NAME_MAX)
		return false;
	memcpy(name, d->dirent.name, d->dirent.namelen);
	name[d->dirent.namelen] = '\0';
	return !is_dot(name) && window_asked(&nobody, a->dir, name, false, S_ISDIR(d->entry_out.attr.mode), 0);
}

/* the kernel is to ask for a name by itself where who wants it is to be seen */
static void keep_no_names(struct answer *a)
{
	for (size_t at = 0; a->plus && at < a->used;) {
		struct fuse_direntplus *d = (struct fuse_direntplus *)(a->data + at);

		if (!may_keep(a, d))
			d->entry_out.entry_valid = d->entry_out.entry_valid_nsec = 0;
		at += FUSE_DIRENTPLUS_SIZE(d);
	}
}

static void note_listed(node_id id)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n)
		table_local(table_index(n))->listed = true;
	pthread_mutex_unlock(&table_lock);
}

static void answer_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, bool plus)
{
	AUTO_FREE char *data = malloc(size);
	struct answer a = { req, id, plus, data, 0, size, counts_taken() };
	AUTO_FD fd = data ? node_open(id, O_RDONLY | O_DIRECTORY) : -ENOMEM;
	struct window_caller who;
	int r = fd < 0 ? fd : 0;

	if (id == NODE_ROOT)
		notify_root_known();
	if (r == 0)
		r = ops_options.stable_offsets ? read_by_offset(&a, fd, offset) : read_by_listing(&a, fd, offset);
	window_who(fuse_req_ctx(req)->pid, &who);
	window_answer_begin();
	note_listed(id);
	if (!window_listed(&who, id))
		keep_no_names(&a);
	/* from here on the kernel has all of it, and asks no more while the directory's time stays the same */
	if (r == 0 && !a.used && shared->config.long_cache && !sidedoor_is_sure(id))
		notify_listing_old(id);
	if (r < 0)
		reply_error(req, r);
	else if (fuse_reply_buf(req, data, a.used) == -ENOENT)
		counts_give_back(a.taken, counts_taken()); /* nobody has received it, or the dead worker's has been */
	else if (a.taken)
		counts_give_back(0, a.taken); /* the dead worker's has not been received */
	window_answer_end();
}

void op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi)
{
	answer_readdir(req, id, size, offset, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *fi)
{
	answer_readdir(req, id, size, offset, true);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi)
{
	AUTO_FD fd = node_open(id, O_RDONLY | O_DIRECTORY);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && (datasync ? fdatasync(fd) : fsync(fd)))
		r = -errno;
	reply_error(req, r);
}
