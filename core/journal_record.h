/*
 * How the journal comes to know: marks and states. For the observer and the settler only; everyone
 * else reads (core/journal.h). Any thread; the journal's own lock, never held during a system call.
 *
 * A mark stands on a path from the first request that touches it until it has settled. A request
 * takes one tick before its system call (journal_begin) and another one after it, before its reply
 * (journal_end). So for a mark touched by requests with the ticks (b1,e1), (b2,e2), …:
 *
 *   a clock C < b1      the state at C is the one before the mark
 *   b1 <= C < last e    in doubt: at C the tree may have been in any state in between. Answered "changed"
 *   C >= last e         the state compared after the last request had ended
 *
 * A clock that is handed out while a system call is under way lies in the doubt, so that a client that has read
 * the old bytes after taking its clock is told. All paths of one request get its ticks in one step.
 */
#pragma once
#include "core/base/buf.h"
#include "core/journal.h"

enum touch { /* what a mark's requests may have changed */
	TOUCH_CONTENT = 1,
	TOUCH_MODE = 2,	 /* executable bits */
	TOUCH_NAME = 4,	 /* made, removed, moved: what is at this path may be another object */
	TOUCH_TREE = 8,	 /* a directory moved: everything below too; the settler walks it */
	TOUCH_ATTR = 16, /* owner, times, xattrs: never a change of state by itself */
};

enum before { /* how the state before the mark is known */
	BEFORE_PENDING, /* the request that made the mark is finding out (its journal_end has not been) */
	BEFORE_KNOWN,	/* it is `state` (perhaps STATE_UNKNOWN) */
	BEFORE_PREFIX,	/* kind and exec in `state`; content: the first `size` bytes of what is there now */
	BEFORE_CONTENT, /* kind and exec in `state`; content: what is there now, nothing has touched it */
	BEFORE_HELD,	/* kind and exec in `state`; content: of a descriptor that the worker holds */
};

/* With which a file that has not been touched since is recognised without reading it. */
struct stamp {
	uint64_t ino, size;
	int64_t mtime_ns, ctime_ns;
};

struct mark { /* a copy, valid for ever; the journal's own is in shared memory */
	uint32_t index;
	tick_t first, last; /* b1, and the last end; last is 0 while none has ended */
	uint32_t in_flight; /* requests begun and not ended */
	uint32_t touched;   /* enum touch, of all */
	enum before before;
	struct state state;
	uint64_t size;
	struct writer writer;	   /* of the last request whose caller is known */
	int64_t first_ns, last_ns; /* CLOCK_MONOTONIC of its first begin and its last begin or end */
	bool published;		   /* a compare on demand has published an intermediate state */
	bool failed;		   /* every request so far has failed: nothing happened */
};

#define JOURNAL_PATHS_AT_ONCE 8

struct touching { /* one path of a request */
	const char *path;
	unsigned touch;
	uint32_t mark; /* out */
	bool made;     /* out: the mark is new, journal_set_before() is owed before the system call */
};

/*
 * Notes one request on its paths, with one tick. count may be any number (a file with many names). 0;
 * -ENOSPC: the region is full (nothing noted), -ENAMETOOLONG: a path beyond 64 KiB.
 */
int journal_begin(struct journal *j, struct touching *paths, size_t count, const struct writer *w, tick_t *tick);
/* its system call is over (result < 0: without effect), with one tick. Writer may be NULL (unchanged) */
void journal_end(struct journal *j, const uint32_t *marks, size_t count, bool failed);

/*
 * The state before. May be set again while requests are in flight (a prefix about to be overwritten becomes
 * known). Without effect on a mark that journal_mark_like() has made or widened: what was there before the
 * move is not the request's to say.
 */
void journal_set_before(struct journal *j, uint32_t mark, enum before how, const struct state *state, uint64_t size);
/* false: there is no such mark (any more) */
bool journal_mark(struct journal *j, uint32_t mark, struct mark *out);
/* the mark's path, replacing what out held. 0, -ENOENT, -ENOMEM */
int journal_mark_path(struct journal *j, uint32_t mark, struct buf *out);
/* the mark on this path, or 0 */
uint32_t journal_mark_of(struct journal *j, const char *path);
/*
 * The marks whose first tick is <= upto, in order of their first tick: copies, malloc'ed, the caller frees.
 * 0 or -ENOMEM. *in_flight: how many requests have begun and not ended, of all marks.
 */
int journal_marks(struct journal *j, tick_t upto, struct mark **out, size_t *count, size_t *in_flight);

/*
 * A path below a directory that was moved, found by the settler: a mark that has the ticks, writer and
 * times of `like` and BEFORE_KNOWN. When the path has a mark already its doubt is widened, and when the
 * move was earlier than that mark, `before` is its own from now on (its `first` stays). (When a
 * journal_since() has been answered between the move and this call, the last tick is a newer one than that
 * of `like`, so that the next answer tells the path.) 0, -ENOSPC, -ENOENT (no such mark as like),
 * -ENAMETOOLONG
 */
int journal_mark_like(struct journal *j, uint32_t like, const char *path, const struct state *before, uint32_t *mark);

/*
 * The mark's path has changed with that move too, which `like` is a mark of: its doubt begins no later. What was there
 * before stays as it is. Without effect when one of them is gone.
 */
void journal_mark_moved(struct journal *j, uint32_t mark, uint32_t like);

/*
 * Publishes what the mark's path is now: `before` is the resolved state before the mark (used when the
 * journal knew nothing of the path; where it contradicts the last published state, the time between is in
 * doubt), stamp may be NULL. A mark none of whose requests can have changed the state publishes nothing.
 * Where a directory above has moved since the mark's last request, and is not published yet, the state is
 * certain from now on only. seen: mark.last of the copy that the comparison was made for. settled: the mark
 * goes. Else it stays, with `after` published as an intermediate state. 0; -EAGAIN: touched again
 * meanwhile, or (settled) a request is in flight, or none has ended: compare again later; -ENOENT: no such
 * mark.
 */
int journal_publish(struct journal *j, uint32_t mark, tick_t seen, const struct state *before,
		    const struct state *after, const struct stamp *stamp, bool settled);

/*
 * A batch is told without this mark, though it began before others that are in it: whoever takes that batch's clock
 * is still to be told of it, so it ends with a tick of its own now.
 */
void journal_mark_stays(struct journal *j, uint32_t mark);

/* Something has changed that cannot be named: clocks before now are answered "fresh instance". */
void journal_lose_track(struct journal *j);

/* The last published state of a path, marked or not, with its stamp; false: nothing is stored with a known content. */
bool journal_stored(struct journal *j, const char *path, struct state *state, struct stamp *stamp);

/*
 * The last published state of a path has been compared, perhaps, after the change that is being told now, of which
 * nobody had said that it begins. Clocks from before that comparison are told of it: the state is certain from now on only.
 */
void journal_doubt(struct journal *j, const char *path);
/* The last published state of a path, whatever it is. false: there is none */
bool journal_newest(struct journal *j, const char *path, struct state *state);

/* A checker over all structures of the region, for tests. 0, or -EUCLEAN with a text. */
int journal_check(struct journal *j, struct buf *error);
