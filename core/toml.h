/*
 * TOML 1.0 as a JSON object: tables are objects, dates and times are strings as written. What other tools' files
 * (.air.toml, Cargo.toml, pyproject.toml) say; hrfs itself writes none. Pure, bounded, any thread.
 */
#pragma once
#include "core/base/buf.h"
#include "core/json.h"

#define TOML_MAX_BYTES (1024 * 1024)
#define TOML_MAX_DEPTH 32

/*
 * text: len bytes. file_name is for messages only. 0: *out is the caller's (json_decref); -EINVAL: *error says
 * "FILE:LINE: …" in one line; -ENOMEM
 */
int toml_parse(const char *file_name, const char *text, size_t len, json_t **out, struct buf *error);
