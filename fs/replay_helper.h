/*
 * The helper process: one thread that does through the mount what it is told, so that the kernel tells
 * inotify users of it. It holds nothing of the mount while it has nothing to do, or nobody could unmount.
 */
#pragma once
#include "fs/replay_shared.h"

/* One packet each way on a SOCK_SEQPACKET socket. */
struct replay_task {
	uint64_t sequence;
	uint32_t act, change; /* enum replay_act */
	mode_t type;
	uint32_t device_minor;	       /* of the mount: another one at its place is left alone */
	char token[REPLAY_TOKEN_SIZE]; /* see struct replay_helper */
	bool from_nowhere, to_nowhere;
	char dir[PATH_MAX], name[NAME_MAX + 1]; /* "." in "": the root itself */
	char new_dir[PATH_MAX], new_name[NAME_MAX + 1];
};

struct replay_result {
	uint64_t sequence;
	int32_t error;	 /* 0 or -errno */
	uint32_t lesser; /* there was no right to write: it was done without opening the file */
};

/* hrfs-fs --replay SOCKET MOUNTPOINT: until the other end is closed. The process's exit status */
int replay_helper_main(int socket, const char *mountpoint);
