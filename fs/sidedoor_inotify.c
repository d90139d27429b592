#include "fs/sidedoor_inotify.h"
#include "fs/lower.h"
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define OF_FILE (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE)
#define OF_DIR (OF_FILE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_MOVED_FROM | IN_MOVED_TO)

_Static_assert(sizeof(struct inotify_event) == 16, "struct head is its begin");
_Static_assert(IN_MODIFY == FAN_MODIFY && IN_ATTRIB == FAN_ATTRIB && IN_CLOSE_WRITE == FAN_CLOSE_WRITE &&
		       IN_CREATE == FAN_CREATE && IN_DELETE == FAN_DELETE && IN_DELETE_SELF == FAN_DELETE_SELF &&
		       IN_MOVE_SELF == FAN_MOVE_SELF && IN_MOVED_FROM == FAN_MOVED_FROM &&
		       IN_MOVED_TO == FAN_MOVED_TO && IN_ISDIR == FAN_ONDIR,
	       "inotify and fanotify number what they tell alike");

/* In the place of a file system's id and a file handle. */
struct watch_place {
	char fsid[8];
	uint32_t handle_bytes;
	int32_t handle_type;
	int32_t wd;
};

static struct watch_place place_of(int wd)
{
	return (struct watch_place){ .handle_bytes = sizeof(wd), .wd = wd };
}

int inotify_group(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* Watched already, it keeps its number. */
static int watch(int group, int fd)
{
	char path[FD_PATH_SIZE];
	struct stat st;
	int wd;

	if (fstat(fd, &st))
		return -errno;
	wd = inotify_add_watch(group, fd_path(fd, path), S_ISDIR(st.st_mode) ? OF_DIR : OF_FILE);
	return wd < 0 ? -errno : wd;
}

int inotify_mark(int group, int fd, struct hash *key)
{
	int wd = watch(group, fd);
	struct watch_place p = place_of(wd);

	if (wd < 0)
		return wd;
	*key = event_key(&p, sizeof(p));
	return 0;
}

void inotify_unmark(int group, int fd)
{
	int wd = watch(group, fd);

	if (wd >= 0)
		inotify_rm_watch(group, wd);
}

/* ---- what it tells ---- */

struct head { /* as struct inotify_event, without the name behind it */
	int32_t wd;
	uint32_t mask, cookie, len;
};

static struct head head_of(const char *p)
{
	struct head h;

	memcpy(&h, p, sizeof(h));
	return h;
}

/* A watch has a number, and an overflow has -1: zeros are none. */
size_t inotify_length(const char *p, size_t left)
{
	struct head e;

	if (left < sizeof(e))
		return 0;
	e = head_of(p);
	return e.wd && e.len <= left - sizeof(e) && e.len <= NAME_MAX + 1 ? sizeof(e) + e.len : 0;
}

bool inotify_is_overflow(const char *p)
{
	return head_of(p).mask & IN_Q_OVERFLOW;
}

size_t inotify_translate(const char *p, char out[static EVENT_MOST])
{
	struct head e = head_of(p);
	const char *name = p + sizeof(e);
	size_t name_size = e.len ? strnlen(name, e.len - 1) + 1 : 0;
	struct fanotify_event_info_header info = { 0 };
	struct fanotify_event_metadata m = { 0 };
	struct watch_place at = place_of(e.wd);

	if (!(e.mask & OF_DIR))
		return 0;
	info.info_type = name_size ? FAN_EVENT_INFO_TYPE_DFID_NAME : FAN_EVENT_INFO_TYPE_DFID;
	info.len = (uint16_t)(sizeof(info) + sizeof(at) + name_size);
	m.event_len = (uint32_t)(sizeof(m) + info.len);
	m.vers = FANOTIFY_METADATA_VERSION;
	m.metadata_len = sizeof(m);
	m.mask = e.mask & (OF_DIR | IN_ISDIR);
	m.fd = FAN_NOFD;
	memcpy(out, &m, sizeof(m));
	memcpy(out + sizeof(m), &info, sizeof(info));
	memcpy(out + sizeof(m) + sizeof(info), &at, sizeof(at));
	if (name_size) {
		memcpy(out + sizeof(m) + sizeof(info) + sizeof(at), name, name_size - 1);
		out[m.event_len - 1] = '\0';
	}
	return m.event_len;
}
