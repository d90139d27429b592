/*
 * A supervisor with nothing to decide: starts what it is told to, by the parts that touch processes, and prints what
 * they report, each as a line that begins with '@'. Commands are lines of standard input (or of a fifo):
 *   start | go N | stop N SIGNAL GRACE_MS | kill N | signal N SIGNAL | killall | feed TEXT | note TEXT | tail | quit
 * It ends after `quit`, or (without --stay) when its one job has ended.
 */
#include "core/base/loop.h"
#include "core/config_keys.h"
#include "supervisor/output.h"
#include "supervisor/process.h"
#include "supervisor/ready.h"
#include "supervisor/sockets.h"
#include "supervisor/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_JOBS 32

struct job {
	int number;
	struct process *process; /* NULL: ended */
	struct ready *ready;
};

static struct driver {
	uv_loop_t loop;
	struct processes *processes;
	struct terminal *terminal;
	struct output *output;
	struct output_stream *stream;
	struct sockets *sockets;
	struct strv listen, names, env;
	struct config_ready how;
	bool has_ready, stay, keys, hold, prefix, colour;
	const char *job_program, *control_path, *cwd;
	enum process_mode mode;
	int port;
	int64_t timeout_ms, quiet_ms;
	char **argv;
	struct job jobs[MAX_JOBS];
	int count;
	int control;
	uv_poll_t control_poll;
	struct buf line;
} d = { .job_program = "hrfs-job", .timeout_ms = 30000 };

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char text[8192];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		_exit(9);
}

static void finish(void);

/* ---- events ---- */

static void on_ready(struct ready *r, int status, const char *text, void *arg)
{
	struct job *j = arg;

	say("@%s %d %s\n", status ? "unready" : "ready", j->number, text);
}

static void on_status(struct ready *r, const char *text, void *arg)
{
	say("@status %d %s\n", ((struct job *)arg)->number, text);
}

static void on_reloading(struct ready *r, bool over, void *arg)
{
	say("@reloading %d %s\n", ((struct job *)arg)->number, over ? "over" : "begins");
}

static void on_started(struct process *p, void *arg)
{
	struct job *j = arg;

	say("@started %d %d\n", j->number, process_pid(p));
	if (j->ready)
		ready_begin(j->ready, process_job_pid(p));
}

static void on_failed(struct process *p, const char *text, void *arg)
{
	say("@failed %d %s\n", ((struct job *)arg)->number, text);
}

static void on_exited(struct process *p, struct process_status status, void *arg)
{
	AUTO_BUF text = { 0 };

	process_status_text(status, &text);
	say("@exited %d %s\n", ((struct job *)arg)->number, buf_str(&text));
}

static void on_ended(struct process *p, void *arg)
{
	struct job *j = arg;

	say("@ended %d\n", j->number);
	ready_free(j->ready);
	j->ready = NULL;
	j->process = NULL;
	if (!d.stay && processes_count(d.processes) == 0)
		finish();
}

static const struct process_events events = {
	.started = on_started,
	.failed = on_failed,
	.exited = on_exited,
	.ended = on_ended,
};

/* ---- commands ---- */

static int environment(struct job *j, struct strv *env)
{
	int r = strv_add_all(env, &d.env);

	return r == 0 && j->ready ? ready_environment(j->ready, env) : r;
}

static void start(void)
{
	struct job *j = &d.jobs[d.count];
	struct process_options o = { .job = "test/run",
				     .argv = d.argv,
				     .cwd = d.cwd,
				     .sockets = d.sockets,
				     .mode = d.mode,
				     .output = d.stream,
				     .terminal = d.terminal,
				     .events = &events,
				     .arg = j };
	struct ready_options ready = { .how = &d.how,
				       .timeout_ms = d.timeout_ms,
				       .quiet_ms = d.quiet_ms,
				       .port = d.port,
				       .sockets = d.sockets,
				       .output = d.mode == PROCESS_TERMINAL ? NULL : d.stream,
				       .done = on_ready,
				       .status = on_status,
				       .reloading = on_reloading,
				       .arg = j };
	AUTO_BUF error = { 0 };
	AUTO_STRV env = { 0 };
	int r = 0;

	j->number = d.count++;
	if (d.has_ready)
		r = ready_new(&d.loop, &ready, &j->ready, &error);
	if (r == 0)
		r = environment(j, &env);
	o.env = env.items;
	if (r == 0)
		r = process_new(d.processes, &o, &j->process, &error);
	if (r < 0) {
		say("@refused %d %s\n", j->number, buf_str(&error));
		return;
	}
	say("@job %d %d\n", j->number, process_job_pid(j->process));
	if (!d.hold)
		process_go(j->process);
}

