#include "supervisor/job/explain.h"
#include "core/base/proc.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that execvp took, or would have: the first of that name in PATH. False: there is none. */
static bool find_file(const char *word, char *out, size_t size)
{
	const char *path = getenv("PATH");
	struct stat st;

	if (strchr(word, '/'))
		return (size_t)snprintf(out, size, "%s", word) < size && stat(word, &st) == 0;
	if (!path)
		path = "/bin:/usr/bin";
	while (*path) {
		size_t len = strcspn(path, ":");

		if ((size_t)snprintf(out, size, "%.*s%s%s", (int)len, path, len ? "/" : "", word) < size &&
		    stat(out, &st) == 0 && S_ISREG(st.st_mode))
			return true;
		path += len + (path[len] == ':');
	}
	return false;
}

static int explain_missing(const char *word, struct buf *out)
{
	char file[PATH_MAX], line[128], cwd[PATH_MAX];
	ssize_t n = 0;
	AUTO_FD fd = -1;

	if (!find_file(word, file, sizeof(file))) {
		if (!strchr(word, '/'))
			return buf_printf(out, "%s is in no folder of PATH: install it, or write its path", word);
		return buf_printf(out, "%s does not exist%s%s: build it, or mend the path", word,
				  *word == '/' ? "" : " in ", *word == '/' || !getcwd(cwd, sizeof(cwd)) ? "" : cwd);
	}
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		n = read(fd, line, sizeof(line) - 1);
	if (n > 2 && line[0] == '#' && line[1] == '!') {
		line[n] = '\0';
		line[strcspn(line, "\r\n")] = '\0';
		return buf_printf(out,
				  "%s is there, but not the program that its first line names (%s): "
				  "install that, or mend the line (its end too: no carriage return)",
				  file, line);
	}
	return buf_printf(out,
			  "%s is there, but not the loader or C library that it was built for: "
			  "build it on this system",
			  file);
}

static int explain_denied(const char *word, struct buf *out)
{
	char file[PATH_MAX];
	struct stat st;

	if (!find_file(word, file, sizeof(file)))
		return buf_printf(out, "%s cannot be reached: a folder above it may not be entered", word);
	if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
		return buf_printf(out, "%s is a directory, not a program", file);
	if (!(st.st_mode & 0111))
		return buf_printf(out, "%s is not executable: chmod +x %s", file, file);
	return buf_printf(out,
			  "%s may not be executed by this user, or lies on a file system that is "
			  "mounted noexec",
			  file);
}

/* does descriptor `name` of pid lead to file, open for writing? Links are read, never followed. */
static bool writes(const char *pid, const char *name, const char *file)
{
	char path[600], target[PATH_MAX], line[64];
	unsigned flags = 0;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	if (strcmp(target, file) != 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	fclose(f);
	return (flags & O_ACCMODE) != O_RDONLY;
}

static pid_t writer_of(const char *file)
{
	DIR *proc = opendir("/proc"), *fds;
	struct dirent *p, *d;
	char path[300];
	pid_t found = 0;

	while (proc && !found && (p = readdir(proc))) {
		if (!isdigit((unsigned char)p->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd", p->d_name);
		fds = opendir(path);
		while (fds && !found && (d = readdir(fds)))
			if (writes(p->d_name, d->d_name, file))
				found = atoi(p->d_name);
		if (fds)
			closedir(fds);
	}
	if (proc)
		closedir(proc);
	return found;
}

static int explain_busy(const char *word, struct buf *out)
{
	char file[PATH_MAX], real[PATH_MAX];
	pid_t pid = 0;
	int r;

	if (find_file(word, file, sizeof(file)) && realpath(file, real))
		pid = writer_of(real);
	r = buf_printf(out, "%s is still open for writing", word);
	if (r == 0 && pid) {
		AUTO_BUF command = { 0 };

		proc_command(pid, &command);
		r = buf_printf(out, " by pid %d (%s)", pid, buf_str(&command));
	}
	return r < 0 ? r : buf_puts(out, ": write it under another name, then rename it");
}

int explain_exec(int error, const char *word, struct buf *out)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return explain_missing(word, out);
	case EACCES:
	case EPERM:
		return explain_denied(word, out);
	case ETXTBSY:
		return explain_busy(word, out);
	case ENOEXEC:
		return buf_printf(out,
				  "%s is no program of this system (built for another processor, or "
				  "empty)",
				  word);
	case E2BIG:
		return buf_printf(out, "%s: arguments and environment are too long together", word);
	case EAGAIN:
		return buf_printf(out, "%s: too many processes or threads (ulimit -u)", word);
	default:
		return buf_printf(out, "%s: %s", word, strerror(error));
	}
}
