/* Creates, writes and closes COUNT files below FOLDER, 1,000 to a folder; prints the seconds it took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0;
	double start = now();
	char path[4096];

	for (int i = 0; i < count; i++) {
		int fd;

		if (i % 1000 == 0) {
			snprintf(path, sizeof(path), "%s/d%03d", argv[1], i / 1000);
			mkdir(path, 0755);
		}
		snprintf(path, sizeof(path), "%s/d%03d/f%03d", argv[1], i / 1000, i % 1000);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || dprintf(fd, "file %d\n", i) < 0) {
			perror(path);
			return 1;
		}
		close(fd);
	}
	printf("%.2f\n", now() - start);
	return 0;
}
