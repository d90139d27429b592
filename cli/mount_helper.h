/*
 * How mount(8) and test suites of file systems call hrfs: `hrfs NAME MNT -o OPTIONS`, where the first word may be
 * anything, or `hrfs -o OPTIONS [SRC] MNT`. Silent when all is well. One thread.
 */
#pragma once
#include <stdbool.h>

/* is it this form? With `mount` as its first word only when the options name a source */
bool mount_helper_is(int argc, char **argv);
int mount_helper_run(int argc, char **argv);
