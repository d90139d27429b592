/* Paths that are written again and again while they are open (logs): they hold up no batch. The settling thread's. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

void noisy_note(const char *path, int64_t now_ns);
bool noisy_any(int64_t now_ns);
bool noisy_is(const char *path, int64_t now_ns);
