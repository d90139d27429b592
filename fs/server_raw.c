/* Unsettled notices: what request threads have touched, told at once. */
#include "fs/server_parts.h"
#include "fs/sidedoor_heard.h"
#include <errno.h>
#include <string.h>

#define WAITING_MAX (4UL * 1024 * 1024) /* bytes of paths; beyond they are counted only */

static atomic_int wanted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf touched; /* NUL-terminated paths */
static size_t dropped;

bool server_wants_raw(void)
{
	return atomic_load_explicit(&wanted, memory_order_relaxed) != 0;
}

void raw_count(int change)
{
	atomic_fetch_add(&wanted, change);
}

void server_touched(const char *path)
{
	size_t len = strlen(path) + 1;
	bool first;

	pthread_mutex_lock(&lock);
	first = !touched.len && !dropped;
	if (touched.len + len > WAITING_MAX || buf_put(&touched, path, len) < 0)
		dropped++;
	pthread_mutex_unlock(&lock);
	if (first)
		server_look_again();
}

/* ---- one subscription's notice; any thread ---- */

static int put_path(struct files *files, const char *path, bool comma, struct buf *out)
{
	const char *name = files_list_name(files, path);
	struct query_file f = { .name = name, .kind = STATE_UNKNOWN, .exists = true };
	size_t before = out->len;
	int r;

	if (!name || !query_matches(files->query, &f, &files->source))
		return 0;
	r = comma ? buf_putc(out, ',') : 0;
	if (r == 0)
		r = query_put_file(files->query, &f, &files->source, out);
	if (r < 0)
		buf_truncate(out, before);
	return r < 0 ? r : 1;
}

/* 1: there is something to tell */
static int put_notice(struct subscription *s, const struct buf *paths, size_t lost, struct buf *out)
{
	char clock[CLOCK_TEXT_SIZE];
	struct files files;
	const char *before = NULL;
	bool any = false;
	int r = subscription_put_head(s, out);

	if (r == 0)
		r = buf_printf(out,
			       "\"clock\":\"%s\",\"is_fresh_instance\":false,\"hrfs-exact\":%s,\"hrfs-raw\":true,",
			       server_clock(server_tick(), clock), !lost && heard_since(s->tick) ? "true" : "false");
	if (r == 0 && lost)
		r = buf_printf(out, "\"hrfs-dropped\":%zu,", lost);
	if (r == 0)
		r = buf_puts(out, "\"files\":[");
	files_list_init(&files, s->query, s->path);
	for (const char *p = paths->data; r == 0 && p < paths->data + paths->len; before = p, p += strlen(p) + 1) {
		if (before && strcmp(before, p) == 0)
			continue;
		r = put_path(&files, p, any, out);
		any = any || r > 0;
		r = r < 0 ? r : 0;
	}
	files_list_done(&files);
	if (r == 0)
		r = buf_puts(out, "]}\n");
	return r < 0 ? r : any || lost;
}

/* ---- on the pool, where files are looked at ---- */

struct looking {
	struct work work;
	struct subscription *subscription; /* referenced */
	struct buf paths, text;
	size_t lost;
	int result;
};

static void start(struct subscription *s);

static void look(struct work *w)
{
	struct looking *l = (struct looking *)w;

	l->result = put_notice(l->subscription, &l->paths, l->lost, &l->text);
}

static void looked(struct work *w)
{
	struct looking *l = (struct looking *)w;
	struct subscription *s = l->subscription;

	s->raw_busy = false;
	if (s->connection && l->result > 0)
		connection_push(s->connection, l->text.data, l->text.len);
	if (s->connection && s->raw_paths.len)
		start(s);
	subscription_unref(s);
	buf_done(&l->paths);
	buf_done(&l->text);
	free(l);
}

static void start(struct subscription *s)
{
	struct looking *l = calloc(1, sizeof(*l));

	if (!l)
		return;
	l->subscription = s;
	s->refs++;
	s->raw_busy = true;
	l->paths = s->raw_paths;
	l->lost = s->raw_dropped;
	s->raw_paths = (struct buf){ 0 };
	s->raw_dropped = 0;
	l->work.run = look;
	l->work.done = looked;
	server_work(&l->work);
}

/* ---- on the loop ---- */

static void tell(struct subscription *s, const struct buf *paths, size_t lost)
{
	AUTO_BUF text = { 0 };

	if (s->query->by_name) {
		if (put_notice(s, paths, lost, &text) > 0)
			connection_push(s->connection, text.data, text.len);
		return;
	}
	s->raw_dropped += lost;
	if (s->raw_paths.len + paths->len > WAITING_MAX || buf_put(&s->raw_paths, paths->data, paths->len) < 0)
		s->raw_dropped++;
	if (!s->raw_busy)
		start(s);
}

void raw_take(void)
{
	struct subscription *s;
	struct buf paths;
	size_t lost;

	pthread_mutex_lock(&lock);
	paths = touched;
	lost = dropped;
	touched = (struct buf){ 0 };
	dropped = 0;
	pthread_mutex_unlock(&lock);
	if (paths.len || lost) {
		TAILQ_FOREACH(s, &server.subscriptions, link)
		{
			if (s->raw)
				tell(s, &paths, lost);
		}
	}
	buf_done(&paths);
}
