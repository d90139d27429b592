/*
 * What outlives a worker: a memfd, mapped by the keeper's workers one after the other. First what keeper
 * and workers share, which stays what it is as long as the keeper lives; then areas, each with a layout
 * of its own, which a worker of another version may have converted (fs/layout.h).
 *
 * A worker may be killed between any two instructions. So there are no pointers in here (each worker
 * maps it elsewhere) and no locks (the dead release nothing), and every structure is valid at each
 * instruction: it is filled in aside and published by one store. What can be rebuilt (hash chains,
 * free lists) is private to a worker or marked as derived.
 *
 * The memfd is sparse: only what is touched takes memory.
 */
#pragma once
#include "core/base/layout.h"
#include "fs/fuse.h"
#include "fs/replay_shared.h"
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Of struct shared, of the messages in fs/control.h, and of how a worker is started (fs/spawn.h). A keeper
 * lives as long as its mount and stays what it is, so a worker that speaks another one is of no use to it.
 * What is added at the end of a struct, or as a message that may be ignored, and means nothing when it is 0,
 * needs no new number.
 */
#define KEEPER_PROTOCOL 2

/* What lies in AREA_LANES: struct lanes and what it holds. Another number for each change (fs/layout.h). */
#define LANES_LAYOUT LAYOUT(1)

#define LANES_MAX 16
#define LANES_DEFAULT 4
#define TAKEN_MAX 4096
#define MAX_WRITE (1024 * 1024)
#define REQUEST_SIZE (MAX_WRITE + 8192)
#define REPLY_SIZE 512 /* larger answers (READ, READDIR, xattrs) can be made again, and are not stored */

#define LOG_MAX_BYTES (1024 * 1024) /* of the mount's log, which keeper and worker share; then it is rotated */

#define SHARED_SIZE 65536 /* room for struct shared */
#define LANES_SIZE ((sizeof(struct lanes) + 4095) & ~4095UL)
#define NODES_SIZE (1UL << 30)
#define NAME_CLASSES 3
#define NAMES_SIZE (1UL << 29) /* for each of the three sizes of names */
#define JOURNAL_SIZE (1UL << 30)
#define REPLAY_SIZE ((sizeof(struct replay_memory) + 4095) & ~4095UL)

/* How changes behind the mount are seen. */
enum sidedoor_how { SIDEDOOR_NONE, SIDEDOOR_FANOTIFY, SIDEDOOR_INOTIFY };

enum intent_state { INTENT_NONE, INTENT_BEGUN, INTENT_DONE };

/*
 * What a request is about to do to names, stored before its system call, so that whoever finds it
 * can tell whether it took place.
 */
struct intent {
	LAYOUT_OTHER_SPACE
	uint32_t state; /* enum intent_state; stored last */
	uint32_t opcode;
	int32_t error;	/* when DONE */
	uint32_t had;	/* the attribute was there before */
	uint64_t dir;
	uint64_t node, other; /* ids: moved, removed or linked; replaced. 0: not known by this name */
	uint64_t offset;      /* + 1: where an append goes */
	int64_t begun_ns;     /* CLOCK_REALTIME_COARSE, as the lower's own times are taken */
};

/* The changes of lookup counts that one request makes, one after the other (fs/counts.c). */
struct count_changes {
	uint32_t progress; /* how many are finished, times 4, plus the phase of the one under way: one store moves both */
	uint32_t zero;
	uint64_t node, before; /* of the one under way */
	uint64_t taken[TAKEN_MAX]; /* nodes of which this request has taken a reference for the kernel */
};

/* One request thread. */
struct lane {
	LAYOUT_OTHER_SPACE
	struct intent intent;
	uint32_t crashes;    /* of its workers at this request; kills from outside do not count */
	uint32_t sending;    /* the answer may have been received, though it is still owed */
	uint32_t reply_size; /* not 0: answered, perhaps not yet sent */
	char reply[REPLY_SIZE];
	int64_t since_ns; /* CLOCK_MONOTONIC of the request being served, 0 when idle */
	uint64_t requests, replies; /* read and answered; those that the kernel wants no answer to count as answered */
	struct count_changes counts;
	_Alignas(4096) char request[REQUEST_SIZE]; /* fuse_in_header.len is 0 when nothing is owed */
};

struct lanes {
	uint32_t init_size;
	char init[256]; /* the kernel's first request, for a successor's libfuse */
	uint32_t next_sequence; /* of nodes */
	struct lane lane[LANES_MAX];
};

