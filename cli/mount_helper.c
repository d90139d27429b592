#include "cli/mount_helper.h"
#include "cli/cli.h"
#include "cli/mounting.h"
#include "cli/remount.h"
#include "cli/say.h"
#include <string.h>

/* the value of the word NAME= in a list with commas, or NULL */
static const char *find_value(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (*list) {
		if (strncmp(list, name, len) == 0 && list[len] == '=')
			return list + len + 1;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return NULL;
}

/* "-o", LIST or "-oLIST" at argv[3] */
static const char *options_at(int argc, char **argv)
{
	if (argc < 4 || argv[1][0] == '-' || argv[2][0] == '-' || strncmp(argv[3], "-o", 2) != 0)
		return NULL;
	if (argv[3][2])
		return argv[3] + 2;
	return argc > 4 ? argv[4] : NULL;
}

bool mount_helper_is(int argc, char **argv)
{
	const char *options = options_at(argc, argv);

	if (argc > 1 && strncmp(argv[1], "-o", 2) == 0)
		return true; /* no command begins so */
	return options && (strcmp(argv[1], "mount") != 0 || find_value(options, "source"));
}

/* mount(8) and fstab have words for themselves, which no file system knows. */
static bool is_for_mount(const char *word, size_t len)
{
	static const char *const words[] = {
		"defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail",
	};

	if ((len > 2 && strncmp(word, "x-", 2) == 0) || (len > 2 && strncmp(word, "X-", 2) == 0) ||
	    (len >= 8 && strncmp(word, "comment=", 8) == 0))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strlen(words[i]) == len && strncmp(words[i], word, len) == 0)
			return true;
	}
	return false;
}

/* The words of a list one by one; source= is taken out into *source. "\," belongs to its word. */
static int take_list(const char *list, struct strv *options, char **source)
{
	while (*list) {
		size_t len = 0;
		int r = 0;

		while (list[len] && list[len] != ',')
			len += list[len] == '\\' && list[len + 1] ? 2 : 1;
		if (len > 7 && strncmp(list, "source=", 7) == 0) {
			free(*source);
			*source = strndup(list + 7, len - 7);
		} else if (len && !is_for_mount(list, len)) {
			r = strv_take(options, strndup(list, len));
		}
		if (r < 0)
			return r;
		list += len + (list[len] == ',');
	}
	return 0;
}

/* What is neither an option nor its list: [NAME] MNT. Returns how many, 3 for more than two. */
static int take_words(int argc, char **argv, const char *words[2], struct strv *options, char **source)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		const char *list = argv[i] + 2;

		if (argv[i][0] != '-') {
			if (count < 2)
				words[count] = argv[i];
			count += count < 3;
			continue;
		}
		/* -s, -f, -n, -v, -r, -w ... of helpers mean nothing here, or come again in -o */
		if (strncmp(argv[i], "-o", 2) != 0)
			continue;
		if (!*list)
			list = ++i < argc ? argv[i] : "";
		if (take_list(list, options, source) < 0)
			return -1;
	}
	return count;
}

static int name_file_system(struct strv *options, const char *name)
{
	AUTO_BUF word = { 0 };

	for (size_t i = 0; i < options->count; i++) {
		if (find_value(options->items[i], "fsname"))
			return 0;
	}
	if (buf_puts(&word, "fsname=") < 0)
		return -1;
	for (; *name; name++) {
		if ((*name == ',' || *name == '\\') && buf_putc(&word, '\\') < 0)
			return -1;
		if (buf_putc(&word, *name) < 0)
			return -1;
	}
	return strv_take(options, buf_take(&word));
}

int mount_helper_run(int argc, char **argv)
{
	struct mounting m = { .lifeline = -1 };
	const char *words[2] = { NULL, NULL };
	AUTO_FREE char *source = NULL;
	AUTO_MOUNTED done = { 0 };
	int r = CLI_FAILED;
	int count = take_words(argc, argv, words, &m.options, &source);

	if ((count == 1 || count == 2) && strv_has(&m.options, "remount")) {
		r = remount(words[count - 1], &m.options);
		goto end;
	}
	if (count == 0 || count > 2 || (count == 1 && !source)) {
		say_error("with options first: hrfs -o source=SRC,... MNT, or hrfs -o OPTIONS SRC MNT");
		r = CLI_USAGE;
		goto end;
	}
	if (count < 0 || (source && name_file_system(&m.options, count == 2 ? words[0] : source) < 0))
		goto end;
	m.mountpoint = words[count - 1];
	m.source = source ? source : words[0];
	r = mounting_do(&m, &done);
end:
	strv_done(&m.options);
	return r;
}
