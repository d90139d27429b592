#include "supervisor/options.h"
#include "core/config.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

enum {
	SOCKET = 256,
	MOUNTPOINT,
	SOURCE,
	DEVICE,
	SERVICE,
	CWD,
	WATCH,
	IGNORE,
	NAME,
	KEYS,
	MARKERS,
	DETACHED,
	CONSENT,
	LIFELINE,
	READY,
	CONFIG,
	TRACE,
	JSON,
	BLIND,
	REPORT
};

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, SOCKET },	 { "mountpoint", required_argument, NULL, MOUNTPOINT },
	{ "source", required_argument, NULL, SOURCE },	 { "device", required_argument, NULL, DEVICE },
	{ "service", required_argument, NULL, SERVICE }, { "cwd", required_argument, NULL, CWD },
	{ "watch", required_argument, NULL, WATCH },	 { "ignore", required_argument, NULL, IGNORE },
	{ "name", required_argument, NULL, NAME },	 { "keys", no_argument, NULL, KEYS },
	{ "markers", no_argument, NULL, MARKERS },	 { "detached", no_argument, NULL, DETACHED },
	{ "consent", no_argument, NULL, CONSENT },	 { "lifeline", required_argument, NULL, LIFELINE },
	{ "ready", required_argument, NULL, READY },	 { "config", required_argument, NULL, CONFIG },
	{ "trace", no_argument, NULL, TRACE },
	{ "blind", no_argument, NULL, BLIND },
	{ "json", no_argument, NULL, JSON },		 { "report", required_argument, NULL, REPORT },
	{ 0 },
};

static int refuse(struct buf *error, const char *what, const char *value)
{
	buf_printf(error, "%s '%s'", what, value);
	return -EINVAL;
}

/* an open descriptor that was inherited: from now on it is this program's alone */
static int take_descriptor(const char *text, int *out, struct buf *error)
{
	char *end;
	long fd = strtol(text, &end, 10);

	if (*end || end == text || fd < 0 || fd > INT_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC))
		return refuse(error, "no open descriptor:", text);
	*out = (int)fd;
	return 0;
}

static int take_device(const char *text, dev_t *out, struct buf *error)
{
	unsigned high, low;
	int end;

	if (sscanf(text, "%u:%u%n", &high, &low, &end) != 2 || text[end])
		return refuse(error, "no device as MAJOR:MINOR:", text);
	*out = makedev(high, low);
	return 0;
}

static int take(struct options *o, int option, char *value, struct buf *error)
{
	switch (option) {
	case SOCKET:
		o->socket = value;
		return 0;
	case MOUNTPOINT:
		o->mountpoint = value;
		return 0;
	case SOURCE:
		o->source = value;
		return 0;
	case DEVICE:
		return take_device(value, &o->device, error);
	case SERVICE:
		return strv_add(&o->services, value);
	case CWD:
		o->cwd = value;
		return *value == '/' ? refuse(error, "--cwd is relative to the mountpoint, not", value) : 0;
	case WATCH:
		return strv_add(&o->watch, value);
	case IGNORE:
		return strv_add(&o->ignore, value);
	case NAME:
		o->name = value;
		return 0;
	case KEYS:
		o->keys = true;
		return 0;
	case MARKERS:
		o->markers = true;
		return 0;
	case DETACHED:
		o->detached = true;
		return 0;
	case CONSENT:
		o->consent = true;
		return 0;
	case LIFELINE:
		return take_descriptor(value, &o->lifeline, error);
	case READY:
		return take_descriptor(value, &o->ready, error);
	case CONFIG:
		return take_descriptor(value, &o->config, error);
	case TRACE:
		o->trace = true;
		return 0;
	case BLIND:
		o->blind = true;
		return 0;
	case JSON:
		o->json = true;
		return 0;
	case REPORT:
		return take_descriptor(value, &o->report, error);
	default:
		buf_puts(error, "an option that it does not have, or one without its value; hrfs starts this program");
		return -EINVAL;
	}
}

static int check(const struct options *o, struct buf *error)
{
	const char *const needed[] = { o->socket, o->mountpoint, o->source };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!needed[i] || *needed[i] != '/') {
			buf_puts(error, "--socket, --mountpoint and --source are needed, as absolute paths");
			return -EINVAL;
		}
	}
	if (o->command && o->config >= 0)
		return refuse(error, "a COMMAND and --config exclude each other:", o->command[0]);
	if (o->command && o->services.count)
		return refuse(error,
			      "a COMMAND and services of " CONFIG_FILE_NAME " exclude each other:", o->command[0]);
	if (o->trace && !o->command) {
		buf_puts(error, "--trace is for a COMMAND");
		return -EINVAL;
	}
	return 0;
}

int options_parse(int argc, char **argv, struct options *out, struct buf *error)
{
	int option, r = 0;

	*out = (struct options){ .lifeline = -1, .ready = -1, .config = -1, .report = -1 };
	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		r = take(out, option, optarg, error);
	if (r == 0 && optind < argc)
		out->command = argv + optind;
	return r < 0 ? r : check(out, error);
}

void options_done(struct options *o)
{
	strv_done(&o->services);
	strv_done(&o->watch);
	strv_done(&o->ignore);
}

int options_name(const struct options *o, struct buf *out)
{
	const char *word = o->name ? o->name : o->command[0];
	size_t len = strcspn(word, " \t"), start = len;
	int r = 0;

	while (start && word[start - 1] != '/')
		start--;
	for (size_t i = start; r == 0 && i < len && out->len < CONFIG_MAX_NAME; i++) {
		bool plain = isalnum((unsigned char)word[i]) || word[i] == '-' || word[i] == '_';

		if (plain || out->len)
			r = buf_putc(out, plain ? word[i] : '-');
	}
	return r < 0 || out->len ? r : buf_puts(out, "run");
}
