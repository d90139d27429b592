#include "supervisor/config_watch.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/config.h"
#include "core/trust.h"
#include "supervisor/engine.h"
#include "supervisor/settings.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define UNTRUSTED "not trusted: read it, then 'hrfs trust'"

struct config_watch {
	struct config_watch_options o;
	struct buf file, source_file; /* its path in the mount, and the one that trust is kept for */
	struct strv only;
	struct config *waiting; /* read and right, but not trusted; NULL: none */
	char *error;		/* why what is in the file is not in force; NULL: it is */
	struct buf in_force;	/* the text that is in force */
	bool ran;		/* something has been in force */
};

int config_watch_new(const struct config_watch_options *options, struct config_watch **out)
{
	struct config_watch *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return r;
	w->o = *options;
	r = path_join(&w->file, options->mountpoint, CONFIG_FILE_NAME);
	if (r == 0)
		r = path_join(&w->source_file, options->source, CONFIG_FILE_NAME);
	if (r == 0)
		r = strv_add_all(&w->only, options->only);
	if (r < 0) {
		config_watch_free(w);
		return r;
	}
	*out = w;
	return 0;
}

void config_watch_free(struct config_watch *w)
{
	if (!w)
		return;
	buf_done(&w->file);
	buf_done(&w->source_file);
	strv_done(&w->only);
	buf_done(&w->in_force);
	config_free(w->waiting);
	free(w->error);
	free(w);
}

/* ---- reading ---- */

static int read_file(const char *path, struct buf *out, struct stat *st)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, st))
		return -errno;
	return S_ISREG(st->st_mode) ? file_read(fd, CONFIG_MAX_BYTES, out) : -EINVAL;
}

static void forget(struct config_watch *w)
{
	config_free(w->waiting);
	w->waiting = NULL;
	free(w->error);
	w->error = NULL;
}

