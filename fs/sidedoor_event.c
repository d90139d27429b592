#include "fs/sidedoor_event.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct record { /* as struct fanotify_event_info_fid, whose header may be older than the kernel */
	struct fanotify_event_info_header head;
	char fsid[8];
	uint32_t handle_bytes;
	int32_t handle_type;
	char rest[]; /* the handle, then where there is one the name */
};

struct hash event_key(const void *fsid_and_handle, size_t len)
{
	return hash_bytes(fsid_and_handle, len);
}

size_t event_length(const char *p, size_t left)
{
	uint32_t len;

	if (left < sizeof(struct fanotify_event_metadata))
		return 0;
	memcpy(&len, p, sizeof(len)); /* event_len comes first; events are aligned to 4 bytes only */
	return len >= sizeof(struct fanotify_event_metadata) && len <= left && len <= EVENT_MOST ? len : 0;
}

static int parse_place(const struct record *r, bool named, struct event_place *out)
{
	const char *end = (const char *)r + r->head.len;

	if (r->head.len < sizeof(*r) || r->handle_bytes > (size_t)(end - r->rest))
		return -EINVAL;
	*out = (struct event_place){ .there = true };
	out->key = event_key(r->fsid, sizeof(*r) - offsetof(struct record, fsid) + r->handle_bytes);
	if (!named)
		return 0;
	out->name = r->rest + r->handle_bytes;
	return memchr(out->name, '\0', (size_t)(end - out->name)) ? 0 : -EINVAL;
}

static int parse_record(const struct record *r, struct event *out)
{
	switch (r->head.info_type) {
	case FAN_EVENT_INFO_TYPE_FID:
		return parse_place(r, false, &out->object);
	case FAN_EVENT_INFO_TYPE_DFID:
		return parse_place(r, false, &out->at);
	case FAN_EVENT_INFO_TYPE_DFID_NAME:
	case FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
		return parse_place(r, true, &out->at);
	case FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
		return parse_place(r, true, &out->to);
	default:
		return 0;
	}
}

int event_parse(const void *bytes, size_t len, struct event *out)
{
	const struct fanotify_event_metadata *e = bytes;
	const char *p = bytes;
	size_t at;

	if (event_length(bytes, len) != len || e->vers != FANOTIFY_METADATA_VERSION || e->metadata_len > len)
		return -EINVAL;
	*out = (struct event){ .mask = e->mask, .pid = e->pid };
	for (at = e->metadata_len; at + sizeof(struct fanotify_event_info_header) <= len;) {
		const struct record *r = (const void *)(p + at);
		int error;

		if (r->head.len < sizeof(r->head) || r->head.len > len - at)
			return -EINVAL;
		error = parse_record(r, out);
		if (error < 0)
			return error;
		at += r->head.len;
	}
	return 0;
}
