#include "fs/keep.h"
#include "core/base/log.h"
#include "fs/control.h"
#include "fs/shared.h"
#include <string.h>

static int socket_to_keeper = -1;

void keep_start(int control)
{
	socket_to_keeper = control;
}

void keep_send(enum keep kind, node_id id, int fd)
{
	int r;

	if (!shared->config.takeover)
		return;
	r = control_send(socket_to_keeper, kind == KEEP_VICTIM ? CONTROL_KEEP_VICTIM : CONTROL_KEEP_FILE, id, fd);
	if (r < 0)
		log_error("event=keep_failed node=%#lx error=\"%s\"", id, strerror(-r));
}

void keep_drop(enum keep kind, node_id id)
{
	if (shared->config.takeover)
		control_send(socket_to_keeper, kind == KEEP_VICTIM ? CONTROL_DROP_VICTIM : CONTROL_DROP_FILE, id, -1);
}
