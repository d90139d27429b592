/*
 * How long does a request wait? Writes a byte of FILE again and again, each of which goes to the daemon. A line on standard
 * input is answered by the longest wait since the line before, in microseconds, and by how many writes there were.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	long long longest = 0, count = 0;
	char line[16];
	int fd = argc == 2 ? open(argv[1], O_WRONLY) : -1;

	if (fd < 0)
		return 1;
	for (;;) {
		long long begin = now_ns(), took;

		if (pwrite(fd, "x", 1, 0) != 1) {
			perror(argv[1]);
			return 1;
		}
		took = now_ns() - begin;
		longest = took > longest ? took : longest;
		count++;
		if (poll(&in, 1, 0) <= 0)
			continue;
		if (read(0, line, sizeof(line)) <= 0)
			return 0;
		printf("%lld %lld\n", longest / 1000, count);
		fflush(stdout);
		longest = count = 0;
	}
}
