#include "core/base/mountinfo.h"
#include "core/base/path.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

void mountinfo_entry_done(struct mountinfo_entry *e)
{
	free(e->root);
	free(e->mountpoint);
	free(e->type);
	free(e->source);
	free(e->options);
	*e = (struct mountinfo_entry){ 0 };
}

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* a field as the kernel writes it: blanks, newlines and backslashes are \OOO */
static char *unescape(const char *field)
{
	char *text = strdup(field);
	char *to = text;

	if (!text)
		return NULL;
	for (const char *from = text; *from; to++) {
		if (*from == '\\' && is_octal(from + 1)) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
	return text;
}

/* "the next word of *line", cut off; NULL: there is none */
static char *word(char **line)
{
	return strsep(line, " \n");
}

static int parse(char *line, struct mountinfo_entry *e)
{
	char *id = word(&line), *parent = word(&line), *dev = word(&line), *root = word(&line);
	char *mountpoint = word(&line), *options = word(&line), *type, *source, *super, *tag;
	unsigned dev_major, dev_minor;

	/* any number of tags, ended by a dash */
	while ((tag = word(&line)) && strcmp(tag, "-") != 0)
		;
	type = word(&line);
	source = word(&line);
	super = word(&line);
	if (!super || sscanf(dev, "%u:%u", &dev_major, &dev_minor) != 2)
		return -EINVAL;
	*e = (struct mountinfo_entry){
		.id = atoi(id),
		.parent = atoi(parent),
		.dev = makedev(dev_major, dev_minor),
		.root = unescape(root),
		.mountpoint = unescape(mountpoint),
		.type = unescape(type),
		.source = unescape(source),
	};
	if (asprintf(&e->options, "%s,%s", options, super) < 0)
		e->options = NULL;
	if (e->root && e->mountpoint && e->type && e->source && e->options)
		return 0;
	mountinfo_entry_done(e);
	return -ENOMEM;
}

int mountinfo_each(int (*fn)(const struct mountinfo_entry *e, void *arg), void *arg)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (r == 0 && getline(&line, &size, file) >= 0) {
		struct mountinfo_entry e;

		r = parse(line, &e);
		if (r == 0) {
			r = fn(&e, arg);
			mountinfo_entry_done(&e);
		} else if (r == -EINVAL) {
			r = 0; /* a line of a form that this kernel alone knows */
		}
	}
	fclose(file);
	return r;
}

struct search {
	const char *path;
	bool above_too;
	struct mountinfo_entry *best; /* mountpoint NULL: nothing yet */
};

static int copy(struct mountinfo_entry *to, const struct mountinfo_entry *from)
{
	struct mountinfo_entry e = *from;

	e.root = strdup(from->root);
	e.mountpoint = strdup(from->mountpoint);
	e.type = strdup(from->type);
	e.source = strdup(from->source);
	e.options = strdup(from->options);
	if (!e.root || !e.mountpoint || !e.type || !e.source || !e.options) {
		mountinfo_entry_done(&e);
		return -ENOMEM;
	}
	mountinfo_entry_done(to);
	*to = e;
	return 0;
}

static bool is_better(const struct mountinfo_entry *e, const struct mountinfo_entry *best)
{
	size_t len = strlen(e->mountpoint), best_len;

	if (!best->mountpoint)
		return true;
	best_len = strlen(best->mountpoint);
	/* of two at one place the later lies on the earlier, unless that one says that it stands on this one */
	return len > best_len || (len == best_len && best->parent != e->id);
}

static int consider(const struct mountinfo_entry *e, void *arg)
{
	struct search *s = arg;
	bool here = strcmp(e->mountpoint, s->path) == 0;

	if (!here && !(s->above_too && path_is_below(s->path, e->mountpoint)))
		return 0;
	return is_better(e, s->best) ? copy(s->best, e) : 0;
}

static int find(const char *path, bool above_too, struct mountinfo_entry *out)
{
	struct mountinfo_entry best = { 0 };
	struct search s = { path, above_too, &best };
	int r = mountinfo_each(consider, &s);

	if (r == 0 && !best.mountpoint)
		r = -ENOENT;
	if (r < 0) {
		mountinfo_entry_done(&best);
		return r;
	}
	*out = best;
	return 0;
}

int mountinfo_topmost(const char *mountpoint, struct mountinfo_entry *out)
{
	return find(mountpoint, false, out);
}

int mountinfo_of_path(const char *path, struct mountinfo_entry *out)
{
	return find(path, true, out);
}
