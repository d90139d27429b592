/*
 * One line an event: time, level, text with key=value pairs. To stderr, or to a file that rotates.
 * Any thread. A program logs an error once, where it decides what to do; core logs at debug only.
 */
#pragma once
#include <stddef.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* At most this level is written; LOG_INFO at the start, LOG_DEBUG where HRFS_DEBUG is set and not empty. */
void log_set_level(enum log_level level);
/*
 * From now on into PATH (made 0600, appended); beyond max_bytes it is renamed to PATH.1 and begun
 * anew. Several processes may write to one file. A full disk loses
 * lines, never blocks or fails the program; when there is room again, one line says how many. 0 or -errno.
 */
int log_to_file(const char *path, size_t max_bytes);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
