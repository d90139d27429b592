#include "supervisor/job/adopt.h"
#include "core/base/path.h"
#include "supervisor/secure_env.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool has_option(char **argv, const char *name)
{
	/* options stand before the package; what comes after it is the server's */
	for (; *argv && **argv == '-'; argv++) {
		const char *word = *argv + 1 + ((*argv)[1] == '-');

		if (strncmp(word, name, strlen(name)) == 0 && strchr("=", word[strlen(name)]))
			return true;
	}
	return false;
}

/* go splits the value at spaces, but not within quotes */
static char *option_value(void)
{
	AUTO_BUF text = { 0 };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	if (strchr(self, '\'') || buf_printf(&text, "'%s' --adopt", self) < 0)
		return NULL;
	return buf_take(&text);
}

char **adopt_argv(char **argv)
{
	size_t count = 0;
	char **more;

	while (argv[count])
		count++;
	if (count < 3 || strcmp(path_base(argv[0]), "go") != 0 || strcmp(argv[1], "run") != 0 ||
	    has_option(argv + 2, "exec"))
		return argv;
	more = calloc(count + 3, sizeof(*more));
	if (!more)
		return argv;
	more[0] = argv[0];
	more[1] = argv[1];
	more[2] = (char *)"-exec";
	more[3] = option_value();
	memcpy(more + 4, argv + 2, (count - 2) * sizeof(*more));
	if (more[3]) {
		secure_env_keep();
		return more;
	}
	free(more);
	return argv;
}

int adopt_execute(char **argv)
{
	char pid[16];

	secure_env_restore();
	snprintf(pid, sizeof(pid), "%d", getpid());
	if (getenv("LISTEN_PID"))
		setenv("LISTEN_PID", pid, 1);
	execv(argv[0], argv);
	return errno;
}
