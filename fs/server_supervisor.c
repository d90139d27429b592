/* Commands that another process answers: the supervisor registers them on its own connection. */
#include "fs/server_parts.h"
#include "fs/writer.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>

#define CLAIMS_MAX 64
#define EXPECTED_MS 30000
#define NAME_SIZE_MAX 64

/* What a supervisor would answer: asked for without one, that is what is said. */
static const char *const known[] = {
	"hrfs-deps", "hrfs-output", "hrfs-reload", "hrfs-services", "hrfs-stop", "hrfs-wait", "hrfs-why",
};

struct forward {
	TAILQ_ENTRY(forward) link;
	uint64_t id;
	struct request *request;
};

static struct connection *registered;
static struct strv claims;
static uint64_t next_id;
static TAILQ_HEAD(, forward) forwards = TAILQ_HEAD_INITIALIZER(forwards);
/* after a worker's death, until its supervisor has connected again: that one's pidfd, and who has asked for it */
static int expected = -1;
static TAILQ_HEAD(, request) early = TAILQ_HEAD_INITIALIZER(early);

static void fail(struct request *r, const char *text)
{
	answer_error(r->answer, "%s: %s", r->name, text);
	request_free(r);
}

bool supervisor_is_there(void)
{
	return registered != NULL;
}

bool supervisor_claims(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i], name) == 0)
			return true;
	}
	return registered && strv_has(&claims, name);
}

/* ---- forwarding ---- */

static void forget(struct forward *f)
{
	TAILQ_REMOVE(&forwards, f, link);
	request_free(f->request);
	free(f);
}

/* the asking client has left */
static void asker_gone(struct answer *a)
{
	struct forward *f = a->maker;

	if (registered)
		connection_push_object(registered, json_pack("{s:s,s:b,s:I}", "version", WATCHMAN_VERSION, "unilateral",
							     1, "hrfs-cancelled", (json_int_t)f->id));
	forget(f);
}

static void forward(struct request *r)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (!f) {
		fail(r, "out of memory");
		return;
	}
	f->id = ++next_id;
	f->request = r;
	TAILQ_INSERT_TAIL(&forwards, f, link);
	r->answer->maker = f;
	r->answer->abandon = asker_gone;
	connection_push_object(registered, json_pack("{s:s,s:b,s:I,s:O,s:I,s:I}", "version", WATCHMAN_VERSION,
						     "unilateral", 1, "hrfs-request", (json_int_t)f->id, "command",
						     r->args, "uid", (json_int_t)r->connection->peer.uid, "pid",
						     (json_int_t)r->connection->peer.pid));
}

/* ---- one that is expected ---- */

void supervisor_expect(void)
{
	if (*server.o.supervisor_pid)
		expected = pidfd_open(*server.o.supervisor_pid, 0);
}

static bool is_expected(void)
{
	struct pollfd p = { expected, POLLIN, 0 };

	return expected >= 0 && !server.stopping && server_now_ms() - server.started_ms < EXPECTED_MS &&
	       poll(&p, 1, 0) == 0;
}

/* The client has left. */
static void early_gone(struct answer *a)
{
	struct request *r = a->maker;

	TAILQ_REMOVE(&early, r, link);
	r->answer = NULL;
	request_free(r);
}

static void wait_for_it(struct request *r)
{
	r->answer->maker = r;
	r->answer->abandon = early_gone;
	TAILQ_INSERT_TAIL(&early, r, link);
	server_look_again();
}

/* It is here, or will not come. */
static void expect_no_more(void)
{
	struct request *r;

	if (expected >= 0)
		close(take_fd(&expected));
	while ((r = TAILQ_FIRST(&early))) {
		TAILQ_REMOVE(&early, r, link);
		r->answer->abandon = NULL;
		request_go_on(r);
	}
}

bool supervisor_check_expected(void)
{
	if (expected >= 0 && !is_expected()) {
		*server.o.supervisor_pid = 0;
		expect_no_more();
	}
	return !TAILQ_EMPTY(&early);
}

bool supervisor_takes(struct request *r)
{
	if (registered && strv_has(&claims, r->name)) {
		forward(r);
		return true;
	}
	if (is_expected()) {
		wait_for_it(r);
		return true;
	}
	if (strcmp(r->name, "hrfs-wait") != 0)
		return false;
	settle_for_wait(r);
	return true;
}

static struct forward *find(json_int_t id)
{
	struct forward *f;

	TAILQ_FOREACH(f, &forwards, link)
	{
		if ((json_int_t)f->id == id)
			return f;
	}
	return NULL;
}

/* The client may have gone: then nobody is told. */
static void reply(json_int_t id, json_t *object)
{
	struct forward *f = find(id);
	struct answer *a = f ? f->request->answer : NULL;

	if (!f)
		return;
	if (json_is_true(json_object_get(object, "hrfs-more"))) {
		answer_object_more(a, json_deep_copy(object));
		if (connection_unsent(f->request->connection) > UNSENT_MAX)
			connection_close(f->request->connection, "it does not read what it has asked for");
		return;
	}
	a->abandon = NULL;
	forget(f);
	answer_object(a, json_deep_copy(object));
}

void cmd_reply(struct request *r)
{
	const json_t *id = json_array_get(r->args, 1);
	json_t *object = json_array_get(r->args, 2);

	if (r->connection != registered) {
		fail(r, "only the registered supervisor may reply");
		return;
	}
	answer_drop(r->answer);
	if (json_is_integer(id) && json_is_object(object))
		reply(json_integer_value(id), object);
	else
		log_warn("event=bad_reply pid=%d", r->connection->peer.pid);
	request_free(r);
}