static void show(const struct output_line *line, void *arg)
{
	say("@line %s %s %s\n", line->service, output_stage_name(line->stage), line->text);
}

static void command(const char *line)
{
	char word[16] = "", text[256] = "";
	struct job *j = NULL;
	int number = -1, sig = 0, grace = 0;

	if (sscanf(line, "feed %255[^\n]", text) == 1) {
		output_feed(d.stream, text, strlen(text), false);
		output_feed(d.stream, "\n", 1, false);
		return;
	}
	if (sscanf(line, "note %255[^\n]", text) == 1) {
		output_note(d.output, "%s", text);
		return;
	}
	sscanf(line, "%15s %d %d %d", word, &number, &sig, &grace);
	if (number >= 0 && number < d.count && d.jobs[number].process)
		j = &d.jobs[number];
	if (strcmp(word, "start") == 0)
		start();
	else if (strcmp(word, "killall") == 0)
		processes_kill_all(d.processes);
	else if (strcmp(word, "tail") == 0)
		output_lines(d.output, NULL, 20, show, NULL);
	else if (strcmp(word, "quit") == 0)
		finish();
	else if (j && strcmp(word, "go") == 0)
		process_go(j->process);
	else if (j && strcmp(word, "stop") == 0)
		process_stop(j->process, sig, grace);
	else if (j && strcmp(word, "kill") == 0)
		process_kill(j->process);
	else if (j && strcmp(word, "signal") == 0)
		process_signal(j->process, sig);
	else
		say("@what %s\n", line);
}

static void control_readable(uv_poll_t *poll, int status, int mask)
{
	char data[512];
	ssize_t n = read(d.control, data, sizeof(data));

	if (n <= 0) {
		uv_poll_stop(poll);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (data[i] != '\n') {
			buf_putc(&d.line, data[i]);
			continue;
		}
		command(buf_str(&d.line));
		buf_truncate(&d.line, 0);
	}
}

/* ---- beginning and end ---- */

static void on_stop(int sig, bool at_once, void *arg)
{
	say("@stop %d%s\n", sig, at_once ? " at once" : "");
	for (int i = 0; i < d.count; i++) {
		if (d.jobs[i].process && at_once)
			process_kill(d.jobs[i].process);
		else if (d.jobs[i].process)
			process_stop(d.jobs[i].process, SIGTERM, 5000);
	}
	if (!processes_count(d.processes))
		finish();
}

static void on_key(enum terminal_key key, void *arg)
{
	say("@key %d\n", key);
	if (key == TERMINAL_QUIT)
		finish();
}

static void finish(void)
{
	if (uv_is_closing((uv_handle_t *)&d.control_poll))
		return;
	uv_close((uv_handle_t *)&d.control_poll, NULL);
	for (int i = 0; i < d.count; i++)
		if (d.jobs[i].process)
			process_kill(d.jobs[i].process);
	uv_stop(&d.loop);
}

static const struct option options[] = {
	{ "job", required_argument, NULL, 'j' },    { "mode", required_argument, NULL, 'm' },
	{ "listen", required_argument, NULL, 'l' }, { "name", required_argument, NULL, 'n' },
	{ "ready", required_argument, NULL, 'r' },  { "timeout", required_argument, NULL, 't' },
	{ "port", required_argument, NULL, 'p' },   { "env", required_argument, NULL, 'e' },
	{ "cwd", required_argument, NULL, 'd' },    { "control", required_argument, NULL, 'c' },
	{ "stay", no_argument, NULL, 's' },	    { "keys", no_argument, NULL, 'k' },
	{ "hold", no_argument, NULL, 'h' },	    { "prefix", no_argument, NULL, 'P' },
	{ "colour", no_argument, NULL, 'C' },	    { "quiet", required_argument, NULL, 'q' },
	{ 0 },
};

