#include "core/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the file and what is known of it */
static int log_fd = STDERR_FILENO;
static char log_path[PATH_MAX];
static size_t log_max, log_size;
static unsigned long lost; /* lines, since one was last written */
static bool torn;	   /* what is in the file ends in the middle of one */
static int level_set = -1;

void log_set_level(enum log_level level)
{
	__atomic_store_n(&level_set, (int)level, __ATOMIC_RELAXED);
}

static int level_now(void)
{
	int level = __atomic_load_n(&level_set, __ATOMIC_RELAXED);
	const char *debug;

	if (level >= 0)
		return level;
	debug = getenv("HRFS_DEBUG");
	level = debug && *debug ? LOG_DEBUG : LOG_INFO;
	log_set_level((enum log_level)level);
	return level;
}

static int open_log(const char *path, size_t *size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return -errno;
	*size = fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
	return fd;
}

int log_to_file(const char *path, size_t max_bytes)
{
	size_t size;
	int fd;

	if (strlen(path) + 3 > sizeof(log_path))
		return -ENAMETOOLONG;
	fd = open_log(path, &size);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&lock);
	if (log_fd != STDERR_FILENO)
		close(log_fd);
	log_fd = fd;
	log_size = size;
	log_max = max_bytes;
	strcpy(log_path, path);
	pthread_mutex_unlock(&lock);
	return 0;
}

static void use(int fd, size_t size)
{
	close(log_fd);
	log_fd = fd;
	log_size = size;
}

/*
 * With the lock held. Several processes may write one file: what another one has rotated is left, and
 * only one rotates at a time. Where anything fails the old file goes on: a log line is not worth more.
 */
static void keep_small(size_t more)
{
	char old[PATH_MAX + 3];
	struct stat now, own;
	size_t size = 0;
	int fd;

	if (fstat(log_fd, &own))
		return;
	log_size = (size_t)own.st_size;
	if (stat(log_path, &now) == 0 && now.st_ino == own.st_ino && now.st_dev == own.st_dev) {
		if (log_size + more <= log_max || flock(log_fd, LOCK_EX | LOCK_NB))
			return;
		snprintf(old, sizeof(old), "%s.1", log_path);
		if (rename(log_path, old))
			return;
	}
	fd = open_log(log_path, &size);
	if (fd >= 0)
		use(fd, size);
}

/* "TIME LEVEL "; returns its length */
static size_t begin_line(char *line, size_t size, enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	len = strftime(line, size, "%F %T", &tm);
	return len + (size_t)snprintf(line + len, size - len, ".%03ld %s ", now.tv_nsec / 1000000, names[level]);
}

/* With the lock held: a full disk takes a part, or nothing. */
static bool put(const char *line, size_t len)
{
	ssize_t n = write(log_fd, line, len);

	if (n > 0) {
		log_size += (size_t)n;
		torn = (size_t)n < len;
	}
	return n == (ssize_t)len;
}

/* With the lock held: what is missing is said before what comes next. */
static bool say_lost(void)
{
	char line[256];
	size_t len = 0;

	if (torn)
		line[len++] = '\n';
	len += begin_line(line + len, sizeof(line) - len, LOG_WARN);
	len += (size_t)snprintf(line + len, sizeof(line) - len,
				"event=log_lines_lost count=%lu meaning=\"they could not be written\"\n", lost);
	return put(line, len);
}

void log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[1024];
	size_t len;
	va_list args;
	int n;

	if ((int)level > level_now())
		return;
	len = begin_line(line, sizeof(line), level);
	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (n > 0)
		len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	line[len++] = '\n';
	pthread_mutex_lock(&lock);
	if (log_max)
		keep_small(len);
	if (lost && say_lost())
		lost = 0;
	if (lost || !put(line, len))
		lost++;
	pthread_mutex_unlock(&lock);
	errno = saved;
}