/* What a worker is told by the keeper. Descriptors have the same number in both. */
struct worker_config {
	int root_fd; /* O_PATH of the lower's root */
	int listener; /* of the mount's socket */
	int device_fds[LANES_MAX]; /* also of lanes that do not serve yet */
	uint32_t device_minor; /* of the mount: names its FUSE connection */
	uint32_t without; /* bits of enum feature */
	uint32_t settle_quiet_ms, settle_cap_ms;
	uint8_t allow_other, sole_writer, read_only, foreground;
	uint8_t replay;	  /* enum replay_mode */
	uint8_t takeover; /* a successor goes on when a worker dies; else the mount ends */
	int32_t keeper_pid;
	char source[PATH_MAX], mountpoint[PATH_MAX], socket_path[PATH_MAX], log_path[PATH_MAX];
	int32_t sidedoor; /* enum sidedoor_how; 0: names and attributes are believed for a second */
	int32_t sidedoor_group;	  /* a descriptor */
	uint8_t sidedoor_off;	  /* by an option */
	uint8_t sidedoor_renames; /* the kernel tells both names of a rename in one event, and the object of each */
	char sidedoor_why[64];	  /* NONE: for people */
	int32_t supervisor_pid;	  /* registered with the worker that serves, or served last; 0: none is */
	/* names and attributes are believed for a day where we hear of every change, and the kernel drops pages only when we say so */
	uint8_t long_cache;
	char short_why[64]; /* not so: for people */
	/* fs/sidedoor_heard.c; what its workers know, not what the keeper tells */
	_Atomic uint64_t lost_count, lost_at_whole, whole;
	char source_path[PATH_MAX]; /* as it was given, absolute: with its links (fs/follow.h) */
	uint8_t answer_opens;	    /* fs/opens.h; the kernel asks as long as it has always been answered */
};

enum area_kind {
	AREA_LANES,
	AREA_NODES,
	AREA_NAMES,
	AREA_JOURNAL,
	AREA_REPLAY,
	AREA_SIDEDOOR,
	AREA_ECHOES,
	AREA_ABSENT,
	AREAS,
	AREAS_MAX = 16,
};

/* Where one is in the memfd. */
struct area {
	uint64_t offset, size_bytes;
	uint32_t layout; /* 0: there is none */
	uint32_t zero;
};

enum upgrade_state { UPGRADE_NONE, UPGRADE_ASKED, UPGRADE_UNDER_WAY, UPGRADE_DONE, UPGRADE_REFUSED, UPGRADE_FAILED };

/* The last upgrade that was asked for. The worker says ASKED, everything else is the keeper's. */
struct upgrade {
	uint64_t id;
	uint32_t state; /* enum upgrade_state; stored last */
	char why[508];	/* REFUSED: nothing has changed; FAILED: the program before goes on. A line for people */
};

struct shared {
	uint32_t protocol; /* KEEPER_PROTOCOL of the keeper */
	_Atomic uint32_t lane_count; /* that serve; it grows (fs/relief.h) */
	uint32_t generation; /* of workers */
	uint32_t crashes;    /* of all of them; kills from outside do not count */
	uint32_t die_point, die_opcode; /* fs/die.h */
	int64_t start_time; /* Unix seconds */
	char keeper_version[32];
	struct area areas[2][AREAS_MAX];
	uint32_t current; /* counts upgrades: areas[current % 2] are in force, the others are made for the next one */
	uint32_t wanted[AREAS_MAX]; /* layouts of the worker that is to be the next one */
	struct upgrade upgrade;
	struct replay_helper replay;
	struct worker_config config; /* the last: it may grow */
};

/* Made with this program's layouts; 0 or -errno. */
int shared_create(int *memfd);
/* What keeper and workers share; never undone. 0 or -errno */
int shared_map(int memfd);
/* The areas themselves, of one of the two tables, instead of those that were mapped before. Workers only; 0 or -errno */
int shared_use_areas(int memfd, const struct area areas[static AREAS_MAX]);

extern struct shared *shared;
extern struct lanes *shared_lanes;
extern struct replay_memory *shared_replay;
extern struct echoes *shared_echoes; /* fs/replay_queue.h */
extern struct absent_names *shared_absent; /* fs/window_negative.h */
const struct area *shared_areas(void); /* those in force */
void *shared_nodes(size_t *size_bytes);
void *shared_names(unsigned size_class, size_t *size_bytes);
void *shared_journal(size_t *size_bytes);
void *shared_sidedoor(void);
