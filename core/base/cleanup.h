/* Scope ownership: AUTO_FREE and AUTO_FD release at the end of the scope unless taken. Any thread. */
#pragma once
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_FREE __attribute__((cleanup(cleanup_free)))
#define AUTO_FD __attribute__((cleanup(cleanup_fd))) int
/* for a type with x_done(struct x *): AUTO_DONE(buf) struct buf b = {0}; */
#define AUTO_DONE(type) __attribute__((cleanup(type##_done)))

/* take_ptr(p): p's value; p itself is NULL afterwards. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(p) *taken_from = &(p);                                                  \
		__typeof__(p) taken = *taken_from;                                                 \
		*taken_from = NULL;                                                                \
		taken;                                                                             \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
