/*
 * The keeper mounts, holds what must not be lost (the device, the memory), starts the worker and
 * hrfs-git, and ends the mount when one of them can't go on. It reads no request and touches no file of
 * the tree, so it has no reason to die.
 */
#pragma once
#include "fs/options.h"

/* the process's exit status */
int keeper_main(const struct options *o);
