/*
 * What a service does next: a pure table of states and events, no process in it. The actions are
 * carried out elsewhere (engine.c), which turns what happens to processes into events.
 *
 * "Current" is the generation that serves, or is about to; "newcomer" the one that starts beside it
 * on the same sockets and takes its place when it is ready.
 */
#pragma once
#include <stdbool.h>

enum service_state {
	SERVICE_STOPPED,
	SERVICE_WAITING,       /* nothing runs; until the services in `after` are ready */
	SERVICE_BUILDING,      /* nothing runs but the build */
	SERVICE_STARTING,      /* current started, not ready yet */
	SERVICE_UNREADY,       /* current runs, but was not ready in time; it still may be */
	SERVICE_READY,
	SERVICE_REWAITING,     /* current serves; its inputs changed; until `after` is ready */
	SERVICE_REBUILDING,    /* current serves, the build runs */
	SERVICE_OVERLAPPING,   /* current serves, the newcomer starts */
	SERVICE_REPLACING,     /* current was asked to end; what was built starts after it */
	SERVICE_REPLACING_STALE, /* the same, but what was built is out of date already */
	SERVICE_RELOADING,     /* current was asked to take in new code itself (signal, exec) */
	SERVICE_OLD,	       /* current serves older code: the last build or start failed */
	SERVICE_FINISHED,      /* current ended before it was ready, or well: until the next change */
	SERVICE_FAILED,	       /* nothing runs, the build failed: until the next change */
	SERVICE_BACKOFF,       /* current crashed after it was ready; started again after a while */
	SERVICE_STOPPING,
	SERVICE_STATES
};

enum service_event {
	EVENT_START,	     /* somebody wants it to run */
	EVENT_CHANGE,	     /* what it depends on is in another state than it was built from */
	EVENT_REVERTED,	     /* … and is back in the state that current was built from */
	EVENT_DEPS,	     /* all of `after` are ready */
	EVENT_BUILT_OVERLAP, /* the build is good (or there is none), and the newcomer may start beside current */
	EVENT_BUILT_REPLACE, /* … current must end first */
	EVENT_BUILT_RELOAD,  /* … current takes the new code in itself */
	EVENT_BUILT_KEEP,    /* … and nothing is to be started: it reloads itself, or has no run command */
	EVENT_BUILD_AGAIN,   /* the build ended or was cancelled, its inputs have changed meanwhile */
	EVENT_BUILD_FAILED,
	EVENT_UP,	     /* what started last (newcomer, else current) is ready */
	EVENT_TIMEOUT,	     /* … is not ready in time */
	EVENT_ENDED,	     /* current and all its processes ended: before it was ready, or well */
	EVENT_CRASHED,	     /* current ended badly after it was ready, or could not be started by hrfs */
	EVENT_NEW_ENDED,     /* the newcomer ended before it was ready */
	EVENT_RELOADED,
	EVENT_RELOAD_FAILED,
	EVENT_TIMER,	     /* the back-off is over */
	EVENT_STOP,	     /* somebody wants it to end */
	EVENT_GONE,	     /* while stopping: no process is left */
	SERVICE_EVENTS
};

enum service_action {
	DO_NOTHING,
	DO_WAIT,	/* answer EVENT_DEPS as soon as `after` is ready; at once when it is */
	DO_BUILD,	/* answer an EVENT_BUILD…; at once when there is no build command */
	DO_BUILD_LATER, /* a build runs: cancel it or let it finish, then EVENT_BUILD_AGAIN */
	DO_SPAWN,	/* start current */
	DO_SPAWN_NEW,	/* start the newcomer */
	DO_PROMOTE,	/* newcomer becomes current, current drains */
	DO_INHERIT,	/* current is gone: newcomer becomes current, still starting */
	DO_DROP_NEW,	/* end the newcomer */
	DO_DROP_NEW_AND_WAIT,
	DO_TERM,	/* ask current to end */
	DO_RELOAD,	/* signal or command; EVENT_RELOADED */
	DO_NOTE_UP,	/* current became ready */
	DO_NOTE_KEPT,	/* the new code is in force without a new generation */
	DO_BACKOFF,	/* answer EVENT_TIMER after a while */
	DO_STOP,	/* end everything; EVENT_GONE */
	SERVICE_ACTIONS
};

struct service_step {
	enum service_state state;
	enum service_action action;
};

struct service_step service_step(enum service_state state, enum service_event event);

const char *service_state_name(enum service_state state); /* as the enum, in lower case */
const char *service_event_name(enum service_event event);
/* the word of the protocol: stopped, waiting, building, starting, ready, stopping, finished, failed, backoff */
const char *service_state_word(enum service_state state);
/* nothing is under way: hrfs wait need not wait for it (nor for WAITING on one that is settled itself) */
bool service_state_is_settled(enum service_state state);
/* a generation runs that may serve */
bool service_state_has_current(enum service_state state);
