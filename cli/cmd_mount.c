#include "cli/commands.h"
#include "cli/mounting.h"
#include "cli/say.h"
#include "cli/services.h"
#include <stdio.h>

struct request {
	bool as_json, foreground, no_services;
	char **command;
};

static void say_mounted(const struct mounted *m)
{
	for (size_t i = 0; i < m->notes.count; i++)
		say_note("%s", m->notes.items[i]);
	if (m->place.in_place)
		printf("%s is mounted over itself\n", m->place.mountpoint);
	else
		printf("%s is mounted on %s\n", m->place.source, m->place.mountpoint);
	fflush(stdout);
}

static void say_as_json(const struct mounted *m, const json_t *services)
{
	json_t *o = json_copy(m->ready);
	json_t *notes = json_array();

	for (size_t i = 0; i < m->notes.count; i++)
		json_array_append_new(notes, json_bytes(m->notes.items[i]));
	json_object_set_new(o, "notes", notes);
	if (services) {
		json_object_set(o, "services", json_object_get(services, "services"));
		json_object_set(o, "not_started", json_object_get(services, "not_started"));
		json_object_set(o, "config_error", json_object_get(services, "config_error"));
	}
	say_json(o);
	json_decref(o);
}

static bool has_services(const struct request *q, const char *tree)
{
	return !q->no_services && (q->command || services_configured(tree));
}

static int start_services(const struct mounted *m, const struct request *q, json_t **services)
{
	struct launch_mount mount = {
		.socket = mounted_text(m, "socket"),
		.mountpoint = m->place.mountpoint,
		.source = m->place.source,
		.device = mounted_text(m, "device"),
	};
	int r;

	if (!has_services(q, m->place.mountpoint))
		return CLI_OK;
	r = services_start(&mount, q->command, services);
	if (r != CLI_OK)
		say_note("%s stays mounted, without services; 'hrfs run' there starts them, once that is mended",
			 m->place.mountpoint);
	return r;
}

static void say_services(const json_t *services, const struct place *place)
{
	AUTO_BUF names = { 0 };

	if (!services)
		return;
	if (!services_say_not_started(services, place->source) && services_say_config_error(services))
		say_note("%s stays mounted, without services until that is mended", place->mountpoint);
	services_names(services, &names);
	if (names.len)
		printf("started: %s (hrfs log -f shows what they say)\n", names.data);
}

/* What is only not trusted is no failure: the answer to it is hrfs trust. */
static bool is_wrong(const json_t *services)
{
	return json_is_string(json_object_get(services, "config_error")) &&
	       !json_array_size(json_object_get(services, "not_started"));
}

static int mount_it(struct mounting *m, const struct request *q)
{
	AUTO_MOUNTED done = { 0 };
	json_t *services = NULL;
	int r = mounting_do(m, &done);

	if (r != CLI_OK)
		return r;
	if (!q->as_json)
		say_mounted(&done);
	r = start_services(&done, q, &services);
	if (q->as_json)
		say_as_json(&done, services);
	else
		say_services(services, &done.place);
	if (is_wrong(services))
		r = CLI_FAILED;
	json_decref(services);
	fflush(stdout);
	return q->foreground ? mounting_stay(&done) : r;
}

static int run_mount(int argc, char **argv)
{
	struct mounting m = { .lifeline = -1 };
	struct request q = { 0 };
	const struct cli_option options[] = {
		{ "option", 'o', CLI_LIST, &m.options, "OPT[,OPT...]",
		  "ro, noexec, allow_other, noallow_other, sole_writer, ...\n(see hrfs(1)); may be given again" },
		{ "foreground", 'f', CLI_FLAG, &q.foreground, NULL,
		  "stay here, with the daemon's log; Ctrl-C unmounts" },
		{ "no-services", 'n', CLI_FLAG, &q.no_services, NULL, "start nothing that hrfs.yaml says" },
		{ "json", 'j', CLI_FLAG, &q.as_json, NULL, "what there is to know of the mount" },
		{ NULL, 0, CLI_FLAG, NULL, NULL, NULL },
	};
	AUTO_DONE(cli_args) struct cli_args args = { 0 };
	int r = cli_parse(&cmd_mount, options, 1, 2, argv, &args);

	if (r >= 0)
		goto end;
	r = CLI_USAGE;
	if (args.command && !args.command[0]) {
		say_error("mount: a command is wanted after '--'");
		goto end;
	}
	m.source = args.words.items[0];
	m.mountpoint = args.words.count > 1 ? args.words.items[1] : NULL;
	m.foreground = q.foreground;
	q.command = args.command;
	m.jobs = has_services(&q, m.source);
	r = mount_it(&m, &q);
end:
	strv_done(&m.options);
	return r;
}

const struct cli_command cmd_mount = {
	.name = "mount",
	.summary = "mount a source tree, over itself or elsewhere, in the background",
	.usage = "[-o OPTIONS] [-f] [--json] SRC [MNT] [-- COMMAND [ARG...]]",
	.help = "Mounts SRC on MNT; without MNT over SRC itself, so that every path stays what it\n"
		"was. It comes back when the mount answers. With a COMMAND, or an hrfs.yaml that is\n"
		"trusted, services are started in the background, and restarted at each change.\n"
		"\n"
		"  hrfs mount ~/src/app                        over itself; hrfs umount takes it away\n"
		"  hrfs mount ~/src/app ~/mnt                  elsewhere\n"
		"  hrfs mount ~/src/app -- go run ./cmd/api    with a command that follows changes\n"
		"  hrfs mount -o ro,noallow_other src mnt      options as of any mount\n"
		"\n"
		"Exit status: 0 when it is mounted; 1 when it could not be, or the services could not\n"
		"be started; 2 wrong usage.\n",
	.run = run_mount,
};