static int take_mode(const char *word)
{
	d.mode = strcmp(word, "pty") == 0	 ? PROCESS_PTY
		 : strcmp(word, "terminal") == 0 ? PROCESS_TERMINAL
						 : PROCESS_PIPE;
	return 0;
}

static int take_ready(const char *word)
{
	d.has_ready = true;
	return strcmp(word, "default") == 0 ? 0 : config_parse_ready(word, &d.how);
}

static int take(int c)
{
	switch (c) {
	case 'j':
		d.job_program = optarg;
		return 0;
	case 'm':
		return take_mode(optarg);
	case 'l':
		return strv_add(&d.listen, optarg);
	case 'n':
		return strv_add(&d.names, optarg);
	case 'r':
		return take_ready(optarg);
	case 'q':
		d.quiet_ms = atoi(optarg);
		return 0;
	case 't':
		d.timeout_ms = atoi(optarg);
		return 0;
	case 'p':
		d.port = atoi(optarg);
		return 0;
	case 'e':
		return strv_add(&d.env, optarg);
	case 'd':
		d.cwd = optarg;
		return 0;
	case 'c':
		d.control_path = optarg;
		return 0;
	default:
		d.stay |= c == 's';
		d.keys |= c == 'k';
		d.hold |= c == 'h';
		d.prefix |= c == 'P';
		d.colour |= c == 'C';
		return c == '?' ? -EINVAL : 0;
	}
}

static int set_up(void)
{
	static const struct terminal_events terminal_events = { .stop = on_stop, .key = on_key };
	struct output_options o = { .fd = 1, .error_fd = 1, .prefix = d.prefix, .colour = d.colour };
	AUTO_BUF error = { 0 };
	int r = uv_loop_init(&d.loop);

	if (r == 0 && d.listen.count)
		r = sockets_open(&d.listen, &d.names, "", &d.sockets, &error);
	if (r < 0) {
		say("@error %s\n", buf_str(&error));
		return r;
	}
	for (size_t i = 0; d.sockets && i < sockets_count(d.sockets); i++)
		say("@listen %s\n", sockets_address(d.sockets, i));
	d.control = d.control_path ? open(d.control_path, O_RDWR | O_CLOEXEC) : dup(STDIN_FILENO);
	r = processes_new(&d.loop, d.job_program, &d.processes);
	if (r == 0)
		r = output_new(&d.loop, &o, &d.output);
	if (r == 0)
		r = terminal_new(&d.loop, &terminal_events, d.keys, NULL, &d.terminal);
	if (r == 0)
		r = uv_poll_init(&d.loop, &d.control_poll, d.control);
	if (r == 0)
		r = uv_poll_start(&d.control_poll, UV_READABLE, control_readable);
	d.stream = r == 0 ? output_stream(d.output, "test", OUTPUT_RUN) : NULL;
	return d.stream ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "+", options, NULL)) != -1)
		r = take(c);
	d.argv = argv + optind;
	if (r < 0 || optind >= argc || set_up() < 0)
		return 125;
	say("@terminal %d\n", terminal_present(d.terminal));
	start();
	uv_run(&d.loop, UV_RUN_DEFAULT);
	/* what was killed is waited for */
	uv_run(&d.loop, UV_RUN_DEFAULT);
	terminal_free(d.terminal);
	processes_free(d.processes);
	for (int i = 0; i < d.count; i++)
		ready_free(d.jobs[i].ready);
	output_free(d.output);
	uv_run(&d.loop, UV_RUN_DEFAULT);
	r = uv_loop_close(&d.loop);
	sockets_free(d.sockets);
	strv_done(&d.listen);
	strv_done(&d.names);
	strv_done(&d.env);
	buf_done(&d.line);
	free(d.how.text);
	close(d.control);
	say("@end %d\n", r);
	return r ? 1 : 0;
}
