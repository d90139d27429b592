/* Asking the daemon of a mount: the same errors and exit codes for every command. One thread. */
#pragma once
#include "cli/cli.h"
#include "core/client.h"

#define ASK_TIMEOUT_MS 10000 /* for what the daemon answers at once: longer, and it hangs */

struct ask {
	struct client_mount mount;
	struct client *client;
};

#define AUTO_ASK AUTO_DONE(ask) struct ask

void ask_done(struct ask *a);
/* The mount of a path (NULL: of the working directory). CLI_OK, else the exit code: the error has been said. */
int ask_open(struct ask *a, const char *path);
/* The worker that was asked is gone, and another one goes on with the mount: asks that from now on. 0, or -EPIPE: none does */
int ask_again(struct ask *a);
/* ["NAME", ROOT, options?]; options (may be NULL) is taken over */
json_t *ask_request(const struct ask *a, const char *name, json_t *options);
/*
 * Request is taken over; when the mount's worker dies before it has answered, the next one is asked the same. CLI_OK with the answer (the caller's), else the exit code: the error has been
 * said.
 */
int ask_call(struct ask *a, json_t *request, int64_t timeout_ms, json_t **answer);
/* the same, without a word when no supervisor is there: CLI_NO_MOUNT */
int ask_call_supervisor(struct ask *a, json_t *request, int64_t timeout_ms, json_t **answer);
/* the same as ask_call(), for what may take long: slow(a) is called once, when the answer has not come in patience_ms */
int ask_call_slow(struct ask *a, json_t *request, int64_t timeout_ms, int64_t patience_ms, void (*slow)(struct ask *a),
		  json_t **answer);
/* until what was written before has settled, or the time is over. CLI_OK, else the exit code: the error has been said */
int ask_settle(struct ask *a, int64_t timeout_ms);
/* what went wrong in between, said; answers the exit code */
int ask_failed(const struct ask *a, int r);

/*
 * A path as a user names it, relative to the tree's root: from the working directory, also through the source's path.
 * 0, -EXDEV: it's in neither; -errno
 */
int ask_path(const struct ask *a, const char *path, struct buf *out);
