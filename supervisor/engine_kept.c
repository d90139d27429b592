/*
 * What the jobs of a service have read, kept from one run of hrfs to the next: so the first save is as precise as any, and
 * what has changed in between is known. Looked at and written on the loop's pool; while no job has a window, where it would
 * be noted who asks for names.
 */
#include "core/base/cleanup.h"
#include "core/json.h"
#include "core/statedir.h"
#include "supervisor/engine_service.h"
#include "supervisor/link.h"
#include "supervisor/readfile.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define STORE "reads"
#define FILES_MAX 200
#define SOON_MS 500
#define LATE_MS 60000 /* for a server that goes on to read other files for ever */
#define SETTLE_MAX_MS 2000
#define LOOK_MAX_NS 500000000 /* a start waits no longer for what has changed meanwhile to be found */

struct kept {
	uv_work_t work;
	struct service *service;
	char *mountpoint;
	struct buf of; /* what the file is about */
	char name[HASH_TEXT_SIZE];
	struct readfile file;
	struct seen *now[PLAN_STAGES]; /* of what was read from the file: what it is by now; NULL: not looked at */
	unsigned begun;		       /* of the service, at the beginning */
	int result;
};

static void kept_free(struct kept *k)
{
	for (int i = 0; i < PLAN_STAGES; i++)
		free(k->now[i]);
	readfile_done(&k->file);
	buf_done(&k->of);
	free(k->mountpoint);
	free(k);
}

static struct kept *kept_new(struct service *s)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->service = s;
	k->begun = s->begun;
	k->mountpoint = strdup(s->engine->o.mountpoint);
	if (!k->mountpoint || buf_puts(&k->of, s->engine->o.source) < 0 || buf_putc(&k->of, '\0') < 0 ||
	    buf_puts(&k->of, s->name) < 0) {
		kept_free(k);
		return NULL;
	}
	statedir_name(k->of.data, k->of.len, k->name);
	return k;
}

static bool is_wanted(const struct service *s)
{
	return s->engine->o.source && s->engine->o.witness;
}

/* what is run, and how: what another command has read says nothing */
static struct hash hash_of_command(const struct service *s, enum plan_stage stage)
{
	const struct strv *argv = &reads_command(s, stage)->argv, *env = &s->config->env;
	const char *cwd = s->config->cwd ? s->config->cwd : s->engine->o.default_cwd;
	AUTO_BUF text = { 0 };

	for (size_t i = 0; i < argv->count; i++)
		buf_put(&text, argv->items[i], strlen(argv->items[i]) + 1);
	buf_putc(&text, '\0');
	for (size_t i = 0; i < env->count; i++)
		buf_put(&text, env->items[i], strlen(env->items[i]) + 1);
	buf_printf(&text, "%c%s", '\0', cwd ? cwd : "");
	return hash_bytes(buf_str(&text), text.len);
}

