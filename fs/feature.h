/*
 * What a kernel may have and an older one lacks. Each can be switched off (-o without=A:B), which is
 * how older kernels are tested. Set once by the keeper, read by any thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum feature {
	FEATURE_READDIRPLUS,
	FEATURE_PARALLEL_DIROPS,
	FEATURE_SYMLINK_CACHE,
	FEATURE_POSIX_ACL,
	FEATURE_KILLPRIV,    /* HANDLE_KILLPRIV_V2 */
	FEATURE_EXPLICIT_INVAL,
	FEATURE_CLONE,	     /* a device descriptor for each thread */
	FEATURE_STATX,
	FEATURE_TMPFILE,
	FEATURE_FANOTIFY,
	FEATURE_FANOTIFY_TARGET, /* events name the object too, and both names of a rename: since 5.17 */
	FEATURE_LONG_CACHE,	 /* what is watched is believed for a day; not of the kernel, but what older ones are like */
	FEATURE_COUNT
};

#define FEATURES_ALL ((1U << FEATURE_COUNT) - 1)

/* is it not switched off? */
bool feature_wanted(enum feature f);
/* "readdirplus:acl" or "all" as bits. 0 or -EINVAL (an unknown name) */
int features_parse(const char *list, uint32_t *bits);
/* all names, joined by ':' */
const char *features_names(void);
