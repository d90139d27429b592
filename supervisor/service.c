#include "supervisor/service.h"
#include "core/base/cleanup.h"

/* A cell that is not written out stays where it is and does nothing; the unit test lists all of them. */
#define TO(name, what) { SERVICE_##name + 1, DO_##what }

/* state + 1, so that an empty cell differs from SERVICE_STOPPED */
struct cell {
	unsigned char next, action;
};

#define STOPS [EVENT_STOP] = TO(STOPPING, STOP)

static const struct cell table[SERVICE_STATES][SERVICE_EVENTS] = {
	[SERVICE_STOPPED] = { [EVENT_START] = TO(WAITING, WAIT) },
	[SERVICE_WAITING] = { [EVENT_DEPS] = TO(BUILDING, BUILD), STOPS },
	[SERVICE_BUILDING] = {
		[EVENT_CHANGE] = TO(BUILDING, BUILD_LATER),
		[EVENT_BUILT_OVERLAP] = TO(STARTING, SPAWN),
		[EVENT_BUILT_REPLACE] = TO(STARTING, SPAWN),
		[EVENT_BUILT_RELOAD] = TO(STARTING, SPAWN),
		[EVENT_BUILT_KEEP] = TO(FINISHED, NOTE_KEPT),
		[EVENT_BUILD_AGAIN] = TO(WAITING, WAIT),
		[EVENT_BUILD_FAILED] = TO(FAILED, NOTHING),
		STOPS,
	},
	/* a newer state of the tree supersedes a start: it goes on only until the next build is good */
	[SERVICE_STARTING] = {
		[EVENT_CHANGE] = TO(REWAITING, WAIT),
		[EVENT_UP] = TO(READY, NOTE_UP),
		[EVENT_TIMEOUT] = TO(UNREADY, NOTHING),
		[EVENT_ENDED] = TO(FINISHED, NOTHING),
		[EVENT_CRASHED] = TO(FINISHED, NOTHING),
		STOPS,
	},
	[SERVICE_UNREADY] = {
		[EVENT_CHANGE] = TO(REWAITING, WAIT),
		[EVENT_UP] = TO(READY, NOTE_UP),
		[EVENT_ENDED] = TO(FINISHED, NOTHING),
		[EVENT_CRASHED] = TO(FINISHED, NOTHING),
		STOPS,
	},
	[SERVICE_READY] = {
		[EVENT_CHANGE] = TO(REWAITING, WAIT),
		[EVENT_ENDED] = TO(FINISHED, NOTHING),
		[EVENT_CRASHED] = TO(BACKOFF, BACKOFF),
		STOPS,
	},
	[SERVICE_REWAITING] = {
		[EVENT_DEPS] = TO(REBUILDING, BUILD),
		[EVENT_UP] = TO(REWAITING, NOTE_UP),
		[EVENT_ENDED] = TO(WAITING, NOTHING),
		[EVENT_CRASHED] = TO(WAITING, NOTHING),
		STOPS,
	},
	[SERVICE_REBUILDING] = {
		[EVENT_CHANGE] = TO(REBUILDING, BUILD_LATER),
		[EVENT_BUILT_OVERLAP] = TO(OVERLAPPING, SPAWN_NEW),
		[EVENT_BUILT_REPLACE] = TO(REPLACING, TERM),
		[EVENT_BUILT_RELOAD] = TO(RELOADING, RELOAD),
		[EVENT_BUILT_KEEP] = TO(READY, NOTE_KEPT),
		[EVENT_BUILD_AGAIN] = TO(REWAITING, WAIT),
		[EVENT_BUILD_FAILED] = TO(OLD, NOTHING),
		[EVENT_UP] = TO(REBUILDING, NOTE_UP),
		[EVENT_ENDED] = TO(BUILDING, NOTHING),
		[EVENT_CRASHED] = TO(BUILDING, NOTHING),
		STOPS,
	},
	[SERVICE_OVERLAPPING] = {
		[EVENT_CHANGE] = TO(REWAITING, DROP_NEW_AND_WAIT),
		[EVENT_UP] = TO(READY, PROMOTE),
		[EVENT_TIMEOUT] = TO(OLD, DROP_NEW),
		[EVENT_ENDED] = TO(STARTING, INHERIT),
		[EVENT_CRASHED] = TO(STARTING, INHERIT),
		[EVENT_NEW_ENDED] = TO(OLD, NOTHING),
		STOPS,
	},
	[SERVICE_REPLACING] = {
		[EVENT_CHANGE] = TO(REPLACING_STALE, NOTHING),
		[EVENT_ENDED] = TO(STARTING, SPAWN),
		[EVENT_CRASHED] = TO(STARTING, SPAWN),
		STOPS,
	},
	[SERVICE_REPLACING_STALE] = {
		[EVENT_ENDED] = TO(WAITING, WAIT),
		[EVENT_CRASHED] = TO(WAITING, WAIT),
		STOPS,
	},
	/* one that took the signal for an end is started as any other */
	[SERVICE_RELOADING] = {
		[EVENT_CHANGE] = TO(REWAITING, WAIT),
		[EVENT_UP] = TO(RELOADING, NOTE_UP),
		[EVENT_ENDED] = TO(STARTING, SPAWN),
		[EVENT_CRASHED] = TO(STARTING, SPAWN),
		[EVENT_RELOADED] = TO(READY, NOTE_KEPT),
		[EVENT_RELOAD_FAILED] = TO(OLD, NOTHING),
		STOPS,
	},
	/* when it ends nothing serves any more: to start what failed to build would only fail again */
	[SERVICE_OLD] = {
		[EVENT_CHANGE] = TO(REWAITING, WAIT),
		[EVENT_REVERTED] = TO(READY, NOTHING),
		[EVENT_UP] = TO(OLD, NOTE_UP),
		[EVENT_ENDED] = TO(FAILED, NOTHING),
		[EVENT_CRASHED] = TO(FAILED, NOTHING),
		STOPS,
	},
	[SERVICE_FINISHED] = {
		[EVENT_START] = TO(WAITING, WAIT),
		[EVENT_CHANGE] = TO(WAITING, WAIT),
		STOPS,
	},
	[SERVICE_FAILED] = {
		[EVENT_START] = TO(WAITING, WAIT),
		[EVENT_CHANGE] = TO(WAITING, WAIT),
		STOPS,
	},
	[SERVICE_BACKOFF] = {
		[EVENT_START] = TO(STARTING, SPAWN),
		[EVENT_CHANGE] = TO(WAITING, WAIT),
		[EVENT_TIMER] = TO(STARTING, SPAWN),
		STOPS,
	},
	[SERVICE_STOPPING] = { [EVENT_GONE] = TO(STOPPED, NOTHING) },
};

