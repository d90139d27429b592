/*
 * `mount -o remount,...`: other flags for a mount that is there. As of mount(2) what is not said is off, but for the
 * access times. One thread.
 */
#pragma once
#include "core/base/strv.h"

/* Says what is wrong; CLI_OK or CLI_FAILED. Other words are passed over: mount(8) hands over all that the mount has. */
int remount(const char *mountpoint, const struct strv *options);
