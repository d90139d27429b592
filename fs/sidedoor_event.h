/* What the kernel says of one change of the lower, taken apart. Pure. */
#pragma once
#include "core/hash.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/fanotify.h>
#include <sys/types.h>

/* <sys/fanotify.h> of glibc 2.35 and before lacks what kernel 5.17 has brought. */
#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x00001000
#endif
#ifndef FAN_EVENT_INFO_TYPE_OLD_DFID_NAME
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

#define EVENT_MOST 4096 /* bytes of one event: two names and three handles fit */

struct event_place {
	bool there;
	struct hash key;  /* of the object, or of the directory that has the name */
	const char *name; /* NULL, or into the bytes that were parsed; "." is the directory itself */
};

struct event {
	uint64_t mask;
	pid_t pid;		   /* 0: of another user's process, and we are an ordinary one */
	struct event_place at, to; /* to: only of a rename: where it is now. One of both may be unknown */
	struct event_place object; /* itself, where it is told */
};

/* Of one event, aligned to 8 bytes. 0 or -EINVAL */
int event_parse(const void *bytes, size_t len, struct event *out);
/* The bytes at p are the begin of an event: its length; 0: there is none */
size_t event_length(const char *p, size_t left);
/* The key of an object: its file system's id and file handle, as they lie in an event. */
struct hash event_key(const void *fsid_and_handle, size_t len);
