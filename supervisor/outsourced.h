/*
 * Commands whose work is done by a process that is not theirs: what that reads is not seen, so what is known of them is
 * not all. Pure; any thread.
 */
#pragma once
#include <stdbool.h>

/* argv: as configured, "sh -c LINE" too */
bool is_outsourced(char *const *argv);
