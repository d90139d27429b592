/* The services of a mount: started in the background, or handed to one's own process. One thread. */
#pragma once
#include "cli/launch.h"

/* has the tree a configuration? */
bool services_configured(const char *tree);
/* Starts the supervisor in the background. command NULL: what hrfs.yaml says. CLI_OK or the exit code, said. */
int services_start(const struct launch_mount *m, char *const *command, json_t **ready);
/* says why what hrfs.yaml says now is not in force; true when there was something to say */
bool services_say_config_error(const json_t *answer);
/* says what was not started and which one command does it; true when there was something to say */
bool services_say_not_started(const json_t *ready, const char *source);
/* "api, web" */
int services_names(const json_t *ready, struct buf *out);