/* what is in force stays; said once */
static void refuse(struct config_watch *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void refuse(struct config_watch *w, const char *format, ...)
{
	AUTO_BUF text = { 0 };
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (w->ran)
		buf_puts(&text, " (what was there before stays in force)");
	forget(w);
	w->error = buf_take(&text);
	if (w->error)
		w->o.say(w->error, w->o.arg);
}

static int apply(struct config_watch *w, struct config *config, struct buf *error)
{
	struct settings *s = settings_new(config);
	int r;

	if (!s) {
		config_free(config);
		return -ENOMEM;
	}
	r = engine_configure(w->o.engine, s, &w->only, error);
	settings_unref(s);
	w->ran = w->ran || r == 0;
	return r;
}

/* ---- who wrote it ---- */

/* could nobody but this user (and root) have written it? */
static bool is_own(const char *file, const struct stat *st)
{
	AUTO_FREE char *dir = strdup(file);
	struct stat parent;

	if (st->st_uid != geteuid() || (st->st_mode & 022) || !dir)
		return false;
	*strrchr(dir, '/') = '\0';
	return stat(*dir ? dir : "/", &parent) == 0 && parent.st_uid == geteuid() && !(parent.st_mode & 022);
}

/*
 * An edit by the user through the mount is consent. Who the writer was is asked of /proc; of one that
 * has ended already, the rights on the file tell whether it can have been somebody else.
 */
static bool is_own_edit(const struct config_watch *w, const struct change *c, const struct stat *st)
{
	char path[64];
	struct stat process;

	/* of a tree that was never agreed to, saving the file says nothing about all the rest of it */
	if (!c || !(w->ran || w->o.consent) || c->writer.pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d", (int)c->writer.pid);
	if (stat(path, &process) == 0)
		return process.st_uid == geteuid();
	return is_own(buf_str(&w->file), st);
}

/* ---- taking it in ---- */

/* a settled state only: what is read now may be the middle of the next edit, whose turn comes */
static bool is_of(const struct change *c, const struct buf *text)
{
	struct hash h = hash_bytes(buf_str(text), text->len);

	return !c || !c->after.hashed || hash_equal(&h, &c->after.content);
}

static bool is_trusted(struct config_watch *w, const struct buf *text)
{
	return trust_check(buf_str(&w->source_file), buf_str(text), text->len, NULL) == TRUST_GIVEN;
}

/*
 * 1: in force; 0: nothing of it is news; -EPERM: not trusted; -EBADMSG: the file is wrong;
 * -EINVAL and others: it cannot be carried out. error has one line
 */
static int take_in(struct config_watch *w, const struct change *c, bool consent, struct buf *error)
{
	AUTO_BUF text = { 0 };
	struct config *config;
	struct stat st;
	int r = read_file(buf_str(&w->file), &text, &st);

	if (r < 0) {
		buf_printf(error, "%s: %s", CONFIG_FILE_NAME, r == -ENOENT ? "there is none" : strerror(-r));
		return r == -EFBIG ? -EBADMSG : r;
	}
	if (!is_of(c, &text))
		return 0;
	if (w->ran && text.len == w->in_force.len && memcmp(buf_str(&text), buf_str(&w->in_force), text.len) == 0) {
		forget(w); /* put back */
		return 0;
	}
	r = config_parse(CONFIG_FILE_NAME, buf_str(&text), text.len, &config, error);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r;
	if (is_own_edit(w, c, &st)) {
		consent = true;
		trust_give(buf_str(&w->source_file), buf_str(&text), text.len);
	}
	if (!consent && !is_trusted(w, &text)) {
		forget(w);
		w->waiting = config;
		return -EPERM;
	}
	r = apply(w, config, error);
	if (r < 0)
		return r;
	forget(w);
	buf_done(&w->in_force);
	w->in_force = text;
	text = (struct buf){ 0 };
	return 1;
}

static void refuse_bad(struct config_watch *w, int r, const struct buf *error)
{
	refuse(w, "%s%s", error->len ? error->data : strerror(-r),
	       w->ran ? "" : " (it is read again when it is saved)");
}

/* Whoever typed the command has been shown it. It is in force as a file would be, so one that says the same changes nothing. */
static int start_first(struct config_watch *w, struct buf *error)
{
	AUTO_BUF text = { 0 };
	struct config *config;
	int r = file_read(w->o.first, CONFIG_MAX_BYTES, &text);

	if (r == 0)
		r = config_parse("derived", buf_str(&text), text.len, &config, error);
	return r < 0 ? r : apply(w, config, error);
}

int config_watch_start(struct config_watch *w, struct buf *error)
{
	int r = w->o.first >= 0 ? start_first(w, error) : take_in(w, NULL, w->o.consent, error);

	if (r == -EPERM)
		w->error = strdup(CONFIG_FILE_NAME " is " UNTRUSTED);
	if (r == -EBADMSG)
		refuse_bad(w, r, error);
	return r > 0 ? 0 : r;
}

static void take_change(struct config_watch *w, const struct change *c)
{
	AUTO_BUF error = { 0 };
	int r = take_in(w, c, false, &error);

	if (r == -EPERM) {
		struct config *config = take_ptr(w->waiting);

		refuse(w, "%s %sis " UNTRUSTED, CONFIG_FILE_NAME, w->ran ? "was changed by somebody else and " : "");
		w->waiting = config;
	} else if (r < 0) {
		refuse_bad(w, r, &error);
	}
}

void config_watch_take(struct config_watch *w, const struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct change *c = &b->changes[i];

		if (c->reason == CHANGE_REAL && strcmp(c->path, CONFIG_FILE_NAME) == 0)
			take_change(w, c);
	}
	if (b->truncated)
		config_watch_look(w);
}

bool config_watch_look(struct config_watch *w)
{
	AUTO_BUF error = { 0 };

	return take_in(w, NULL, false, &error) > 0;
}

/* ---- questions ---- */

bool config_watch_is_ok(const struct config_watch *w)
{
	return !w->error;
}

json_t *config_watch_error(const struct config_watch *w)
{
	return w->error ? json_bytes(w->error) : json_null();
}

json_t *config_watch_not_started(const struct config_watch *w)
{
	json_t *list = json_array();

	for (size_t i = 0; w->waiting && i < w->waiting->count; i++) {
		const struct config_service *s = &w->waiting->services[i];
		const char *run = s->run.line ? s->run.line : s->build.line;

		json_array_append_new(list, json_pack("{s:s,s:o,s:s}", "service", s->name, "run",
						      json_bytes(run ? run : ""), "reason", UNTRUSTED));
	}
	return list;
}
