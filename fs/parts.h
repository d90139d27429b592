/* The worker's parts, put together: what is started before the first request, and what is beside it. */
#pragma once

/* nodes, journal, observer; before INIT. 0 or -errno */
int parts_start_state(void);
/* settling, ignore rules, the socket. 0 or -errno */
int parts_start_serving(int control);
/* a descriptor connected to a new hrfs-git, taken over; also before serving. The main thread */
void parts_use_git(int fd);
/* publishes what has not settled, tells whoever listens, ends the threads */
void parts_stop(void);
/* the keeper is dead */
void parts_abort_mount(void);
