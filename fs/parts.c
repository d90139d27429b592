#include "fs/parts.h"
#include "core/base/log.h"
#include "core/journal.h"
#include "core/json.h"
#include "fs/control.h"
#include "fs/files.h"
#include "fs/follow.h"
#include "fs/ignore.h"
#include "fs/lower.h"
#include "fs/mount.h"
#include "fs/observe.h"
#include "fs/ops.h"
#include "fs/replay.h"
#include "fs/server.h"
#include "fs/settle.h"
#include "fs/sidedoor.h"
#include "fs/slow.h"
#include "fs/untold.h"
#include "fs/upgrade_ask.h"
#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static struct journal *journal;
static int control_socket;
static int git_socket = -1; /* of hrfs-git, until ignore rules are started with it */
static bool serving;

/* A third for directories, a third for files, the rest for victims and everything else. */
static void share_descriptors(int root_fd)
{
	struct rlimit files;
	unsigned third = 300;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		getrlimit(RLIMIT_NOFILE, &files);
		third = files.rlim_cur > 60000 ? 20000 : (unsigned)files.rlim_cur / 3;
	}
	dirs_init(root_fd, third > 4096 ? 4096 : third);
	files_init(third > 2048 ? 2048 : third / 2, third);
}

int parts_start_state(void)
{
	const struct worker_config *c = &shared->config;
	struct identity root;
	struct stat st;
	void *region;
	size_t size;
	int r = lower_identify(c->root_fd, "", &root, &st);

	if (r < 0)
		return r;
	share_descriptors(c->root_fd);
	ops_options.read_only = c->read_only;
	ops_options.sole_writer = c->sole_writer;
	follow_lower();
	r = table_open(&root);
	region = shared_journal(&size);
	if (r == 0)
		r = journal_open(&journal, region, size);
	if (r == 0)
		r = observe_start(journal, c->root_fd);
	if (r == 0)
		r = sidedoor_start();
	if (r == 0)
		r = untold_start();
	return r;
}

static void on_batch(const struct batch *batch, void *arg)
{
	files_settled();
	server_batch(batch);
}

static void on_detach(void)
{
	control_send(control_socket, CONTROL_DETACH, 0, -1);
}

static void on_upgrade(const char *worker, const char *git)
{
	upgrade_begin(control_socket, worker, git);
}

/* Read a moment apart: equal only while nothing goes on. */
static void count_requests(json_t *o)
{
	uint64_t requests = 0, replies = 0;

	for (uint32_t i = 0; i < shared->lane_count; i++) {
		replies += __atomic_load_n(&shared_lanes->lane[i].replies, __ATOMIC_RELAXED);
		requests += __atomic_load_n(&shared_lanes->lane[i].requests, __ATOMIC_RELAXED);
	}
	json_object_set_new(o, "requests", json_integer((json_int_t)requests));
	json_object_set_new(o, "replies", json_integer((json_int_t)replies));
}

static void add_status(void *object)
{
	json_t *o = object;
	size_t nodes;

	pthread_mutex_lock(&table_lock);
	nodes = table_count();
	pthread_mutex_unlock(&table_lock);
	json_object_set_new(o, "nodes", json_integer((json_int_t)nodes));
	json_object_set_new(o, "threads", json_integer(shared->lane_count));
	json_object_set_new(o, "sole_writer", json_boolean(shared->config.sole_writer));
	json_object_set_new(o, "answers_opens", json_boolean(shared->config.answer_opens));
	/* not "log": an object with that key is a push to every client of Watchman */
	json_object_set_new(o, "daemon_log", json_string(shared->config.log_path));
	count_requests(o);
	json_object_set_new(o, "git", json_pack("{s:s}", "helper", ignore_helper()));
	json_object_set_new(o, "replay", replay_status());
	json_object_set_new(o, "sidedoor", sidedoor_status());
	json_object_set_new(o, "oldest_request_ns", json_integer(slow_oldest_ns()));
	json_object_set_new(o, "slow", slow_requests());
	upgrade_add_status(o);
}

int parts_start_serving(int control)
{
	const struct worker_config *c = &shared->config;
	struct settle_options settle = { .quiet_ms = (int)c->settle_quiet_ms, .cap_ms = (int)c->settle_cap_ms };
	struct server_options server = {
		.listener = c->listener,
		.socket_path = c->socket_path,
		.mountpoint = c->mountpoint,
		.source = c->source,
		.root_fd = c->root_fd,
		.owner = geteuid(),
		.allow_other = c->allow_other,
		.start_time = shared->start_time,
		.keeper_pid = c->keeper_pid,
		.supervisor_pid = &shared->config.supervisor_pid,
		.journal = journal,
		.status = add_status,
		.detach = on_detach,
		.plan_upgrade = upgrade_plan,
		.begin_upgrade = on_upgrade,
	};
	int r = ignore_start(git_socket);

	git_socket = -1;
	serving = true;
	control_socket = control;
	if (r == 0)
		r = replay_start((enum replay_mode)c->replay, control);
	if (r == 0)
		r = server_start(&server);
	if (r == 0)
		r = settle_start(&settle, on_batch, NULL);
	if (r == 0)
		r = sidedoor_serve();
	return r;
}

void parts_use_git(int fd)
{
	if (serving) {
		ignore_stop();
		ignore_start(fd);
		return;
	}
	if (git_socket >= 0)
		close(git_socket);
	git_socket = fd;
}

void parts_stop(void)
{
	sidedoor_stop();
	replay_stop();
	settle_stop();
	server_stop();
	ignore_stop();
}

void parts_abort_mount(void)
{
	dev_t dev = makedev(0, shared->config.device_minor);

	/* first, while no other mount can have this one's number */
	unlink(shared->config.socket_path);
	mount_abort(shared->config.mountpoint, dev);
	mount_detach(shared->config.mountpoint, dev);
}
