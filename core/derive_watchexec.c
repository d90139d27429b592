/* watchexec's words. */
#include "core/derive_parts.h"
#include "core/config.h"
#include "core/config_keys.h"
#include <errno.h>
#include <string.h>

enum what {
	SKIP,
	SKIP_VALUE,
	NO_SHELL,
	SHELL,
	WATCH,
	EXTENSIONS,
	IGNORE,
	FILTER,
	SIGNAL,
	STOP,
	STOP_TIMEOUT,
	ENV,
	WORKDIR,
	POSTPONE
};

static const struct option {
	const char *word;
	char letter;
	enum what what;
} options[] = {
	{ "watch", 'w', WATCH },
	{ "watch-non-recursive", 'W', WATCH },
	{ "exts", 'e', EXTENSIONS },
	{ "ignore", 'i', IGNORE },
	{ "filter", 'f', FILTER },
	{ "signal", 's', SIGNAL },
	{ "stop-signal", 0, STOP },
	{ "stop-timeout", 0, STOP_TIMEOUT },
	{ "env", 'E', ENV },
	{ "workdir", 0, WORKDIR },
	{ "shell", 0, SHELL },
	{ "no-shell", 0, NO_SHELL },
	{ NULL, 'n', NO_SHELL },
	{ "postpone", 'p', POSTPONE },
	/* what hrfs does anyway, or has no need of */
	{ "restart", 'r', SKIP },
	{ "clear", 'c', SKIP },
	{ "notify", 'N', SKIP },
	{ "quiet", 'q', SKIP },
	{ "verbose", 'v', SKIP },
	{ "no-meta", 0, SKIP },
	{ "no-process-group", 0, SKIP },
	{ "no-default-ignore", 0, SKIP },
	{ "no-global-ignore", 0, SKIP },
	{ "timings", 0, SKIP },
	{ "print-events", 0, SKIP },
	{ "interactive", 'I', SKIP },
	{ "poll", 0, SKIP },
	{ "debounce", 'd', SKIP_VALUE },
	{ "delay-run", 0, SKIP_VALUE },
	{ "on-busy-update", 'o', SKIP_VALUE },
	{ "wrap-process", 0, SKIP_VALUE },
	{ "emit-events-to", 0, SKIP_VALUE },
	{ "fs-events", 0, SKIP_VALUE },
	{ "color", 0, SKIP_VALUE },
};

struct watchexec {
	struct strv dirs, extensions;
	bool shell;
};

static void watchexec_done(struct watchexec *w)
{
	strv_done(&w->dirs);
	strv_done(&w->extensions);
}

static const struct option *find(const char *word)
{
	size_t len = strcspn(word + 2, "=");

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *o = &options[i];

		if (word[1] != '-' ? o->letter == word[1]
				   : o->word && strncmp(word + 2, o->word, len) == 0 && !o->word[len])
			return o;
	}
	return NULL;
}

static int take_time(struct derive *d, struct derived_service *s, const char *value)
{
	int64_t ms;

	if (config_parse_duration(value, &ms) < 0 && (value[strspn(value, "0123456789")] || !*value))
		return derive_fail(d, "watchexec: '%s' is no time", value);
	if (!value[strspn(value, "0123456789")])
		ms = atoll(value) * 1000;
	s->grace_ms = ms > 0 && ms < 3600000 ? (int)ms : 0;
	return 0;
}

/* one that can be named */
static int take_signal(struct derive *d, const char *value, const char *before, char **out)
{
	if (!signal_by_name(value))
		return derive_fail(d, "watchexec: there is no signal '%s'", value);
	derived_set(d, out, "%s%s", before, value);
	return 0;
}

