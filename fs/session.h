/*
 * The worker: reads requests into its lanes, lets libfuse and the operations carry them out, and
 * answers on the descriptor that the request came from.
 */
#pragma once
#include <sys/types.h>
#include <sys/uio.h>

/* memfd and the control socket to the keeper; the process's exit status */
int session_main(int memfd, int control);
/* in a thread that serves no lane: notices go out on this descriptor */
void session_use_device(int fd);
/* an answer, or in the notifier's thread a notice, to the kernel; as writev */
ssize_t session_send(struct iovec *iov, int count);
