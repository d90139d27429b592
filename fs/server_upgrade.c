/* hrfs-upgrade: another hrfs-fs, which the client names, is to take over. */
#include "fs/server_parts.h"
#include <errno.h>
#include <string.h>

/* An absolute path of the request's object; malloc'ed. NULL: it has been answered what is wrong */
static char *path_option(struct request *r, const char *key)
{
	char *path = json_get_bytes(request_option(r, 0), key);

	if (path && *path == '/')
		return path;
	answer_error(r->answer, "hrfs-upgrade: \"%s\" must be the absolute path of a program", key);
	free(path);
	return NULL;
}

void cmd_upgrade(struct request *r)
{
	AUTO_FREE char *worker = path_option(r, "program");
	AUTO_FREE char *git = worker ? path_option(r, "git") : NULL;
	uint64_t id = 0;
	const char *why;

	if (git) {
		server_say(LOG_INFO, "event=upgrade_asked pid=%d uid=%u program=\"%s\"", r->connection->peer.pid,
			   r->connection->peer.uid, worker);
		why = server.o.plan_upgrade(worker, git, &id);
		if (why) {
			answer_error(r->answer, "%s", why);
		} else {
			answer_object(r->answer, json_pack("{s:I}", "id", (json_int_t)id));
			server.o.begin_upgrade(worker, git);
		}
	}
	request_free(r);
}
