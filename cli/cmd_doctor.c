/* What is in use here, and what would better it. Each check is a line; a line that says what to do has a reason. */
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/fuse_check.h"
#include "cli/fuse_conf.h"
#include "cli/job_probe.h"
#include "cli/say.h"
#include "core/reads_how.h"
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

static void say_check(bool good, const char *what, const char *said, const char *mend)
{
	enum say_style style = good ? SAY_GREEN : SAY_YELLOW;

	printf("%s%-6s%s %-14s %s\n", say_style(style), good ? "good" : "better", say_style(SAY_PLAIN), what, said);
	if (!good && mend)
		printf("%-21s %s\n", "", mend);
}

/* ---- the machine ---- */

static void check_kernel(void)
{
	struct utsname u;
	int major = 0, minor = 0;
	char said[sizeof(u.release) + 32];

	if (uname(&u))
		return;
	sscanf(u.release, "%d.%d", &major, &minor);
	snprintf(said, sizeof(said), "Linux %s", u.release);
	say_check(major > 5 || (major == 5 && minor >= 17), "kernel", said,
		  "from 5.17 on it tells both names of a rename at once, from 5.13 on an ordinary user of changes behind a mount");
}

static void check_others(void)
{
	bool may = geteuid() == 0 || fuse_conf_allows_others();

	say_check(may, "others", may ? "may be let in with -o allow_other" : "cannot be let into a mount of yours",
		  "for containers and root: echo user_allow_other | sudo tee -a /etc/fuse.conf");
}

static long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static void check_budget(void)
{
	long marks = read_number("/proc/sys/fs/fanotify/max_user_marks");
	char said[64];

	if (marks < 0) {
		say_check(false, "fanotify", "the kernel has none",
			  "changes behind a mount are seen within a second, and start no reload");
		return;
	}
	snprintf(said, sizeof(said), geteuid() ? "%ld directories in all mounts of yours" : "root may mark as many as it likes",
		 marks);
	say_check(geteuid() == 0 || marks >= 50000, "fanotify", said,
		  "for larger trees: sudo sysctl fs.fanotify.max_user_marks=500000 (1.25 KB of memory for each that is used)");
}

/* by which way `hrfs run` knows what a change concerns: its first line begins with the same words. answers: the mount, where it answers opens */
static void check_jobs(bool answers)
{
	AUTO_JOB_PROBE p = { 0 };
	AUTO_BUF said = { 0 };

	job_probe(&p);
	buf_printf(&said, "%s: %s", reads_how_effect(p.marks ? READS_MARK : answers ? READS_OPENS : READS_NAMES),
		   !p.marks	  ? buf_str(&p.why) :
		   geteuid() == 0 ? "what they open is marked, as root" :
				    "what they open is marked, by hrfs-job's capability");
	say_check(p.marks, "jobs", buf_str(&said), p.mend.len ? p.mend.data : NULL);
}

/* ---- the mount here ---- */

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void check_outside(const json_t *door)
{
	bool seen = strcmp(text(door, "how"), "timeout") != 0;
	bool sure = strcmp(text(door, "how"), "fanotify") == 0;
	AUTO_BUF said = { 0 };

	if (seen)
		buf_printf(&said, "changes behind the mount are seen at once, by %s (%lld directories and files are watched)",
			   text(door, "how"), (long long)json_integer_value(json_object_get(door, "marks")));
	else
		buf_printf(&said, "changes behind the mount are seen within a second: %s", text(door, "why"));
	say_check(sure, "outside", buf_str(&said),
		  seen ? "inotify tells no writer: allow fanotify_init (docker run --cap-add SYS_ADMIN, or a seccomp profile)" :
			 "change the files by way of the mount, which misses nothing");
}

static void check_cache(const json_t *door)
{
	bool day = strcmp(text(door, "believed"), "day") == 0;
	const json_t *list = json_object_get(door, "not_watched");
	AUTO_BUF said = { 0 };
	size_t i;
	json_t *one;

	buf_printf(&said, "what is known is believed for a %s%s%s", day ? "day" : "second", day ? "" : ": ",
		   day ? "" : text(door, "why"));
	say_check(day, "cache", buf_str(&said), "-o sole_writer, where nobody changes the files behind the mount");
	json_array_foreach(list, i, one)
	{
		AUTO_FREE char *path = json_get_bytes(one, "name");
		AUTO_BUF safe = { 0 };

		if (say_safe(&safe, path && *path ? path : ".") == 0)
			say_check(false, "", buf_str(&safe), text(one, "why"));
	}
}

static void check_git(const json_t *git)
{
	const char *helper = text(git, "helper");

	if (*helper)
		say_check(strcmp(helper, "running") == 0, "git", helper, "ignore rules are not asked for; see the mount's log");
}

static int check_mount(const char *path)
{
	AUTO_ASK a = { 0 };
	json_t *status = NULL;
	int r = ask_open(&a, path);

	if (r == CLI_OK)
		r = ask_call(&a, ask_request(&a, "hrfs-status", NULL), ASK_TIMEOUT_MS, &status);
	if (r != CLI_OK)
		return r;
	printf("\n");
	check_jobs(json_is_true(json_object_get(status, "answers_opens")));
	check_outside(json_object_get(status, "sidedoor"));
	check_cache(json_object_get(status, "sidedoor"));
	check_git(json_object_get(status, "git"));
	json_decref(status);
	return CLI_OK;
}

static bool is_in_a_mount(void)
{
	AUTO_BUF error = { 0 };
	struct client_mount m = { 0 };
	bool is = client_find(NULL, &m, &error) == 0;

	client_mount_done(&m);
	return is;
}

static int run_doctor(int argc, char **argv)
{
	static const struct cli_option options[] = { { NULL, 0, CLI_FLAG, NULL, NULL, NULL } };
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	int r = cli_parse(&cmd_doctor, options, 0, 1, argv, &args);

	if (r >= 0)
		return r;
	check_kernel();
	r = fuse_check();
	if (r != CLI_OK)
		return r;
	say_check(true, "fuse", "you may mount", NULL);
	check_others();
	check_budget();
	if (args.words.count)
		return check_mount(args.words.items[0]);
	if (is_in_a_mount())
		return check_mount(NULL);
	check_jobs(true); /* as hrfs run mounts */
	return CLI_OK;
}

const struct cli_command cmd_doctor = {
	.name = "doctor",
	.summary = "say what is in use here, and what would better it",
	.usage = "[PATH]",
	.help = "Says what this machine, and the mount that PATH (or the working directory) lies in,\n"
		"make use of, and what to do for more: how it is known what jobs read, how changes\n"
		"behind the mount are seen, for how long what is known is believed, where that is only\n"
		"a second and why.\n"
		"\n"
		"  hrfs doctor          can I mount here, and what is missing?\n"
		"  hrfs doctor ./src    and of the mount that ./src lies in\n"
		"\n"
		"Exit status: 0; 1 nothing can be mounted here; 3 PATH lies in no mount.\n",
	.run = run_doctor,
};
