/*
 * The files and directories that the kernel knows, by ids of index + sequence (never pointers; an
 * index is used again, an id never). A node is what it is by (device, inode, birth time); it is
 * reached by parent + name over a cache of directory descriptors and compared each time. One id,
 * with every name it is known by.
 *
 * Any thread; these calls take the table's lock themselves and never hold it during a system call.
 */
#pragma once
#include "core/base/buf.h"
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define NODE_ROOT 1

typedef uint64_t node_id;

/* The node known by this name in this directory, or 0. */
node_id node_child(node_id dir, const char *name);
/*
 * The path of the node by one of its names, relative to the root of the tree ("" for the root);
 * replaces what *out held. 0, -ENOENT when it has no name any more, -ESTALE, -ENOMEM.
 */
int node_path(node_id id, struct buf *out);
/*
 * The same, and the ids of what lies on the way from below the root to the node itself: how many (at most max), or
 * -ENAMETOOLONG (more than that), or as above.
 */
int node_way(node_id id, struct buf *path, node_id *way, int max);
/* The n-th of its names (from 0), and the directory that has it. 0 or -ENOENT */
int node_place(node_id id, unsigned n, node_id *dir, char name[static NAME_MAX + 1]);
/* dir's path + name. */
int node_child_path(node_id dir, const char *name, struct buf *out);
/* Calls fn once for each name of the node with its path; fn's non-zero answer ends it and is returned. */
int node_each_path(node_id id, int (*fn)(const char *path, void *arg), void *arg);
/* The same object opened anew with these flags (O_RDONLY, O_PATH, …); the caller closes. Or -errno. */
int node_open(node_id id, int flags);
/* lstat of the object itself, also when it has no name left. 0 or -errno */
int node_stat(node_id id, struct stat *st);
