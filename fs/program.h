/*
 * The programs that the keeper runs: a worker's, and hrfs-git. Held by descriptor, so that they stay what
 * they are when their files are replaced, and can be started while nobody answers below the mount.
 */
#pragma once
#include <sys/types.h>

struct program {
	int worker, git; /* for execveat(); git -1: there is none */
};

#define NO_PROGRAM { -1, -1 }

/* This very program, and the hrfs-git that belongs to it. Before the mount is made */
void program_own(struct program *p);
void program_done(struct program *p); /* p is NO_PROGRAM then */
/*
 * A program's file. One that lies in the mount itself (`mount`, over `lower`) is copied into memory: nobody could read
 * it while there is no worker. May wait for the mount, so never in keeper or worker themselves. A descriptor;
 * -EPERM: root is not to execute what somebody else may have written; or -errno
 */
int program_open(const char *path, dev_t mount, int lower);
