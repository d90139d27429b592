#include "fs/lower.h"
#include "fs/counts.h"
#include "fs/files.h"
#include "fs/keep.h"
#include "fs/sidedoor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#define LOOK_UP_TRIES 16
#define FIND_TRIES 100
#define MOVE_WAIT_S 2

static _Atomic dev_t root_dev;
static atomic_bool by_name; /* the lower's inode numbers cannot be trusted */

void lower_set_root(dev_t dev, bool identity_by_name)
{
	root_dev = dev;
	by_name = identity_by_name;
}

bool lower_is_by_name(void)
{
	return by_name;
}

static ino_t shown_inode(dev_t dev, ino_t ino)
{
	uint64_t h;

	if (dev == root_dev)
		return ino;
	h = (ino ^ (uint64_t)dev << 32) * 0x9e3779b97f4a7c15ULL;
	return (h ^ h >> 31) | 1UL << 63; /* apart from the root device's own */
}

static void stat_of(const struct statx *x, struct stat *st)
{
	*st = (struct stat){
		.st_dev = makedev(x->stx_dev_major, x->stx_dev_minor),
		.st_ino = x->stx_ino,
		.st_mode = x->stx_mode,
		.st_nlink = x->stx_nlink,
		.st_uid = x->stx_uid,
		.st_gid = x->stx_gid,
		.st_rdev = makedev(x->stx_rdev_major, x->stx_rdev_minor),
		.st_size = (off_t)x->stx_size,
		.st_blksize = x->stx_blksize,
		.st_blocks = (blkcnt_t)x->stx_blocks,
		.st_atim = { x->stx_atime.tv_sec, x->stx_atime.tv_nsec },
		.st_mtim = { x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec },
		.st_ctim = { x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec },
	};
}

/* mounted: something is mounted there, maybe one file only */
static int identify(int dirfd, const char *name, struct identity *is, struct stat *st, bool *mounted)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT;
	struct statx x;

	if (statx(dirfd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &x))
		return -errno;
	stat_of(&x, st);
	*is = (struct identity){ .dev = st->st_dev, .ino = st->st_ino, .type = st->st_mode & S_IFMT };
	if (x.stx_mask & STATX_BTIME)
		is->birth_ns = x.stx_btime.tv_sec * 1000000000LL + x.stx_btime.tv_nsec;
	st->st_ino = shown_inode(st->st_dev, st->st_ino);
	*mounted = x.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

int lower_identify(int dirfd, const char *name, struct identity *is, struct stat *st)
{
	bool mounted;

	return identify(dirfd, name, is, st, &mounted);
}

