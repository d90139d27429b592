#include "fs/options.h"
#include "fs/shared.h"
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <sys/mount.h>

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25) /* linux/mount.h, since 4.0 */
#endif

enum kind { FLAG_ON, FLAG_OFF, BIT_ON, BIT_OFF, NUMBER, TEXT, FEATURES, REPLAY, NOTHING };

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	int min, max; /* min: the bit */
};

#define AT(field) offsetof(struct options, field)

/* Standard options that mean nothing here (or are always so) are taken silently, as mount(8) passes them. */
static const struct key keys[] = {
	{ "allow_other", FLAG_ON, AT(mount.allow_other), 0, 0 },
	{ "noallow_other", FLAG_OFF, AT(mount.allow_other), 0, 0 },
	{ "ro", FLAG_ON, AT(mount.read_only), 0, 0 },
	{ "rw", FLAG_OFF, AT(mount.read_only), 0, 0 },
	{ "suid", FLAG_ON, AT(mount.suid), 0, 0 },
	{ "nosuid", FLAG_OFF, AT(mount.suid), 0, 0 },
	{ "dev", FLAG_ON, AT(mount.dev), 0, 0 },
	{ "nodev", FLAG_OFF, AT(mount.dev), 0, 0 },
	{ "noexec", FLAG_ON, AT(mount.noexec), 0, 0 },
	{ "exec", FLAG_OFF, AT(mount.noexec), 0, 0 },
	{ "noatime", FLAG_ON, AT(mount.noatime), 0, 0 },
	{ "atime", FLAG_OFF, AT(mount.noatime), 0, 0 },
	{ "nodiratime", BIT_ON, AT(mount.flags), MS_NODIRATIME, 0 },
	{ "diratime", BIT_OFF, AT(mount.flags), MS_NODIRATIME, 0 },
	{ "strictatime", BIT_ON, AT(mount.flags), MS_STRICTATIME, 0 },
	{ "nostrictatime", BIT_OFF, AT(mount.flags), MS_STRICTATIME, 0 },
	{ "lazytime", BIT_ON, AT(mount.flags), MS_LAZYTIME, 0 },
	{ "nolazytime", BIT_OFF, AT(mount.flags), MS_LAZYTIME, 0 },
	{ "sync", BIT_ON, AT(mount.flags), MS_SYNCHRONOUS, 0 },
	{ "async", BIT_OFF, AT(mount.flags), MS_SYNCHRONOUS, 0 },
	{ "dirsync", BIT_ON, AT(mount.flags), MS_DIRSYNC, 0 },
	{ "fsname", TEXT, AT(mount.fsname), 0, 0 },
	{ "subtype", TEXT, AT(mount.subtype), 0, 0 },
	{ "source", TEXT, AT(source), 0, 0 },
	{ "sole_writer", FLAG_ON, AT(sole_writer), 0, 0 },
	{ "no_takeover", FLAG_ON, AT(no_takeover), 0, 0 },
	{ "no_sidedoor", FLAG_ON, AT(no_sidedoor), 0, 0 },
	{ "answer_opens", FLAG_ON, AT(answer_opens), 0, 0 },
	{ "noanswer_opens", FLAG_OFF, AT(answer_opens), 0, 0 },
	{ "without", FEATURES, AT(without), 0, 0 },
	{ "replay", REPLAY, AT(replay), 0, 0 },
	{ "threads", NUMBER, AT(threads), 1, LANES_MAX },
	{ "settle_quiet_ms", NUMBER, AT(settle_quiet_ms), 1, 10000 },
	{ "settle_cap_ms", NUMBER, AT(settle_cap_ms), 10, 600000 },
	{ "default_permissions", NOTHING, 0, 0, 0 },
	{ "auto", NOTHING, 0, 0, 0 },
	{ "noauto", NOTHING, 0, 0, 0 },
	{ "user", NOTHING, 0, 0, 0 },
	{ "nouser", NOTHING, 0, 0, 0 },
	{ "users", NOTHING, 0, 0, 0 },
	{ "_netdev", NOTHING, 0, 0, 0 },
	{ "nofail", NOTHING, 0, 0, 0 },
	{ "relatime", NOTHING, 0, 0, 0 },
	{ "norelatime", NOTHING, 0, 0, 0 },
	{ "mand", NOTHING, 0, 0, 0 },
	{ "nomand", NOTHING, 0, 0, 0 },
	{ "iversion", NOTHING, 0, 0, 0 },
	{ "noiversion", NOTHING, 0, 0, 0 },
	{ "silent", NOTHING, 0, 0, 0 },
	{ "loud", NOTHING, 0, 0, 0 },
	{ "nonempty", NOTHING, 0, 0, 0 },
};

