/* The service that a COMMAND on the command line becomes. One thread. */
#pragma once
#include "core/config.h"
#include "core/derive.h"
#include "supervisor/options.h"

/*
 * Takes `go run` and `cargo run` apart (others: apart has no service), and makes the directory for what they build: before
 * changes are heard of, for it is none. A tree that can't be written to has its command run as it is. 0 or -ENOMEM
 */
int command_prepare(const struct options *o, struct derived *apart);
/* 0; -EINVAL: *error has one line; -ENOMEM */
int command_config(const struct options *o, const struct derived *apart, struct config **out, struct buf *error);