static int open_root(const struct kept *k)
{
	return open(k->mountpoint, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int read_file(const struct kept *k, struct readfile *out)
{
	AUTO_FD dir = statedir_open(STORE, false);
	AUTO_BUF data = { 0 };
	int r = dir < 0 ? dir : statedir_read(dir, k->name, READFILE_MAX_BYTES, &data);

	return r < 0 ? r : readfile_get(buf_str(&data), data.len, k->of.data, k->of.len, out);
}

/* ---- at the beginning ---- */

static bool is_there(const struct kept *k)
{
	AUTO_FD dir = statedir_open(STORE, false);

	return dir >= 0 ? faccessat(dir, k->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 : dir == -EPERM;
}

/* on the pool */
static void load(uv_work_t *work)
{
	struct kept *k = (struct kept *)work;
	uint64_t end = uv_hrtime() + LOOK_MAX_NS;
	AUTO_FD root = open_root(k);

	k->result = read_file(k, &k->file);
	for (int i = PLAN_BUILD; k->result == 0 && root >= 0 && i <= PLAN_RUN; i++) {
		struct readfile_job *j = &k->file.jobs[i];

		k->now[i] = calloc(j->count + 1, sizeof(struct seen));
		for (size_t n = 0; k->now[i] && n < j->count; n++) {
			struct readfile_path *p = &j->paths[n];

			if (uv_hrtime() < end)
				seen_look(root, p->path, p->how, &p->seen, &k->now[i][n]);
			else
				k->now[i][n] = p->seen;
		}
	}
}

static void say_dropped(struct service *s, int result)
{
	const char *why = result == -EPERM    ? "is not this user's alone"
			  : result == -EPROTO ? "is of another version of hrfs"
			  : result == -EBADMSG || result == -EFBIG ? "is damaged"
								   : strerror(-result);

	if (result < 0 && result != -ENOENT)
		say_note(s, "what it had read before is not known: what kept it %s; until it is ready anything counts", why);
}

/* its own log goes on after it was last looked at */
static bool is_own_output(const struct service *s, const char *path)
{
	return readset_how(&s->plan.reads[PLAN_RUN].set, path) & READ_WROTE;
}

static void take_changed(struct service *s, const struct readfile_path *p, const struct seen *now, struct reload *r)
{
	struct change c = { .path = p->path, .before = p->seen.state, .after = now->state };

	if (seen_equal(&p->seen, now) || is_own_output(s, p->path))
		return;
	timeline_judged(s->engine->o.timeline, s->name, &c, PLAN_COUNTS);
	for (size_t i = 0; r && i < r->cause_count && i < RELOAD_CAUSES; i++)
		if (strcmp(r->causes[i].path, p->path) == 0)
			return; /* both of its jobs have read it */
	if (r)
		reload_add_cause(r, &c);
}

static void take_sets(struct service *s, const struct kept *k)
{
	for (int i = 0; i < PLAN_STAGES; i++) {
		const struct readfile_job *j = &k->file.jobs[i];
		struct hash command = hash_of_command(s, (enum plan_stage)i);
		struct plan_reads *reads = &s->plan.reads[i];

		if (!reads_command(s, (enum plan_stage)i)->argv.count || !hash_equal(&j->command, &command))
			continue;
		reads->missed = j->missed;
		if (!j->known)
			continue;
		for (size_t n = 0; n < j->count; n++)
			readset_add(&reads->set, j->paths[n].path, j->paths[n].how);
		reads->known = true;
	}
}

static void loaded(uv_work_t *work, int status)
{
	struct kept *k = (struct kept *)work;
	struct service *s = k->service;
	struct reload *r;

	s->looking = false;
	say_dropped(s, k->result);
	take_sets(s, k);
	say_record_reason(s, FIRST_START);
	r = say_record(s);
	for (int i = PLAN_BUILD; i <= PLAN_RUN; i++)
		for (size_t n = 0; s->plan.reads[i].known && k->now[i] && n < k->file.jobs[i].count; n++)
			take_changed(s, &k->file.jobs[i].paths[n], &k->now[i][n], r);
	if (r && r->cause_count)
		reload_set_reason(r, "%s; this has changed since it was last seen:", FIRST_START);
	kept_free(k);
	engine_hold(s->engine);
	if (s->state == SERVICE_STOPPED && !s->removed && !s->engine->stopping)
		engine_post(s, EVENT_START);
	engine_job_gone(s);
	engine_release(s->engine);
}

bool kept_load(struct service *s)
{
	struct kept *k = is_wanted(s) ? kept_new(s) : NULL;

	if (!k)
		return false;
	if (!is_there(k) || uv_queue_work(s->engine->o.loop, &k->work, load, loaded) < 0) {
		kept_free(k);
		return false;
	}
	s->looking = true;
	s->jobs++; /* the service must outlive it */
	return true;
}

/* ---- keeping ---- */

static void keep_soon(struct service *s);

static int collect(struct service *s, enum plan_stage stage, struct readfile_job *out)
{
	const struct plan_reads *r = &s->plan.reads[stage];
	struct map_entry *e = NULL;

	out->command = hash_of_command(s, stage);
	out->missed = r->missed;
	if (!r->known || r->set.full || !reads_command(s, stage)->argv.count)
		return 0;
	out->known = true;
	out->paths = calloc(r->set.paths.count + 1, sizeof(*out->paths));
	while (out->paths && (e = map_next(&r->set.paths, e))) {
		struct readfile_path *p = &out->paths[out->count];

		p->path = strdup(e->key);
		if (!p->path)
			return -ENOMEM;
		p->how = (unsigned)(uintptr_t)e->value;
		out->count++;
	}
	return out->paths ? 0 : -ENOMEM;
}

/* what was seen when it was last kept: what has not changed since need not be read again */
static void remember(const struct readfile *f, enum plan_stage stage, struct map *out)
{
	for (size_t i = 0; i < f->jobs[stage].count; i++) {
		struct readfile_path *p = &f->jobs[stage].paths[i];

		map_put(out, p->path, strlen(p->path), &p->seen);
	}
}

/* on the pool */
static void look(uv_work_t *work)
{
	struct kept *k = (struct kept *)work;
	AUTO_READFILE old = { 0 };
	AUTO_FD root = open_root(k);

	k->result = root < 0 ? root : 0;
	if (root < 0)
		return;
	read_file(k, &old);
	for (int i = 0; i < PLAN_STAGES; i++) {
		AUTO_DONE(map) struct map before = { 0 };

		remember(&old, (enum plan_stage)i, &before);
		for (size_t n = 0; n < k->file.jobs[i].count; n++) {
			struct readfile_path *p = &k->file.jobs[i].paths[n];

			seen_look(root, p->path, p->how, map_get(&before, p->path, strlen(p->path)), &p->seen);
		}
	}
}

/* on the pool */
static void put_file(uv_work_t *work)
{
	struct kept *k = (struct kept *)work;
	AUTO_BUF data = { 0 };
	AUTO_FD dir = -1;

	k->result = readfile_put(&k->file, k->of.data, k->of.len, &data);
	if (k->result < 0)
		return;
	dir = statedir_open(STORE, true);
	k->result = dir < 0 ? dir : statedir_write(dir, k->name, data.data, data.len);
	if (k->result == 0)
		statedir_prune(dir, FILES_MAX);
}

static void over(struct kept *k)
{
	struct service *s = k->service;

	s->keeping = false;
	kept_free(k);
	if (s->unkept)
		keep_soon(s);
	engine_hold(s->engine);
	engine_job_gone(s);
	engine_release(s->engine);
}

static void again(struct kept *k)
{
	k->service->unkept = true;
	over(k);
}

static void written(uv_work_t *work, int status)
{
	struct kept *k = (struct kept *)work;
	struct service *s = k->service;

	if (k->result < 0 && !s->engine->keep_failed) {
		s->engine->keep_failed = true;
		say_note(s, "what its jobs read cannot be kept for the next start: %s", strerror(-k->result));
	}
	over(k);
}

/* what has changed since the job began is not in the state that it has read */
static void take_out_changed(const struct plan_paths *since, struct readfile_job *j)
{
	for (size_t i = 0; i < j->count; i++) {
		struct readfile_path *p = &j->paths[i];

		if (since->all || map_get(&since->states, p->path, strlen(p->path)))
			p->seen = seen_nothing();
	}
}

/* all that had changed when it was looked at is known */
static void on_settled(const json_t *answer, void *arg)
{
	struct kept *k = arg;
	struct service *s = k->service;

	if (!json_is_true(json_object_get(answer, "settled")) || s->begun != k->begun) {
		again(k);
		return;
	}
	for (int i = 0; i < PLAN_STAGES; i++)
		take_out_changed(&s->plan.since[i], &k->file.jobs[i]);
	if (uv_queue_work(s->engine->o.loop, &k->work, put_file, written) < 0)
		over(k);
}

static void looked(uv_work_t *work, int status)
{
	struct kept *k = (struct kept *)work;
	struct service *s = k->service;

	if (k->result < 0)
		over(k);
	else if (s->begun != k->begun || link_settle(s->engine->o.link, NULL, SETTLE_MAX_MS, on_settled, k) < 0)
		again(k);
}

static void keep_now(struct service *s)
{
	struct kept *k = kept_new(s);
	int r = k ? 0 : -ENOMEM;

	s->unkept = false;
	for (int i = 0; r == 0 && i < PLAN_STAGES; i++)
		r = collect(s, (enum plan_stage)i, &k->file.jobs[i]);
	if (r == 0)
		r = uv_queue_work(s->engine->o.loop, &k->work, look, looked);
	if (r < 0) {
		if (k)
			kept_free(k);
		return;
	}
	s->keeping = true;
	s->jobs++; /* the service must outlive it */
}

static bool any_window(const struct engine *e)
{
	for (size_t i = 0; i < e->count; i++)
		for (int stage = 0; stage < PLAN_STAGES; stage++)
			if (e->services[i]->plan.reads[stage].open)
				return true;
	return false;
}

static void on_soon(uv_timer_t *timer)
{
	struct service *s = timer->data;

	if (any_window(s->engine)) {
		uv_timer_start(timer, on_soon, SOON_MS, 0);
		return;
	}
	s->keep_ms = s->keep_ms * 4 < LATE_MS ? s->keep_ms * 4 : LATE_MS;
	keep_now(s);
}

static void keep_soon(struct service *s)
{
	s->unkept = true;
	if (!s->keeping && !s->engine->stopping && !uv_is_active((uv_handle_t *)s->keep_timer))
		uv_timer_start(s->keep_timer, on_soon, (uint64_t)(s->keep_ms ? s->keep_ms : SOON_MS), 0);
}

void kept_known(struct service *s)
{
	if (!is_wanted(s))
		return;
	s->keep_ms = SOON_MS;
	uv_timer_stop(s->keep_timer);
	keep_soon(s);
}

void kept_one_more(struct service *s)
{
	if (is_wanted(s))
		keep_soon(s);
}

void kept_stop(struct service *s)
{
	uv_timer_stop(s->keep_timer);
	if (s->unkept && !s->keeping)
		keep_now(s);
}