void supervisor_gone(struct connection *c)
{
	struct forward *f;

	if (registered != c)
		return;
	registered = NULL;
	*server.o.supervisor_pid = 0;
	strv_done(&claims);
	log_info("event=supervisor_gone pid=%d", c->peer.pid);
	while ((f = TAILQ_FIRST(&forwards))) {
		struct answer *a = f->request->answer;

		a->abandon = NULL;
		forget(f);
		answer_error(a, "the supervisor ended before it had answered");
	}
}

/* ---- registering ---- */

static bool is_builtin(const char *name)
{
	const char *s;

	for (size_t n = 0; (s = command_name(n)); n++) {
		if (strcmp(s, name) == 0)
			return true;
	}
	return false;
}

static int read_claims(const json_t *list, struct strv *out)
{
	if (!json_is_array(list) || json_array_size(list) > CLAIMS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		int r;

		if (!name || strncmp(name, "hrfs-", 5) != 0 || strlen(name) >= NAME_SIZE_MAX || is_builtin(name))
			return -EINVAL;
		r = strv_add(out, name);
		if (r < 0)
			return r;
	}
	return 0;
}

void cmd_register(struct request *r)
{
	json_t *list = json_object_get(request_option(r, 0), "commands");
	AUTO_STRV names = { 0 };
	struct strv before;

	if (registered && registered != r->connection) {
		answer_error(r->answer, "hrfs-register: a supervisor is running for this mount already (pid %d)",
			     registered->peer.pid);
		request_free(r);
		return;
	}
	if (read_claims(list, &names) < 0) {
		fail(r, "\"commands\" must be an array of at most 64 names that begin with hrfs- and are not taken");
		return;
	}
	before = claims;
	claims = names;
	names = before;
	registered = r->connection;
	*server.o.supervisor_pid = registered->peer.pid;
	log_info("event=supervisor_registered pid=%d", registered->peer.pid);
	answer_object(r->answer, json_pack("{s:O}", "registered", list));
	request_free(r);
	expect_no_more();
}

/* ---- whose writes are a job's ---- */

/* of every connection that has named one; they end with it */
struct owned_job {
	TAILQ_ENTRY(owned_job) link;
	struct connection *connection;
	char name[WRITER_JOB_SIZE];
	pid_t pid;
};

static TAILQ_HEAD(, owned_job) jobs = TAILQ_HEAD_INITIALIZER(jobs);

static struct owned_job *find_job(const struct connection *c, const char *name, pid_t pid)
{
	struct owned_job *j;

	TAILQ_FOREACH(j, &jobs, link)
	{
		if (j->connection == c && j->pid == pid && (!name || strcmp(j->name, name) == 0))
			return j;
	}
	return NULL;
}

static void end_job(struct owned_job *j)
{
	job_window_close(j->pid);
	writer_job_remove(j->name, j->pid);
	TAILQ_REMOVE(&jobs, j, link);
	free(j);
}

void jobs_of_connection_end(const struct connection *c)
{
	struct owned_job *j, *next;

	for (j = TAILQ_FIRST(&jobs); j; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->connection == c)
			end_job(j);
	}
}

void jobs_tell_opened(void)
{
	struct owned_job *j;

	TAILQ_FOREACH(j, &jobs, link)
	job_tell_opened(j->connection, j->pid);
}

static bool read_job(struct request *r, const char **name)
{
	*name = json_string_value(json_object_get(request_option(r, 0), "job"));
	if (*name && **name && strlen(*name) < WRITER_JOB_SIZE)
		return true;
	fail(r, "\"job\" must be a name of at most 47 bytes");
	return false;
}

bool request_pid(struct request *r, pid_t *pid)
{
	const json_t *value = json_object_get(request_option(r, 0), "pid");

	*pid = 0;
	if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > INT32_MAX) {
		fail(r, "\"pid\" must be a process id");
		return false;
	}
	*pid = (pid_t)json_integer_value(value);
	return true;
}

/* 0 or -errno */
static int add_job(struct connection *c, const char *name, pid_t pid)
{
	struct owned_job *j = find_job(c, name, pid);
	int r;

	if (j)
		return 0;
	j = calloc(1, sizeof(*j));
	r = j ? writer_job_add(name, pid) : -ENOMEM;
	if (r < 0) {
		free(j);
		return r;
	}
	j->connection = c;
	j->pid = pid;
	strncpy(j->name, name, sizeof(j->name) - 1);
	TAILQ_INSERT_TAIL(&jobs, j, link);
	return 0;
}

void cmd_job_add(struct request *r)
{
	char clock[CLOCK_TEXT_SIZE];
	const char *name;
	int result;
	pid_t pid;

	if (!read_job(r, &name) || !request_pid(r, &pid))
		return;
	result = add_job(r->connection, name, pid);
	if (result < 0) {
		fail(r, strerror(-result));
		return;
	}
	if (json_is_true(json_object_get(request_option(r, 0), "window"))) {
		job_window_open(r, name, pid);
		return;
	}
	answer_object(r->answer, json_pack("{s:s,s:s}", "job", name, "clock",
					   server_clock(journal_tick(server.o.journal), clock)));
	request_free(r);
}

void cmd_job_remove(struct request *r)
{
	struct owned_job *j;
	const char *name;
	pid_t pid;

	if (!read_job(r, &name) || !request_pid(r, &pid))
		return;
	j = find_job(r->connection, name, pid);
	if (j)
		end_job(j);
	answer_object(r->answer, json_pack("{s:s}", "job", name));
	request_free(r);
}