static int set_number(struct options *o, const struct key *k, const char *value, struct buf *error)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (!*value || *end || n < k->min || n > k->max) {
		buf_printf(error, "option %s=%s: a number from %d to %d is wanted", k->name, value, k->min, k->max);
		return -EINVAL;
	}
	*(int *)((char *)o + k->offset) = (int)n;
	return 0;
}

static int set_features(uint32_t *bits, const char *value, struct buf *error)
{
	int r = features_parse(value, bits);

	if (r < 0)
		buf_printf(error, "option without=%s: a list of these is wanted: all, or %s", value, features_names());
	return r;
}

static int set_replay(enum replay_mode *mode, const char *value, struct buf *error)
{
	static const char *const words[] = { [REPLAY_AUTO] = "auto", [REPLAY_ALWAYS] = "always", [REPLAY_NEVER] = "never" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i], value) == 0) {
			*mode = (enum replay_mode)i;
			return 0;
		}
	}
	buf_printf(error, "option replay=%s: auto, always or never is wanted", value);
	return -EINVAL;
}

static int set(struct options *o, char *word, struct buf *error)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];
		char *field = (char *)o + k->offset;

		if (strcmp(k->name, word) != 0)
			continue;
		if ((k->kind == NUMBER || k->kind == TEXT || k->kind == FEATURES || k->kind == REPLAY) && !value) {
			buf_printf(error, "option %s wants a value: %s=...", word, word);
			return -EINVAL;
		}
		if (k->kind == NUMBER)
			return set_number(o, k, value, error);
		if (k->kind == FEATURES)
			return set_features((uint32_t *)field, value, error);
		if (k->kind == REPLAY)
			return set_replay((enum replay_mode *)field, value, error);
		if (k->kind == TEXT)
			*(const char **)field = value;
		else if (k->kind == BIT_ON)
			*(unsigned long *)field |= (unsigned long)k->min;
		else if (k->kind == BIT_OFF)
			*(unsigned long *)field &= ~(unsigned long)k->min;
		else if (k->kind != NOTHING)
			*(bool *)field = k->kind == FLAG_ON;
		return 0;
	}
	buf_printf(error, "unknown option: %s", word);
	return -EINVAL;
}

/* Splits in place at commas; "\," and "\\" stand for themselves. */
static int set_list(struct options *o, char *list, struct buf *error)
{
	char *from = list;

	while (from) {
		char *word = from;
		char *to = from;
		int r;

		while (*from && *from != ',') {
			if (*from == '\\' && from[1])
				from++;
			*to++ = *from++;
		}
		from = *from ? from + 1 : NULL;
		*to = '\0';
		r = *word ? set(o, word, error) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct buf *error)
{
	static const struct option longs[] = {
		{ "ready", required_argument, NULL, 'r' },
		{ "lifeline", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int c, r;

	*o = (struct options){
		.mount = { .subtype = "hrfs" },
		.threads = LANES_DEFAULT,
		.settle_quiet_ms = 2,
		.settle_cap_ms = 500,
		.ready_fd = -1,
		.lifeline_fd = -1,
	};
	while ((c = getopt_long(argc, argv, "+o:", longs, NULL)) != -1) {
		switch (c) {
		case 'o':
			r = set_list(o, optarg, error);
			if (r < 0)
				return r;
			break;
		case 'r':
			o->ready_fd = atoi(optarg);
			break;
		case 'l':
			o->lifeline_fd = atoi(optarg);
			break;
		case 'f':
			o->foreground = true;
			break;
		default:
			buf_puts(error, "usage: hrfs-fs [-o OPTIONS] [--ready FD] [--lifeline FD] [--foreground] SRC MNT");
			return -EINVAL;
		}
	}
	if (argc - optind != 2) {
		buf_puts(error, "usage: hrfs-fs [-o OPTIONS] [--ready FD] [--lifeline FD] [--foreground] SRC MNT");
		return -EINVAL;
	}
	if (!o->source)
		o->source = argv[optind];
	o->mount.mountpoint = argv[optind + 1];
	return 0;
}
