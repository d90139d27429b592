/* hrfs-git's answers to the workers of one mount, one after the other. One thread. */
#pragma once

/*
 * door: a SOCK_SEQPACKET socket over which the keeper sends, as CONTROL_GIT, a stream socket to each worker; the last
 * one counts. root: absolute. Until the door's other end is closed; the exit status
 */
int serve(int door, const char *root);
