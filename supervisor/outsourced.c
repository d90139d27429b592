#include "supervisor/outsourced.h"
#include "core/base/cleanup.h"
#include "core/base/path.h"
#include <string.h>

static const char *const programs[] = {
	"docker", "docker-compose", "podman", "nerdctl", "kubectl", "gradle", "gradlew", "mvnd", "bazel", "bazelisk",
	"buck2",  "pants",	    "ssh",    "systemd-run", "machinectl", "lxc", "vagrant", "distrobox", "toolbox",
};

static bool is_one(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (strlen(programs[i]) == len && memcmp(programs[i], word, len) == 0)
			return true;
	return false;
}

/* any word of a shell's line: where a command begins in it takes a shell to tell */
static bool has_one(const char *line)
{
	static const char ends[] = " \t\n;|&()`\"'";

	while (*line) {
		size_t len = strcspn(line, ends), start = len;

		while (start && line[start - 1] != '/')
			start--;
		if (is_one(line + start, len - start))
			return true;
		line += len + (line[len] != '\0');
	}
	return false;
}

bool is_outsourced(char *const *argv)
{
	const char *base = argv && argv[0] ? path_base(argv[0]) : "";

	if (is_one(base, strlen(base)))
		return true;
	for (char *const *a = argv; a && a[0] && a[1]; a++)
		if (strcmp(a[0], "-c") == 0)
			return has_one(a[1]);
	return false;
}
