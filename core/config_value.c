/* What single values mean: times, signals, ready and reload words. */
#include "core/command.h"
#include "core/config_keys.h"
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "TERM", SIGTERM }, { "INT", SIGINT },	  { "HUP", SIGHUP },   { "QUIT", SIGQUIT },
	{ "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH },
	{ "ABRT", SIGABRT }, { "ALRM", SIGALRM }, { "CONT", SIGCONT }, { "STOP", SIGSTOP },
	{ "CHLD", SIGCHLD }, { "PIPE", SIGPIPE }, { "SEGV", SIGSEGV }, { "BUS", SIGBUS },
	{ "FPE", SIGFPE },   { "ILL", SIGILL },	  { "TRAP", SIGTRAP }, { "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN }, { "TTOU", SIGTTOU }, { "URG", SIGURG },   { "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ }, { "SYS", SIGSYS },	  { "IO", SIGIO },     { "PWR", SIGPWR },
};

int signal_by_name(const char *name)
{
	char *end;
	long number;

	if (isdigit((unsigned char)*name)) {
		number = strtol(name, &end, 10);
		return *end || number < 1 || number >= SIGRTMAX ? 0 : (int)number;
	}
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcasecmp(signals[i].name, name) == 0)
			return signals[i].number;
	}
	return 0;
}

const char *signal_name(int number)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (signals[i].number == number)
			return signals[i].name;
	}
	return NULL;
}

int config_parse_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	unsigned long long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || number > INT_MAX)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*ms = (int64_t)number * units[i].ms;
			return 0;
		}
	}
	return -EINVAL;
}

int config_command_set(struct config_command *c, const char *line)
{
	struct config_command set = { 0 };
	int r = command_words(line, &set.argv);

	if (r < 0)
		return r;
	set.line = strdup(line);
	if (!set.line) {
		strv_done(&set.argv);
		return -ENOMEM;
	}
	free(c->line);
	strv_done(&c->argv);
	*c = set;
	return 0;
}

int config_parse_ready(const char *text, struct config_ready *out)
{
	struct config_ready ready = { 0 };
	const char *rest = strchr(text, ':');

	rest = rest ? rest + 1 : NULL;
	if (strcmp(text, "notify") == 0) {
		ready.kind = CONFIG_READY_NOTIFY;
		rest = NULL;
	} else if (strcmp(text, "exit") == 0) {
		ready.kind = CONFIG_READY_EXIT;
		rest = NULL;
	} else if (strcmp(text, "tcp") == 0 || (strncmp(text, "tcp:", 4) == 0 && *rest)) {
		ready.kind = CONFIG_READY_TCP;
	} else if (strncmp(text, "http:/", 6) == 0 && !strpbrk(rest, " \t\r\n")) {
		ready.kind = CONFIG_READY_HTTP;
	} else if (strncmp(text, "log:", 4) == 0 && *rest) {
		ready.kind = CONFIG_READY_LOG;
		if (!config_is_regex(rest))
			return -EINVAL;
	} else if (strncmp(text, "delay:", 6) == 0 &&
		   config_parse_duration(rest, &ready.delay_ms) == 0 && ready.delay_ms <= 3600000) {
		ready.kind = CONFIG_READY_DELAY;
		rest = NULL;
	} else {
		return -EINVAL;
	}
	if (rest) {
		ready.text = strdup(rest);
		if (!ready.text)
			return -ENOMEM;
	}
	free(out->text);
	*out = ready;
	return 0;
}

int config_parse_reload(const char *text, struct config_reload *out)
{
	static const char *const words[] = { [CONFIG_RELOAD_RESTART] = "restart",
					     [CONFIG_RELOAD_OVERLAP] = "overlap",
					     [CONFIG_RELOAD_NONE] = "none" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i] && strcmp(text, words[i]) == 0) {
			out->kind = (enum config_reload_kind)i;
			return 0;
		}
	}
	if (strncmp(text, "signal:", 7) == 0) {
		int number = signal_by_name(text + 7);

		if (!number)
			return -EINVAL;
		out->kind = CONFIG_RELOAD_SIGNAL;
		out->signal = number;
		return 0;
	}
	if (strncmp(text, "exec:", 5) == 0) {
		int r = config_command_set(&out->exec, text + 5 + strspn(text + 5, " "));

		if (r == 0)
			out->kind = CONFIG_RELOAD_EXEC;
		return r;
	}
	return -EINVAL;
}

static bool is_port(const char *text)
{
	char *end;
	long port;

	if (!isdigit((unsigned char)*text))
		return false;
	port = strtol(text, &end, 10);
	return !*end && port <= 65535;
}

/* Only the form: what the name resolves to is known when it is bound. */
bool config_is_address(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (strlen(text) > 255 || strpbrk(text, " \t\r\n"))
		return false;
	if (strncmp(text, "unix:", 5) == 0)
		return text[5] != '\0';
	if (*text == '/' || *text == '@')
		return text[1] != '\0';
	if (!colon)
		return is_port(text);
	if (!is_port(colon + 1))
		return false;
	if (*text == '[')
		return colon > text + 2 && colon[-1] == ']';
	return memchr(text, ':', (size_t)(colon - text)) == NULL;
}
