#include "fs/oom.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "/proc/self/oom_score_adj"
#define SPARED "-900" /* not -1000: that one would never go, whatever it takes */

static char before[16]; /* "": it is as it was */

static int put(const char *text)
{
	AUTO_FD fd = open(FILE_NAME, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

void oom_spare(void)
{
	AUTO_FD fd = open(FILE_NAME, O_RDONLY | O_CLOEXEC);
	char now[sizeof(before)] = "";
	int r = 0;

	if (fd < 0 || read(fd, now, sizeof(now) - 1) <= 0)
		r = -EIO;
	else if (atoi(now) <= atoi(SPARED))
		return; /* somebody wants it spared even more */
	if (r == 0)
		r = put(SPARED);
	if (r < 0)
		log_debug(
			"event=not_spared error=\"%s\" meaning=\"without memory the mount may end like any other process\"",
			strerror(-r));
	else
		memcpy(before, now, sizeof(before));
}

void oom_spare_no_more(void)
{
	if (*before)
		put(before);
}
