/* Every command, one file each: cli/cmd_NAME.c. */
#pragma once
#include "cli/cli.h"
#include <stdio.h>

extern const struct cli_command cmd_clock, cmd_deps, cmd_doctor, cmd_get_sockname, cmd_help, cmd_init, cmd_log, cmd_mount, cmd_reload,
	cmd_run, cmd_schema, cmd_since, cmd_status, cmd_trace, cmd_trust, cmd_umount, cmd_upgrade, cmd_version, cmd_wait,
	cmd_why;

/* what hrfs is and can do, on one page */
void help_overview(FILE *to);
