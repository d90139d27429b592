/*
 * One look at all marks: which are over, and what is told of them. The settling thread's; of
 * `settling` others read and write what is atomic.
 */
#pragma once
#include "fs/settle.h"
#include "fs/settle_look.h"
#include <stdatomic.h>

struct settling {
	struct journal *journal;
	int root_fd;
	dev_t dev; /* of the mount */
	int64_t quiet_ns, cap_ns;
	settle_listener *listener;
	void *arg;
	int64_t back_off_ns;
	_Atomic tick_t hurry;	   /* who waits wants everything up to here */
	_Atomic tick_t hurry_told; /* who hurried up to here has been answered */
	_Atomic tick_t done;	   /* everything up to here has settled and been told */
	atomic_bool telling;	   /* marks are going, the listener has not been told yet */
};

extern struct settling settling;

struct round {
	struct mark *marks;
	struct rule_batch b;
	struct look look;
	tick_t upto;
	bool in_flight; /* some request is */
	bool left_over; /* some mark is */
};

/* Looks, and publishes what is over. When to look again; INT64_MAX: when something happens */
int64_t round_look(struct round *r);
void round_done(struct round *r);
int64_t round_now_ns(void);
