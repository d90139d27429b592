/* What hrfs-fs is told on its command line. Pure, no thread. */
#pragma once
#include "fs/feature.h"
#include "fs/mount.h"
#include "fs/replay.h"

struct options {
	struct mount_options mount; /* strings point into argv or are static */
	const char *source;	    /* as given; the keeper makes it absolute */
	bool sole_writer, foreground, no_takeover, no_sidedoor, answer_opens;
	uint32_t without; /* bits of enum feature */
	int threads, settle_quiet_ms, settle_cap_ms;
	enum replay_mode replay;
	int ready_fd, lifeline_fd; /* -1: none */
};

/* hrfs-fs [-o LIST]... [--ready FD] [--lifeline FD] [--foreground] SRC MNT. 0, or -EINVAL with a text in *error. */
int options_parse(struct options *o, int argc, char **argv, struct buf *error);
