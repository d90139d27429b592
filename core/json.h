/* The one home of <jansson.h>, and what JSON lacks for bytes that are no text. Any thread. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define JSON_MAX_DEPTH 64

/* a new string; bytes that are no UTF-8 become U+FFFD. NULL: no memory */
json_t *json_bytes(const char *bytes);
/* sets o's `key`, and beside it `key`_b64 with the bytes themselves when they are no UTF-8. 0 or -ENOMEM */
int json_set_bytes(json_t *o, const char *key, const char *bytes);
/* `key`_b64 decoded when it is there and valid, else `key`; malloc'ed, NULL when neither is a string */
char *json_get_bytes(const json_t *o, const char *key);
/* one JSON value of at most JSON_MAX_DEPTH levels; NULL: it is none, *why (static text) says so */
json_t *json_parse(const char *text, size_t len, const char **why);
