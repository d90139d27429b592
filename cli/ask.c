#include "cli/ask.h"
#include "cli/say.h"
#include "core/base/path.h"
#include "core/resolve.h"
#include <errno.h>
#include <string.h>

#define TIMES_MOST 20 /* is one thing asked */

void ask_done(struct ask *a)
{
	client_free(a->client);
	client_mount_done(&a->mount);
}

int ask_open(struct ask *a, const char *path)
{
	AUTO_BUF error = { 0 };
	int r = client_find(path, &a->mount, &error);

	if (r == 0)
		r = client_connect(a->mount.socket, &a->client, &error);
	if (r == 0)
		return CLI_OK;
	say_error("%s", error.len ? error.data : strerror(-r));
	return r == -ENOENT || r == -ENOTCONN ? CLI_NO_MOUNT : CLI_FAILED;
}

int ask_again(struct ask *a)
{
	AUTO_BUF error = { 0 };
	struct client *client;

	if (client_connect(a->mount.socket, &client, &error) < 0)
		return -EPIPE;
	client_free(a->client);
	a->client = client;
	return 0;
}

json_t *ask_request(const struct ask *a, const char *name, json_t *options)
{
	json_t *request = json_array();

	json_array_append_new(request, json_string(name));
	json_array_append_new(request, json_bytes(a->mount.mountpoint));
	if (options)
		json_array_append_new(request, options);
	return request;
}

int ask_failed(const struct ask *a, int r)
{
	switch (r) {
	case -ETIMEDOUT:
		say_error("%s: the mount's daemon (pid %d) gives no answer; 'hrfs log --daemon' may say why",
			  a->mount.mountpoint, a->mount.keeper_pid);
		return CLI_TIMEOUT;
	case -EPIPE:
		say_error("%s: the mount has ended", a->mount.mountpoint);
		return CLI_NO_MOUNT;
	default:
		say_error("%s: %s", a->mount.mountpoint, r == -EPROTO ? "the answer is no JSON" : strerror(-r));
		return CLI_FAILED;
	}
}

static bool lacks_supervisor(const char *error)
{
	return strncmp(error, "no supervisor", strlen("no supervisor")) == 0;
}

/* what an answer says; o is taken over */
static int judge(json_t *o, json_t **answer, bool say_no_supervisor)
{
	const char *error;
	bool lacks;

	error = json_string_value(json_object_get(o, "error"));
	if (!error) {
		*answer = o;
		return CLI_OK;
	}
	lacks = lacks_supervisor(error);
	if (!lacks || say_no_supervisor)
		say_error("%s", error);
	json_decref(o);
	return lacks ? CLI_NO_MOUNT : CLI_FAILED;
}

/* Has this ended the conversation, and begins another one? */
static bool is_to_be_asked_again(struct ask *a, int r, int times)
{
	return (r == -EPIPE || r == -ECONNRESET) && times < TIMES_MOST && ask_again(a) == 0;
}

static int call(struct ask *a, json_t *request, int64_t timeout_ms, json_t **answer, bool say_no_supervisor)
{
	json_t *o;
	int r, times = 0;

	do
		r = client_call(a->client, json_incref(request), timeout_ms, &o);
	while (is_to_be_asked_again(a, r, ++times));
	json_decref(request);
	return r < 0 ? ask_failed(a, r) : judge(o, answer, say_no_supervisor);
}

int ask_call_slow(struct ask *a, json_t *request, int64_t timeout_ms, int64_t patience_ms, void (*slow)(struct ask *a),
		  json_t **answer)
{
	int64_t first = patience_ms < timeout_ms ? patience_ms : timeout_ms;
	bool patient = false;
	json_t *o;
	int r, times = 0;

	do {
		r = client_call(a->client, json_incref(request), first, &o);
		if (r != -ETIMEDOUT || first == timeout_ms)
			continue;
		if (!patient)
			slow(a);
		patient = true;
		r = client_receive(a->client, timeout_ms - first, &o);
		if (r == -EAGAIN)
			r = -ETIMEDOUT;
	} while (is_to_be_asked_again(a, r, ++times));
	json_decref(request);
	return r < 0 ? ask_failed(a, r) : judge(o, answer, true);
}

int ask_call(struct ask *a, json_t *request, int64_t timeout_ms, json_t **answer)
{
	return call(a, request, timeout_ms, answer, true);
}

int ask_call_supervisor(struct ask *a, json_t *request, int64_t timeout_ms, json_t **answer)
{
	return call(a, request, timeout_ms, answer, false);
}

int ask_settle(struct ask *a, int64_t timeout_ms)
{
	json_t *answer;
	int r = ask_call(a, ask_request(a, "hrfs-settle", json_pack("{s:I}", "timeout_ms", (json_int_t)timeout_ms)),
			 timeout_ms + ASK_TIMEOUT_MS, &answer);

	if (r == CLI_OK)
		json_decref(answer);
	return r;
}

/* the part of path below dir, into out; false when it's not below */
static bool take_relative(const char *path, const char *dir, struct buf *out)
{
	if (strcmp(path, dir) == 0)
		return true;
	return path_is_below(path, dir) && buf_puts(out, path + strlen(dir) + (dir[1] ? 1 : 0)) == 0;
}

int ask_path(const struct ask *a, const char *path, struct buf *out)
{
	AUTO_BUF cwd = { 0 };
	AUTO_BUF absolute = { 0 };
	int r = resolve_cwd(&cwd);

	if (r == 0)
		r = path_absolute(&absolute, buf_str(&cwd), path);
	if (r < 0)
		return r;
	if (take_relative(buf_str(&absolute), a->mount.mountpoint, out) ||
	    take_relative(buf_str(&absolute), a->mount.source, out))
		return buf_puts(out, ""); /* the root itself is "" */
	/* not from inside: then it is meant as the tree names it */
	if (*path != '/' && !path_is_below(buf_str(&cwd), a->mount.mountpoint))
		return buf_puts(out, path);
	return -EXDEV;
}