const char *fd_path(int fd, char text[static FD_PATH_SIZE])
{
	snprintf(text, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return text;
}

/* ---- where a node is ---- */

/* The n-th name of the node and its directory's id; -ENOENT when it has no more. */
static int nth_name(node_id id, unsigned n, struct identity *is, char *name, node_id *dir)
{
	struct node *node;
	uint32_t r;
	int result = -ENOENT;

	pthread_mutex_lock(&table_lock);
	node = table_node(id);
	if (!node) {
		result = -ESTALE;
		goto out;
	}
	*is = node->is;
	for (r = node->names; r && n; n--)
		r = table_name(r)->next_of_node;
	if (r) {
		memcpy(name, table_name(r)->text, table_name(r)->len + 1UL);
		*dir = table_id(table_at(table_name(r)->dir));
		result = 0;
	}
out:
	pthread_mutex_unlock(&table_lock);
	return result;
}

/* A node without a name: through the descriptor that was taken when it lost the last one. */
static int find_victim(node_id id, struct place *p, struct stat *st)
{
	struct identity is;
	struct stat own;
	struct node *n;
	int kept = -1;
	int fd, r;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (id == NODE_ROOT)
		kept = dirs_root();
	else if (n)
		kept = table_local(table_index(n))->victim_fd;
	fd = kept < 0 ? -ESTALE : fcntl(kept, F_DUPFD_CLOEXEC, 0);
	if (fd == -1)
		fd = -errno;
	pthread_mutex_unlock(&table_lock);
	if (fd < 0)
		return fd;
	r = lower_identify(fd, "", &is, st ? st : &own);
	if (r < 0) {
		close(fd);
		return r;
	}
	*p = (struct place){ .own_fd = fd };
	return 0;
}

/* By one of its names; -ENOENT: by none of them. */
static int find_by_name(node_id id, struct place *p, struct stat *st)
{
	struct identity want, is;
	struct stat own;
	node_id dir;
	int error = -ENOENT;

	for (unsigned n = 0; id != NODE_ROOT; n++) {
		int r = nth_name(id, n, &want, p->name, &dir);

		if (r == -ESTALE)
			return r;
		if (r < 0)
			break;
		r = dirs_get(dir, &p->dir);
		if (r == 0)
			r = identify(p->dir->fd, p->name, &is, st ? st : &own, &p->mounted);
		p->dir_id = dir;
		if (r == 0 && (by_name || identity_equal(&is, &want)))
			return 0;
		if (r < 0 && r != -ENOENT && r != -ENOTDIR && r != -ESTALE)
			error = r; /* EACCES, EIO: worth telling, unless another name leads there */
		dirs_put(take_ptr(p->dir));
	}
	return error;
}

/*
 * Between the system call of a rename and its entry in the table a node is at a name that the table
 * does not know yet. Whoever misses it then looks again once that is over.
 */
static struct {
	pthread_cond_t over;
	unsigned under_way, done; /* with table_lock */
} moves = { .over = PTHREAD_COND_INITIALIZER };

void lower_move_begin(void)
{
	pthread_mutex_lock(&table_lock);
	moves.under_way++;
	pthread_mutex_unlock(&table_lock);
}

void lower_move_end(void)
{
	pthread_mutex_lock(&table_lock);
	moves.under_way--;
	moves.done++;
	pthread_cond_broadcast(&moves.over);
	pthread_mutex_unlock(&table_lock);
}

static unsigned moves_done(void)
{
	unsigned done;

	pthread_mutex_lock(&table_lock);
	done = moves.done;
	pthread_mutex_unlock(&table_lock);
	return done;
}

/* True: a name has moved since, look again. A rename that hangs in the lower is not waited for without end. */
static bool wait_for_moves(unsigned *seen)
{
	struct timespec until;
	bool again;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += MOVE_WAIT_S;
	pthread_mutex_lock(&table_lock);
	while (moves.done == *seen && moves.under_way) {
		if (pthread_cond_timedwait(&moves.over, &table_lock, &until))
			break;
	}
	again = moves.done != *seen;
	*seen = moves.done;
	pthread_mutex_unlock(&table_lock);
	return again;
}

int lower_find(node_id id, struct place *p, struct stat *st)
{
	unsigned seen = moves_done();
	int victim = -ESTALE;
	int r;

	*p = (struct place){ .own_fd = -1 };
	for (int i = 0; i < FIND_TRIES; i++) {
		r = find_by_name(id, p, st);
		if (r == 0 || r == -ESTALE)
			return r;
		victim = find_victim(id, p, st);
		if (victim == 0)
			return 0;
		if (r != -ENOENT)
			return r;
		if (victim != -ESTALE || !wait_for_moves(&seen))
			break;
	}
	return victim;
}

int place_fd(const struct place *p)
{
	return p->dir ? p->dir->fd : p->own_fd;
}

void place_done(struct place *p)
{
	dirs_put(p->dir);
	if (p->own_fd >= 0)
		close(p->own_fd);
	*p = (struct place){ .own_fd = -1 };
}

int lower_statx(node_id id, struct statx *x)
{
	AUTO_PLACE p = { .own_fd = -1 };
	int flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT;
	struct stat st;
	int r = lower_find(id, &p, &st);

	if (r == 0 && statx(place_fd(&p), p.name, flags, STATX_BASIC_STATS | STATX_BTIME, x))
		r = -errno;
	if (r == 0)
		x->stx_ino = shown_inode(makedev(x->stx_dev_major, x->stx_dev_minor), x->stx_ino);
	return r;
}

int node_stat(node_id id, struct stat *st)
{
	AUTO_PLACE p = { .own_fd = -1 };

	return lower_find(id, &p, st);
}

/* Who changes it does so by that name, in that directory: its mark tells. */
static bool has_one_name(const struct stat *st, bool mounted)
{
	return !S_ISDIR(st->st_mode) && st->st_nlink == 1 && !mounted;
}

/* Once more where something has been marked meanwhile: it may have been its directory. */
int lower_stat_sure(node_id id, struct stat *st, bool *sure)
{
	int r = 0;

	*sure = false;
	for (int i = 0; r == 0 && !*sure && i < 2; i++) {
		AUTO_PLACE p = { .own_fd = -1 };
		uint64_t marked = sidedoor_marked();
		bool own = sidedoor_is_sure(id);

		r = lower_find(id, &p, st);
		if (r == 0 && !own && p.dir)
			own = sidedoor_found(id, p.dir->fd, p.name, marked, st);
		*sure = r == 0 && (own || (p.dir && has_one_name(st, p.mounted) && sidedoor_is_sure(p.dir_id) &&
					   sidedoor_marked() == marked));
		if (sidedoor_marked() == marked)
			break;
	}
	return r;
}

/* O_PATH of the node. -EAGAIN: it was renamed or removed between finding and opening it. */
static int open_path(node_id id, struct stat *st)
{
	AUTO_PLACE p = { .own_fd = -1 };
	struct identity is, want;
	struct node *n;
	AUTO_FD fd = -1;
	int r = lower_find(id, &p, st);

	if (r < 0)
		return r;
	if (!p.dir)
		return take_fd(&p.own_fd);
	fd = openat(p.dir->fd, p.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -EAGAIN : -errno;
	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	want = n ? n->is : (struct identity){ 0 };
	pthread_mutex_unlock(&table_lock);
	r = lower_identify(fd, "", &is, st);
	if (r < 0)
		return r;
	return by_name || identity_equal(&is, &want) ? take_fd(&fd) : -EAGAIN;
}

/*
 * O_PATH first, then the object itself through it: what is opened is what was compared, and a fifo
 * or a device that took the name meanwhile is never opened.
 */
int node_open(node_id id, int flags)
{
	char path[FD_PATH_SIZE];
	struct stat st;
	AUTO_FD fd = -1;
	int r;

	for (int i = 0; i < FIND_TRIES; i++) {
		fd = open_path(id, &st);
		if (fd != -EAGAIN)
			break;
	}
	if (fd < 0)
		return fd == -EAGAIN ? -ESTALE : fd;
	if ((flags & O_DIRECTORY) && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return take_fd(&fd);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -EINVAL;
	r = open(fd_path(fd, path), flags | O_NOCTTY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

/* ---- looking up ---- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* -EAGAIN: the directory's names have changed since `version`, what was seen may be old. */
static int enter(node_id dir, uint32_t version, const char *name, const struct identity *is, unsigned lookups,
		 struct found_name *out)
{
	struct node *d, *n;
	int r = -ESTALE;

	pthread_mutex_lock(&table_lock);
	d = table_node(dir);
	if (!d)
		goto out;
	if (d->version != version) {
		r = -EAGAIN;
		goto out;
	}
	n = by_name ? table_child(table_index(d), name) : NULL;
	if (n && n->is.type != is->type)
		n = NULL;
	if (!n)
		n = table_by_identity(is);
	if (!n)
		n = table_new(is);
	out->was_known = n && n->lookups;
	out->had_name = out->was_known && table_child(table_index(d), name) == n;
	r = n ? table_add_name(n, table_index(d), name) : -ENOMEM;
	if (r == 0) {
		if (lookups && !counts_take(n))
			r = -EOVERFLOW; /* more than one answer can hold */
		if (lookups)
			table_local(table_index(n))->answered_ms = now_ms();
		out->id = table_id(n);
	} else if (n) {
		table_collect(n);
	}
out:
	pthread_mutex_unlock(&table_lock);
	return r;
}

static int version_of(node_id dir, uint32_t *version)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(dir);
	if (n)
		*version = n->version;
	pthread_mutex_unlock(&table_lock);
	return n ? 0 : -ESTALE;
}

int lower_look_up(node_id dir, const char *name, unsigned lookups, node_id *id, struct stat *st)
{
	struct found_name f;
	int r = lower_look_up_sure(dir, name, lookups, &f);

	if (r == 0) {
		*id = f.id;
		*st = f.st;
	}
	return r;
}

/* -EAGAIN: the directory's names have changed meanwhile, or it is another one (the root) */
static int look_up_once(node_id dir, const char *name, unsigned lookups, struct found_name *out)
{
	uint64_t marked = sidedoor_marked();
	struct dirfd *d = NULL;
	struct identity is;
	uint32_t version;
	bool own, mounted;
	int r = version_of(dir, &version);

	*out = (struct found_name){ .id = 0 };
	if (r == 0)
		r = dirs_get(dir, &d);
	if (r < 0)
		return r;
	out->name_sure = sidedoor_is_sure(dir);
	r = identify(d->fd, name, &is, &out->st, &mounted);
	if (r == 0)
		r = enter(dir, version, name, &is, lookups, out);
	if (r == 0) {
		own = sidedoor_found(out->id, d->fd, name, marked, &out->st);
		out->sure = own || (out->name_sure && has_one_name(&out->st, mounted));
	}
	dirs_put(d);
	return r;
}

int lower_look_up_sure(node_id dir, const char *name, unsigned lookups, struct found_name *out)
{
	int r = -EAGAIN;

	/* The kernel looks names up again without the directory's lock: a rename may pass in between. */
	for (int i = 0; r == -EAGAIN && i < LOOK_UP_TRIES; i++)
		r = look_up_once(dir, name, lookups, out);
	return r;
}

node_id node_child(node_id dir, const char *name)
{
	struct node *d, *n;
	node_id id;

	pthread_mutex_lock(&table_lock);
	d = table_node(dir);
	n = d ? table_child(table_index(d), name) : NULL;
	id = n ? table_id(n) : 0;
	pthread_mutex_unlock(&table_lock);
	return id;
}

int lower_enter_nameless(int fd, node_id *id, struct stat *st)
{
	struct identity is;
	struct node *n;
	int r = lower_identify(fd, "", &is, st);
	int own = r == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (own < 0)
		return r < 0 ? r : -errno;
	pthread_mutex_lock(&table_lock);
	n = files_victim_room() ? table_new(&is) : NULL;
	if (n) {
		*id = table_id(n);
		keep_send(KEEP_VICTIM, *id, own);
		table_local(table_index(n))->victim_fd = take_fd(&own);
		files_victim_added();
		counts_take(n);
	}
	pthread_mutex_unlock(&table_lock);
	if (own >= 0)
		close(own);
	return n ? 0 : -ENFILE;
}
