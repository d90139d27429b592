/*
 * The backing directory, by dirfd: how nodes are reached on it. Any thread; nothing here holds a lock
 * during a system call. Errors are the lower's own, as -errno.
 */
#pragma once
#include "fs/dirs.h"
#include "fs/table.h"
#include <sys/stat.h>

/* Where an object is: (dir->fd, name), verified when it was found. */
struct place {
	struct dirfd *dir; /* NULL: own_fd is the object itself and name is "" */
	int own_fd;
	node_id dir_id; /* of dir */
	bool mounted;	/* something is mounted at this name */
	char name[NAME_MAX + 1];
};

/* What (dirfd, name) is now; "": dirfd itself. st_ino is as the mount shows it. 0 or -errno */
int lower_identify(int dirfd, const char *name, struct identity *is, struct stat *st);
/* The device of the root: inode numbers of others are made unlike its own. */
void lower_set_root(dev_t dev, bool identity_by_name);
bool lower_is_by_name(void);

/* A place where the node is now, with its attributes (st may be NULL). -ESTALE: nowhere known. */
int lower_find(node_id id, struct place *p, struct stat *st);
/* Around the system call of a rename and its entry in the table: nodes are missed meanwhile. */
void lower_move_begin(void);
void lower_move_end(void);
int place_fd(const struct place *p);
void place_done(struct place *p);
#define AUTO_PLACE AUTO_DONE(place) struct place

/*
 * Looks a name up, enters it into the table and takes `lookups` references for the kernel.
 * 0 with *id and *st, or -errno.
 */
int lower_look_up(node_id dir, const char *name, unsigned lookups, node_id *id, struct stat *st);

/* What one has found, and whether every later change of it will be told (fs/sidedoor.h). */
struct found_name {
	node_id id;
	struct stat st;
	bool name_sure;	/* of what the name leads to; also where it leads to nothing */
	bool sure;	/* of the object's attributes and content */
	bool had_name;	/* the kernel knew it by this name already */
	bool was_known; /* or by another one */
};

/* The same. *out is filled in as far as it holds also where there is an error. */
int lower_look_up_sure(node_id dir, const char *name, unsigned lookups, struct found_name *out);
/* node_stat(), and the same of it. */
int lower_stat_sure(node_id id, struct stat *st, bool *sure);
/* As statx(2) tells it, the inode number as the mount shows it. 0 or -errno */
int lower_statx(node_id id, struct statx *x);
/* A file that has no name yet (O_TMPFILE), with one lookup; fd stays the caller's. 0, -ENFILE, -errno */
int lower_enter_nameless(int fd, node_id *id, struct stat *st);
/* "/proc/self/fd/N", for calls that take no O_PATH descriptor */
#define FD_PATH_SIZE 32
const char *fd_path(int fd, char text[static FD_PATH_SIZE]);
