#include "fs/follow.h"
#include "core/base/log.h"
#include "core/base/strv.h"
#include "fs/die.h"
#include "fs/files.h"
#include "fs/ignore.h"
#include "fs/keep.h"
#include "fs/lower.h"
#include "fs/notify.h"
#include "fs/ops.h"
#include "fs/sidedoor.h"
#include "fs/sidedoor_adopt.h"
#include "fs/sidedoor_way.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#define XFS_MAGIC 0x58465342 /* <linux/magic.h> has it under another name, or not at all */

int follow_use(int fd)
{
	int r = dup3(fd, shared->config.root_fd, O_CLOEXEC) < 0 ? -errno : 0;

	close(fd);
	return r;
}

static bool offsets_survive(long type)
{
	return type == EXT4_SUPER_MAGIC || type == XFS_MAGIC || type == BTRFS_SUPER_MAGIC;
}

static bool inodes_are_stable(long type)
{
	return type != MSDOS_SUPER_MAGIC && type != FUSE_SUPER_MAGIC;
}

void follow_lower(void)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(dirs_root(), &fs) || fstat(dirs_root(), &st))
		fs.f_type = 0;
	else
		lower_set_root(st.st_dev, !inodes_are_stable(fs.f_type));
	ops_options.stable_offsets = offsets_survive(fs.f_type);
}

/*
 * The node that is to stand for what was the root: a victim, as any that has lost its name and is in use. Pinned.
 * 0: there is no room, and what is open there is lost.
 */
static node_id keep_old(int fd, const struct identity *is)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct node *n;
	node_id id = 0;

	pthread_mutex_lock(&table_lock);
	n = own < 0 ? NULL : table_by_identity(is); /* of a worker that died at this */
	if (own >= 0 && !n)
		n = table_new(is);
	if (n) {
		struct local *l = table_local(table_index(n));

		id = table_id(n);
		l->pins++;
		if (l->victim_fd < 0) {
			keep_send(KEEP_VICTIM, id, own);
			l->victim_fd = take_fd(&own);
			files_victim_added();
		}
	}
	pthread_mutex_unlock(&table_lock);
	if (own >= 0)
		close(own);
	return id;
}

static void release_old(node_id id)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = table_node(id);
	if (n) {
		table_local(table_index(n))->pins--;
		table_collect(n);
	}
	pthread_mutex_unlock(&table_lock);
}

static int note_name(const char *name, void *arg)
{
	return strv_add(arg, name);
}

/* From here on every name is looked for in the other directory. */
static void replace(int fd, const struct identity *is, struct strv *names)
{
	pthread_mutex_lock(&table_lock);
	if (table_each_child(NODE_ROOT, note_name, names) < 0)
		log_error("event=follow_incomplete error=\"no memory\"");
	dirs_replace_root(fd);
	table_replace_root(is);
	pthread_mutex_unlock(&table_lock);
}

/* The kernel has these names in the root, and the table no longer. A directory lives on, perhaps with mounts inside. */
static void forget_names(const struct strv *names)
{
	for (size_t i = 0; i < names->count; i++)
		notify_expire(NODE_ROOT, names->items[i]);
}

/* The keeper's copy first, and the watches: whoever goes on after a kill begins with what is to be. */
static void follow_to(int fd, int before)
{
	struct identity was, is;
	AUTO_STRV names = { 0 };
	struct stat st;
	node_id old;

	if (lower_identify(before, "", &was, &st) < 0 || lower_identify(fd, "", &is, &st) < 0)
		return;
	old = keep_old(before, &was);
	die_at_step(DIE_FOLLOW, 1);
	sidedoor_watch_root(old, before, fd);
	die_at_step(DIE_FOLLOW, 2);
	keep_send(KEEP_VICTIM, NODE_ROOT, fd);
	die_at_step(DIE_FOLLOW, 3);
	replace(fd, &is, &names);
	die_at_step(DIE_FOLLOW, 5);
	follow_lower();
	forget_names(&names);
	adopt_drop_lost();
	release_old(old);
	ignore_tree_replaced();
	die_at_step(DIE_FOLLOW, 6);
	log_info("event=source_followed source=\"%s\" inode=%lu", shared->config.source, (unsigned long)is.ino);
}

/* A worker that has followed may have died before the kernel had forgotten them: they are names in what has been the root. */
static void forget_names_again(void)
{
	AUTO_STRV names = { 0 };

	pthread_mutex_lock(&table_lock);
	for (uint32_t i = table_next(0); i; i = table_next(i)) {
		const struct node *n = table_at(i);

		if (i != NODE_ROOT && !n->names && n->children)
			table_each_child(i, note_name, &names);
	}
	pthread_mutex_unlock(&table_lock);
	forget_names(&names);
}

void follow_source(void)
{
	AUTO_FD fd = way_open();
	AUTO_FD before = fd < 0 ? -1 : fcntl(dirs_root(), F_DUPFD_CLOEXEC, 0);

	if (before >= 0)
		follow_to(fd, before);
	else if (shared->generation > 1)
		forget_names_again();
}
