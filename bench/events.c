/*
 * How long after a save does somebody know? Saves FILE again and again, and notes when the event comes.
 *
 *     events inotify FILE COUNT            a watch on the folder
 *     events socket FILE COUNT SOCK LINE   LINE is sent to the socket; each line back that names FILE is the event
 *     events request FILE COUNT            nobody is told: one question about FILE that its file system must answer
 *
 * One thread saves, another sits in read(), as a client would. Prints microseconds, a line each: from just
 * before close(2), or before write(2) when the environment has FROM=write, to the reader's return.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static int source;     /* what is read */
static const char *name; /* the file's last component */
static int is_inotify;
static sem_t seen;
static volatile long long seen_ns;

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* a fresh subscription is told what is there already: that is no event of ours */
static int is_event(char *line)
{
	char quoted[NAME_MAX + 3];

	snprintf(quoted, sizeof(quoted), "\"%s\"", name);
	return strstr(line, quoted) && !strstr(line, "\"is_fresh_instance\":true");
}

static void note(long long at)
{
	seen_ns = at;
	sem_post(&seen);
}

static void take_lines(char *data, size_t *used, long long at)
{
	char *from = data, *end;

	while ((end = memchr(from, '\n', *used - (size_t)(from - data)))) {
		*end = '\0';
		if (is_event(from))
			note(at);
		from = end + 1;
	}
	*used -= (size_t)(from - data);
	memmove(data, from, *used);
}

static void *reader(void *unused)
{
	static char data[1 << 20];
	size_t used = 0;

	for (;;) {
		ssize_t n = read(source, data + used, sizeof(data) - used - 1);
		long long at = now_ns();

		if (n <= 0)
			return NULL;
		if (is_inotify) {
			note(at);
			continue;
		}
		used += (size_t)n;
		take_lines(data, &used, at);
	}
}

static void connect_to(const char *path, const char *line)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	source = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(source, (struct sockaddr *)&a, sizeof(a)))
		die(path);
	if (dprintf(source, "%s\n", line) < 0)
		die("send");
}

static void watch(const char *file, int from_write)
{
	char folder[PATH_MAX];

	strncpy(folder, file, sizeof(folder) - 1);
	source = inotify_init1(IN_CLOEXEC);
	if (inotify_add_watch(source, dirname(folder), from_write ? IN_MODIFY : IN_CLOSE_WRITE) < 0)
		die(file);
}

static long long save(const char *file, int number, int from_write)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);
	char text[64];
	int len = snprintf(text, sizeof(text), "version %d\n", number);
	long long before_write, before_close;

	if (fd < 0)
		die(file);
	before_write = now_ns();
	if (write(fd, text, (size_t)len) != len)
		die("write");
	before_close = now_ns();
	close(fd);
	return from_write ? before_write : before_close;
}

static int wait_seen(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 5;
	return sem_timedwait(&seen, &t);
}

/* What comes late belongs to the save before: the rest between saves lets it pass. */
static void rest(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	if (nanosleep(&t, NULL))
		die("nanosleep");
	while (sem_trywait(&seen) == 0)
		;
}

static void ask(const char *file, int count)
{
	char value;

	for (int i = 0; i < count; i++) {
		long long start = now_ns();

		if (getxattr(file, "user.none", &value, 1) >= 0)
			die("user.none");
		printf("%.1f\n", (double)(now_ns() - start) / 1000);
		rest(60);
	}
}

int main(int argc, char **argv)
{
	int from_write = getenv("FROM") && strcmp(getenv("FROM"), "write") == 0;
	pthread_t thread;
	char *file;
	int count;

	if (argc < 4)
		return 2;
	file = argv[2];
	count = atoi(argv[3]);
	name = strrchr(file, '/') + 1;
	is_inotify = strcmp(argv[1], "inotify") == 0;
	sem_init(&seen, 0, 0);
	if (strcmp(argv[1], "request") == 0) {
		ask(file, count);
		return 0;
	}
	if (is_inotify)
		watch(file, from_write);
	else
		connect_to(argv[4], argv[5]);
	pthread_create(&thread, NULL, reader, NULL);
	rest(2100); /* as old as an editor is: what a younger process writes is looked at when that has ended */
	for (int i = 0; i < count; i++) {
		long long start = save(file, i, from_write);

		if (wait_seen())
			printf("lost\n");
		else
			printf("%.1f\n", (double)(seen_ns - start) / 1000);
		rest(60);
	}
	return 0;
}
