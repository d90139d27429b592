/*
 * The node table itself, for the files of the mount that fill it: fs/node.h is what others see.
 *
 * Slots lie in shared memory; the fields marked derived, and `locals`, are a worker's own and rebuilt
 * when one takes over. Everything here wants table_lock, which is never held during a system call.
 */
#pragma once
#include "fs/node.h"
#include "fs/shared.h"
#include <pthread.h>
#include <stdatomic.h>

/* Of what lies in AREA_NODES and AREA_NAMES. Another number for each change (fs/layout.h). */
#define NODES_LAYOUT LAYOUT(1)
#define NAMES_LAYOUT 1

/* What a file is, however it is called. */
struct identity {
	uint64_t dev, ino;
	int64_t birth_ns; /* 0 where the lower does not tell */
	mode_t type;	  /* S_IFMT bits */
};

struct node {
	LAYOUT_OTHER_SPACE
	_Atomic uint32_t used; /* stored last */
	uint32_t sequence;     /* id = sequence << 32 | index; the root's is 0 */
	struct identity is;
	_Atomic uint64_t lookups; /* that the kernel holds */
	/* derived: */
	uint32_t hash_next;
	uint32_t names;	   /* first of its names, a reference as table_name() takes it; 0: none */
	uint32_t children; /* names in this directory; they keep it */
	uint32_t version;  /* of a directory: counts changes of its names */
};

/* One name of a node. A reference is size class << 30 | index. */
struct name {
	_Atomic uint32_t used; /* stored last */
	uint32_t node, dir;    /* indexes */
	uint16_t len;
	uint16_t zero;
	/* derived: */
	uint32_t next_of_node, hash_next;
	char text[]; /* NUL-terminated */
};

/* A worker's own knowledge of a node, by index. */
struct local {
	int victim_fd;		 /* O_PATH, of a node without a name, until FORGET; else -1 */
	uint32_t pins;		 /* of our own threads: not to be freed */
	struct dirfd *dirfd;	 /* fs/dirs.c */
	struct listing *listing; /* fs/listing.c */
	int64_t answered_ms;	 /* CLOCK_MONOTONIC: when the kernel was told a name of it last */
	bool listed;		 /* the kernel may keep a listing of it */
	bool untold, has_pages;	 /* fs/untold.c */
	uint64_t stamp;
};

extern pthread_mutex_t table_lock;

/* root: what it is now; a worker that died may have been about to replace it */
int table_open(const struct identity *root);
struct node *table_node(node_id id); /* NULL: gone */
struct node *table_at(uint32_t index);
node_id table_id(const struct node *n);
uint32_t table_index(const struct node *n);
struct local *table_local(uint32_t index);
struct name *table_name(uint32_t reference);
size_t table_count(void);
/* the index of the next node after this one (0: the first), 0 when there is none */
uint32_t table_next(uint32_t after);
/* its path, as node_path() */
int table_path(const struct node *n, struct buf *out);

/* The root is not found so: no name leads to it */
struct node *table_by_identity(const struct identity *is);
/* NULL: no room. Without a name and without lookups. */
struct node *table_new(const struct identity *is);
struct node *table_child(uint32_t dir, const char *name);
/* n is what this name leads to; whoever had it loses it. -ENOMEM: no room. */
int table_add_name(struct node *n, uint32_t dir, const char *name);
void table_drop_name(uint32_t dir, const char *name);
/* fn for each name in this directory; it must not change the table. Its non-zero answer ends it and is returned */
int table_each_child(uint32_t dir, int (*fn)(const char *name, void *arg), void *arg);
/*
 * The root is another directory. Its names are those of the node that has its identity until now, if there is one, and it gets the
 * names of the node that has been this one.
 */
void table_replace_root(const struct identity *now);
/* what a LOOKUP has seen in this directory before now may be old */
void table_names_changed(uint32_t dir);
/* frees it, and what only it kept, when nobody needs it any more */
void table_collect(struct node *n);
/* after a takeover, when counts are right: frees what a dead worker had entered and not yet counted */
void table_sweep(void);
bool identity_equal(const struct identity *a, const struct identity *b);
