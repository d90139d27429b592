/*
 * `go run` starts the server as a child of its own, which LISTEN_PID then does not name. It lets another
 * program start it, though (-exec): hrfs-job does, as "hrfs-job --adopt PROGRAM ARG…". For hrfs-job's only thread.
 */
#pragma once

/* argv itself, or for `go run` a list (of the heap) that has the option; where memory lacks, argv */
char **adopt_argv(char **argv);
/* LISTEN_PID becomes this process, where it is set; executes argv. The errno of that */
int adopt_execute(char **argv);
