/*
 * The request threads: each reads into its lane, lets libfuse and the operations carry the request
 * out, and answers on the descriptor that it came from. What a thread works on is in fs/ops.h.
 */
#pragma once
#include "fs/shared.h"
#include "fs/fuse.h"
#include <sys/types.h>
#include <stdbool.h>
#include <sys/uio.h>

/* Before anything is known of the mount: libfuse, and the lanes' memory. 0 or -errno. The main thread, as the next three */
int lanes_prepare(void);
/* Their memory is another one now. */
void lanes_lock(void);
/* The kernel's INIT, or for a successor its repetition. 0 or -errno */
int lanes_initialise(void);
/* From here on requests are served, first those that a dead worker has left. 0 or -errno */
int lanes_start(void);
/* One more of them. 0, -ENFILE: there are LANES_MAX, -errno. One thread only */
int lane_add(void);
/* Can be read once the kernel has ended the connection. */
int lanes_event(void);
/* The connection has ended because somebody aborted it: the mount is still there. */
bool lanes_aborted(void);
struct fuse_session *lanes_fuse(void);

/* An answer, or in a thread without a lane a notice, to the kernel; as writev */
ssize_t lane_send(struct iovec *iov, int count);
/* this thread works on that lane from now on, without reading requests: tests */
void lane_use(struct lane *l);
/* in a thread that serves no lane: notices go out on this descriptor */
void lane_use_device(int fd);
/* This thread is crashing: counts it against its request. Async-signal-safe */
void lane_crashed(void);
