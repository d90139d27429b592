/*
 * Servers that reload themselves (vite, node --watch, runserver, …): they watch files of the mount by inotify, or say so
 * in their environment or on their command line. To restart them too would fight them.
 */
#include "supervisor/engine_service.h"
#include "supervisor/tree.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#define MAX_ENVIRONMENT (256 * 1024)

static const struct tool {
	const char *name;    /* of a word of the command line, its last part */
	const char *word;    /* that stands beside it; NULL: always */
	const char *handing; /* what hands reloading to hrfs */
} tools[] = {
	{ "uvicorn", "--reload", "leave out --reload" },
	{ "gunicorn", "--reload", "leave out --reload" },
	{ "hypercorn", "--reload", "leave out --reload" },
	{ "fastapi", "dev", "use 'fastapi run'" },
	{ "flask", "--debug", "use --no-reload" },
	{ "manage.py", "runserver", "use --noreload" },
	{ "django-admin", "runserver", "use --noreload" },
	{ "node", "--watch", "leave out --watch" },
	{ "bun", "--watch", "leave out --watch" },
	{ "bun", "--hot", "leave out --hot" },
	{ "deno", "--watch", "leave out --watch" },
	{ "tsx", "watch", "leave out watch" },
	{ "nodemon", NULL, "run node itself" },
	{ "air", NULL, "use build: and run:" },
	{ "entr", NULL, "run the command itself" },
	{ "watchexec", NULL, "run the command itself" },
	{ "vite", NULL, NULL },
	{ "next", "dev", NULL },
	{ "webpack-dev-server", NULL, NULL },
};

/* words that turn the reloading off again */
static const char *const off_words[] = { "--no-reload", "--noreload", "--no-reloader" };

static ssize_t read_proc(pid_t pid, const char *what, char *data, size_t size)
{
	char path[64];
	ssize_t n;
	AUTO_FD fd = -1;
	size_t len = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (len + 1 < size && (n = read(fd, data + len, size - 1 - len)) > 0)
		len += (size_t)n;
	data[len] = '\0';
	return (ssize_t)len;
}

/* does a word of it (NUL-separated) equal, or with base its last part, or with value begin as one? */
static bool has_word(const char *words, size_t len, const char *wanted, bool base)
{
	for (const char *w = words; w < words + len; w += strlen(w) + 1) {
		const char *slash = base ? strrchr(w, '/') : NULL;
		const char *word = slash ? slash + 1 : w;
		size_t n = strlen(wanted);

		if (strncmp(word, wanted, n) == 0 && (!word[n] || (!base && word[n] == '=')))
			return true;
	}
	return false;
}

/* a program, its interpreter before it or -m: what stands further on is an argument like any other */
static size_t first_words(const char *words, size_t len)
{
	size_t at = 0;

	for (int i = 0; i < 3 && at < len; i++)
		at += strlen(words + at) + 1;
	return at < len ? at : len;
}

static const struct tool *tool_of(const char *words, size_t len)
{
	size_t head = first_words(words, len);

	for (size_t i = 0; i < ARRAY_SIZE(off_words); i++) {
		if (has_word(words, len, off_words[i], false))
			return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (has_word(words, head, tools[i].name, true) &&
		    (!tools[i].word || has_word(words, len, tools[i].word, false)))
			return &tools[i];
	}
	return NULL;
}

/* ---- what a process watches ---- */

static bool watches_device(int dir, const char *name, dev_t device)
{
	char line[512];
	bool found = false;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "re");

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *dev = strncmp(line, "inotify ", 8) == 0 ? strstr(line, " sdev:") : NULL;
		unsigned number;

		/* the kernel's own form: twelve bits of major, twenty of minor */
		found = dev && sscanf(dev, " sdev:%x", &number) == 1 && major(device) == number >> 20 &&
			minor(device) == (number & 0xfffff);
	}
	if (f)
		fclose(f);
	return found;
}

static bool process_watches(pid_t pid, dev_t device)
{
	char path[64], target[64];
	struct dirent *d;
	bool found = false;
	DIR *fds, *infos;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	infos = opendir(path);
	while (fds && infos && !found && (d = readdir(fds))) {
		ssize_t n = isdigit((unsigned char)d->d_name[0])
				    ? readlinkat(dirfd(fds), d->d_name, target, sizeof(target) - 1)
				    : -1;

		if (n <= 0)
			continue;
		target[n] = '\0';
		found = strcmp(target, "anon_inode:inotify") == 0 && watches_device(dirfd(infos), d->d_name, device);
	}
	if (fds)
		closedir(fds);
	if (infos)
		closedir(infos);
	return found;
}

/* ---- the whole job ---- */

struct finding {
	const char *sign; /* NULL: it does not reload itself */
	const struct tool *tool;
};

static void look_at(pid_t pid, dev_t device, char *data, struct finding *f)
{
	ssize_t len = read_proc(pid, "cmdline", data, MAX_ENVIRONMENT);
	const struct tool *tool = tool_of(data, (size_t)len);

	if (tool && !f->tool)
		f->tool = tool;
	if (tool && !f->sign)
		f->sign = "as its command says";
	if (f->sign)
		return;
	len = read_proc(pid, "environ", data, MAX_ENVIRONMENT);
	if (has_word(data, (size_t)len, "RUN_MAIN", false) || has_word(data, (size_t)len, "WERKZEUG_RUN_MAIN", false))
		f->sign = "as its environment says (RUN_MAIN)";
	else if (process_watches(pid, device))
		f->sign = "it watches files of the mount";
}

static void tell(struct service *s, const struct finding *f)
{
	if (s->told_itself)
		return;
	s->told_itself = true;
	if (f->tool && f->tool->handing)
		say_note(
			s,
			"reloads itself (%s), so hrfs leaves it alone; to hand that to hrfs %s, or set reload: restart",
			f->sign, f->tool->handing);
	else
		say_note(s, "reloads itself (%s), so hrfs leaves it alone; reload: restart hands that to hrfs",
			 f->sign);
}

bool self_reloads(struct service *s)
{
	struct generation *g = s->current;
	AUTO_FREE char *data = NULL;
	AUTO_TREE tree = { 0 };
	struct finding f = { 0 };

	/* what is built comes in by a restart only, whatever else it watches */
	if (!g || !g->job || !job_process(g->job) || s->config->reload.kind != CONFIG_RELOAD_DEFAULT || s->config->build.argv.count)
		return false;
	if (g->reloads_itself)
		return true;
	data = malloc(MAX_ENVIRONMENT);
	if (!data || tree_below_quick(process_job_pid(job_process(g->job)), &tree) < 0)
		return false;
	for (size_t i = 0; i < tree.count; i++)
		look_at(tree.processes[i].pid, s->engine->o.device, data, &f);
	if (!f.sign)
		return false;
	g->reloads_itself = true;
	tell(s, &f);
	return true;
}
