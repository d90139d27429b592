/* Asking a file system that may hang. One thread. */
#pragma once

/*
 * What statfs(path) answers, which no cache ever does: 0, -ENOTCONN (the mount there is dead), -errno; -ETIMEDOUT when nobody answers
 * in two seconds. A child process asks, so that this one never waits inside the kernel.
 */
int probe(const char *path);