static int take(struct derive *d, const struct place *p, struct watchexec *w, struct derived_service *s,
		const struct option *o, const char *value)
{
	switch (o->what) {
	case WATCH:
		derived_list(d, &w->dirs, "%s", value);
		return 0;
	case EXTENSIONS:
		derived_parts(d, value, &w->extensions);
		return 0;
	case IGNORE:
		derived_pattern(d, p, &s->ignore, NULL, value);
		return 0;
	case FILTER:
		derived_pattern(d, p, &s->watch, NULL, value);
		return 0;
	case SIGNAL:
		return take_signal(d, value, "signal:", &s->reload);
	case STOP:
		return take_signal(d, value, "", &s->stop);
	case STOP_TIMEOUT:
		return take_time(d, s, value);
	case ENV:
		if (!strchr(value, '=') || *value == '=')
			return derive_fail(d, "watchexec: --env wants NAME=VALUE, not '%s'", value);
		derived_list(d, &s->env, "%s", value);
		return 0;
	case WORKDIR:
		if (*value == '/')
			return derive_fail(d, "watchexec: --workdir %s: only a directory below this one is understood",
					   value);
		derived_set(d, &s->cwd, "%s", value);
		return 0;
	case SHELL:
		w->shell = strcmp(value, "none") != 0;
		return 0;
	case NO_SHELL:
		w->shell = false;
		return 0;
	case POSTPONE:
		derived_note(d, "watchexec: --postpone: hrfs starts at once");
		return 0;
	default:
		return 0;
	}
}

static bool wants_value(enum what w)
{
	return w != SKIP && w != NO_SHELL && w != POSTPONE;
}

/* *i: at an option; behind it and its value afterwards */
static int take_option(struct derive *d, const struct place *p, struct watchexec *w, struct derived_service *s,
		       char *const argv[], size_t *i)
{
	const char *word = argv[*i], *value = NULL;
	const struct option *o = find(word);
	bool letter = word[1] != '-';

	if (!o || (letter && word[2] && !wants_value(o->what)))
		return derive_fail(d, "watchexec: '%s' is not understood", word);
	++*i;
	if (letter && word[2])
		value = word + 2 + (word[2] == '=');
	else if (!letter && strchr(word, '='))
		value = strchr(word, '=') + 1;
	else if (wants_value(o->what) && !(value = argv[*i]))
		return derive_fail(d, "watchexec: %s wants a value", word);
	else if (wants_value(o->what))
		++*i;
	return take(d, p, w, s, o, value);
}

static int take_command(struct derive *d, const struct place *p, struct watchexec *w, struct derived_service *s,
			char *const *argv)
{
	AUTO_STRV words = { 0 };
	AUTO_BUF line = { 0 };
	int r = 0;

	if (!*argv)
		return derive_fail(d, "watchexec: no command");
	for (size_t i = 0; r == 0 && argv[i]; i++) {
		r = strv_add(&words, argv[i]);
		if (r == 0)
			r = buf_printf(&line, "%s%s", i ? " " : "", argv[i]);
	}
	if (r < 0)
		d->no_memory = true;
	if (w->shell) /* as watchexec gives it to the shell */
		derived_command(d, p, s, buf_str(&line));
	else if (!derived_split(d, p, s, &words))
		derived_words(d, &s->run, &words);
	return 0;
}

int derive_watchexec(struct derive *d, const struct place *p, char *const argv[])
{
	AUTO_DONE(watchexec) struct watchexec w = { .shell = true };
	struct derived_service *s = derived_add(d, p, place_base(d, p), "");
	size_t i = 1;
	int r = 0;

	if (!s)
		return 0;
	derived_set(d, &s->from, "watchexec");
	while (r == 0 && argv[i] && *argv[i] == '-' && argv[i][1] && strcmp(argv[i], "--") != 0)
		r = take_option(d, p, &w, s, argv, &i);
	if (r < 0)
		return r;
	i += argv[i] && strcmp(argv[i], "--") == 0;
	derived_watch(d, p, &s->watch, &w.dirs, &w.extensions);
	return take_command(d, p, &w, s, argv + i);
}