struct service_step service_step(enum service_state state, enum service_event event)
{
	struct cell cell = table[state][event];

	if (!cell.next)
		return (struct service_step){ state, DO_NOTHING };
	return (struct service_step){ (enum service_state)(cell.next - 1),
				      (enum service_action)cell.action };
}

static const struct {
	const char *name, *word;
	bool settled, current;
} states[SERVICE_STATES] = {
	[SERVICE_STOPPED] = { "stopped", "stopped", true, false },
	[SERVICE_WAITING] = { "waiting", "waiting", false, false },
	[SERVICE_BUILDING] = { "building", "building", false, false },
	[SERVICE_STARTING] = { "starting", "starting", false, true },
	[SERVICE_UNREADY] = { "unready", "failed", true, true },
	[SERVICE_READY] = { "ready", "ready", true, true },
	[SERVICE_REWAITING] = { "rewaiting", "waiting", false, true },
	[SERVICE_REBUILDING] = { "rebuilding", "building", false, true },
	[SERVICE_OVERLAPPING] = { "overlapping", "starting", false, true },
	[SERVICE_REPLACING] = { "replacing", "stopping", false, true },
	[SERVICE_REPLACING_STALE] = { "replacing-stale", "stopping", false, true },
	[SERVICE_RELOADING] = { "reloading", "starting", false, true },
	[SERVICE_OLD] = { "old", "failed", true, true },
	[SERVICE_FINISHED] = { "finished", "finished", true, false },
	[SERVICE_FAILED] = { "failed", "failed", true, false },
	[SERVICE_BACKOFF] = { "backoff", "backoff", true, false },
	[SERVICE_STOPPING] = { "stopping", "stopping", false, false },
};

const char *service_state_name(enum service_state state)
{
	return states[state].name;
}

const char *service_state_word(enum service_state state)
{
	return states[state].word;
}

bool service_state_is_settled(enum service_state state)
{
	return states[state].settled;
}

bool service_state_has_current(enum service_state state)
{
	return states[state].current;
}

const char *service_event_name(enum service_event event)
{
	static const char *const names[SERVICE_EVENTS] = {
		[EVENT_START] = "start",	       [EVENT_CHANGE] = "change",
		[EVENT_REVERTED] = "reverted",	       [EVENT_DEPS] = "deps",
		[EVENT_BUILT_OVERLAP] = "built-overlap", [EVENT_BUILT_REPLACE] = "built-replace",
		[EVENT_BUILT_RELOAD] = "built-reload", [EVENT_BUILT_KEEP] = "built-keep",
		[EVENT_BUILD_AGAIN] = "build-again",   [EVENT_BUILD_FAILED] = "build-failed",
		[EVENT_UP] = "up",		       [EVENT_TIMEOUT] = "timeout",
		[EVENT_ENDED] = "ended",	       [EVENT_CRASHED] = "crashed",
		[EVENT_NEW_ENDED] = "new-ended",       [EVENT_RELOADED] = "reloaded",
		[EVENT_RELOAD_FAILED] = "reload-failed", [EVENT_TIMER] = "timer",
		[EVENT_STOP] = "stop",		       [EVENT_GONE] = "gone",
	};

	return names[event];
}
