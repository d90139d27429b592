#include "supervisor/net_table.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define TCP_LISTENING 0x0a
#define UNIX_LISTENING 0x10000

/* "0100007F:1F90": words of 32 bits in the byte order of this machine, the port in hexadecimal as it is */
static int parse_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	const char *colon = strchr(text, ':');
	uint32_t words[4];
	unsigned port;
	size_t count = colon ? (size_t)(colon - text) / 8 : 0;

	if ((count != 1 && count != 4) || sscanf(colon + 1, "%x", &port) != 1)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (sscanf(text + i * 8, "%8x", &words[i]) != 1)
			return -EINVAL;
	if (count == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		memcpy(&in->sin_addr, words, sizeof(in->sin_addr));
		*len = sizeof(*in);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		memcpy(&in6->sin6_addr, words, sizeof(in6->sin6_addr));
		*len = sizeof(*in6);
	}
	return 0;
}

int net_parse_tcp(const char *line, struct net_socket *out)
{
	struct net_socket s = { 0 };
	unsigned long long inode;
	char local[48], peer[48];
	unsigned state;

	if (sscanf(line, " %*d: %47s %47s %x %*x:%*x %*x:%*x %*x %*u %*d %llu", local, peer, &state, &inode) != 4 ||
	    parse_address(local, &s.local, &s.local_len) || parse_address(peer, &s.peer, &s.peer_len))
		return -EINVAL;
	s.inode = inode;
	s.listening = state == TCP_LISTENING;
	*out = s;
	return 0;
}

int net_parse_unix(const char *line, struct net_socket *out)
{
	struct net_socket s = { 0 };
	struct sockaddr_un *un = (struct sockaddr_un *)&s.local;
	unsigned long long inode;
	unsigned flags;
	int path = 0;
	size_t len;

	if (sscanf(line, "%*x: %*x %*x %x %*x %*x %llu %n", &flags, &inode, &path) != 2)
		return -EINVAL;
	s.inode = inode;
	s.listening = flags & UNIX_LISTENING;
	len = path ? strcspn(line + path, "\n") : 0;
	if (len && len < sizeof(un->sun_path)) {
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, line + path, len);
		s.local_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
		if (line[path] == '@') {
			un->sun_path[0] = '\0';
			s.local_len--;
		}
	}
	*out = s;
	return 0;
}

static int each_of(pid_t pid, const char *table, bool all, int (*fn)(const struct net_socket *s, void *arg), void *arg)
{
	bool is_unix = strcmp(table, "unix") == 0;
	char path[64], line[512];
	struct net_socket s;
	FILE *f;
	int r = 0;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, table);
	else
		snprintf(path, sizeof(path), "/proc/self/net/%s", table);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (r == 0 && fgets(line, sizeof(line), f)) {
		if ((is_unix ? net_parse_unix : net_parse_tcp)(line, &s) < 0)
			continue; /* the heading */
		if (s.listening || (all && !is_unix))
			r = fn(&s, arg);
		else if (!is_unix)
			break; /* the kernel lists the listening ones first */
	}
	fclose(f);
	return r;
}

int net_each(pid_t pid, bool all, int (*fn)(const struct net_socket *s, void *arg), void *arg)
{
	static const char *const tables[] = { "tcp", "tcp6", "unix" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tables) && r == 0; i++) {
		r = each_of(pid, tables[i], all, fn, arg);
		/* without IPv6 there is no tcp6 */
		if (r == -ENOENT && i > 0)
			r = 0;
	}
	return r;
}

int net_each_fd(pid_t pid, int (*fn)(int fd, uint64_t inode, void *arg), void *arg)
{
	char path[64], target[64];
	unsigned long long inode;
	struct dirent *e;
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r == 0 && (e = readdir(dir))) {
		ssize_t n;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) == 1)
			r = fn(atoi(e->d_name), inode, arg);
	}
	closedir(dir);
	return r;
}

static int is_inode(int fd, uint64_t inode, void *arg)
{
	return inode == *(uint64_t *)arg;
}

pid_t net_holder(uint64_t inode)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	while (proc && !found && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) && net_each_fd(atoi(e->d_name), is_inode, &inode) == 1)
			found = atoi(e->d_name);
	if (proc)
		closedir(proc);
	return found;
}
