#include "supervisor/sockets.h"
#include "core/base/proc.h"
#include "supervisor/net_table.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

struct held {
	int fd;
	uint64_t inode;
	char *address;
	char *path; /* of a unix socket that was made here; NULL */
	dev_t path_dev;
	ino_t path_ino;
	int port;
};

struct sockets {
	struct strv addresses, names; /* as they were written */
	char *root;
	struct held held[SOCKETS_MAX];
	size_t count;
};

/* ---- who has it ---- */

static void put_age(int64_t ms, struct buf *out)
{
	int64_t s = ms / 1000;

	if (s < 120)
		buf_printf(out, "%lld s", (long long)s);
	else if (s < 7200)
		buf_printf(out, "%lld min", (long long)(s / 60));
	else if (s < 172800)
		buf_printf(out, "%lld h", (long long)(s / 3600));
	else
		buf_printf(out, "%lld days", (long long)(s / 86400));
}

static int put_holder(uint64_t inode, struct buf *out)
{
	pid_t pid = net_holder(inode);
	AUTO_BUF command = { 0 };
	int64_t age;

	if (!pid)
		return buf_puts(out, "a process of another user or container");
	if (proc_command(pid, &command) < 0)
		buf_puts(&command, "?");
	buf_printf(out, "pid %d (%s)", pid, buf_str(&command));
	age = proc_age_ms(pid);
	if (age < 0)
		return 0;
	buf_puts(out, ", started ");
	put_age(age, out);
	return buf_puts(out, " ago");
}

struct wanted {
	int port;	  /* or */
	const char *path; /* of a unix socket, '@' first when it is abstract */
	const struct sockets *except;
	uint64_t inode; /* found */
};

static int port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
	return 0;
}

static int is_wanted(const struct net_socket *s, void *arg)
{
	struct wanted *w = arg;
	AUTO_BUF address = { 0 };

	if (w->except && sockets_has_inode(w->except, s->inode))
		return 0;
	if (w->path) {
		if (s->local.ss_family != AF_UNIX)
			return 0;
		sockets_print(&s->local, s->local_len, &address);
		if (strcmp(buf_str(&address), w->path) != 0)
			return 0;
	} else if (port_of(&s->local) != w->port) {
		return 0;
	}
	w->inode = s->inode;
	return 1;
}

int sockets_port_holder(int port, const struct sockets *except, struct buf *text)
{
	struct wanted w = { .port = port, .except = except };
	int r = net_each(0, false, is_wanted, &w);

	if (r <= 0)
		return r;
	put_holder(w.inode, text);
	return 1;
}

/* ---- binding ---- */

static void explain_bind(int r, const char *text, const struct sockaddr_storage *address, socklen_t len,
			 struct buf *error)
{
	AUTO_BUF printed = { 0 };
	struct wanted w = { .port = port_of(address) };

	switch (r) {
	case -EADDRINUSE:
		sockets_print(address, len, &printed);
		if (address->ss_family == AF_UNIX)
			w.path = buf_str(&printed);
		buf_printf(error, "%s is in use", text);
		if (net_each(0, false, is_wanted, &w) > 0) {
			buf_puts(error, " by ");
			put_holder(w.inode, error);
		}
		buf_puts(error, ": end that, or change `listen:`");
		break;
	case -EACCES:
		buf_printf(error, "%s may not be bound: %s", text,
			   address->ss_family == AF_UNIX
				   ? "its directory may not be written"
				   : "take a port from 1024 on, or lower net.ipv4.ip_unprivileged_port_start");
		break;
	case -EADDRNOTAVAIL:
		buf_printf(error, "%s: no interface of this machine has that address (ip addr lists them)", text);
		break;
	case -ENOENT:
		buf_printf(error, "%s: its directory does not exist: make it first", text);
		break;
	case -ENOTSOCK:
		buf_printf(error, "%s is there already and no socket: remove it, or change `listen:`", text);
		break;
	default:
		buf_printf(error, "%s cannot be bound: %s", text, strerror(-r));
	}
}

/* A socket that nobody listens on any more is in the way: of a hrfs that was killed, or of a server before it. */
static int clear_path(const struct sockaddr_storage *address, socklen_t len)
{
	const char *path = ((const struct sockaddr_un *)address)->sun_path;
	AUTO_FD fd = -1;
	struct stat st;

	if (!*path || lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: a full backlog is somebody's */
	if (connect(fd, (const struct sockaddr *)address, len) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) ? -errno : 0;
}

static bool is_any(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* a listening socket; or -errno */
static int bind_one(struct sockaddr_storage *address, socklen_t *len)
{
	AUTO_FD fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1, off = 0, r;

	if (fd < 0 && errno == EAFNOSUPPORT && is_any(address)) {
		/* no IPv6 here: every address is every one of IPv4 */
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(address)) };

		memcpy(address, &in, sizeof(in));
		*len = sizeof(in);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	if (fd < 0)
		return -errno;
	if (address->ss_family == AF_UNIX) {
		r = clear_path(address, *len);
		if (r < 0)
			return r;
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	}
	if (is_any(address))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (struct sockaddr *)address, *len) || listen(fd, SOMAXCONN))
		return -errno;
	return take_fd(&fd);
}

static int describe(struct held *h, const struct sockaddr_storage *asked)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	AUTO_BUF text = { 0 };
	struct stat st;

	if (getsockname(h->fd, (struct sockaddr *)&address, &len) || fstat(h->fd, &st))
		return -errno;
	h->inode = st.st_ino;
	h->port = port_of(&address);
	sockets_print(&address, len, &text);
	h->address = buf_take(&text);
	if (!h->address)
		return -ENOMEM;
	if (asked->ss_family != AF_UNIX || !((const struct sockaddr_un *)asked)->sun_path[0])
		return 0;
	h->path = strdup(((const struct sockaddr_un *)asked)->sun_path);
	if (!h->path)
		return -ENOMEM;
	if (lstat(h->path, &st) == 0) {
		h->path_dev = st.st_dev;
		h->path_ino = st.st_ino;
	}
	return 0;
}

static int add(struct sockets *s, const char *text, const char *root, struct buf *error)
{
	struct held *h = &s->held[s->count];
	struct sockaddr_storage address;
	socklen_t len;
	int r;

	if (s->count == SOCKETS_MAX) {
		buf_printf(error, "a service listens on at most %d addresses", SOCKETS_MAX);
		return -EINVAL;
	}
	r = sockets_parse(text, root, &address, &len, error);
	if (r < 0)
		return r;
	h->fd = bind_one(&address, &len);
	if (h->fd < 0) {
		explain_bind(h->fd, text, &address, len, error);
		return h->fd;
	}
	s->count++;
	r = describe(h, &address);
	if (r < 0)
		buf_printf(error, "%s: %s", text, strerror(-r));
	return r;
}

int sockets_open(const struct strv *addresses, const struct strv *names, const char *root, struct sockets **out,
		 struct buf *error)
{
	struct sockets *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->root = strdup(root ? root : "");
	r = s->root ? strv_add_all(&s->addresses, addresses) : -ENOMEM;
	for (size_t i = 0; i < addresses->count && r == 0; i++)
		r = strv_add(&s->names, names && i < names->count ? names->items[i] : "");
	for (size_t i = 0; i < addresses->count && r == 0; i++)
		r = add(s, addresses->items[i], root, error);
	if (r < 0) {
		sockets_free(s);
		return r;
	}
	*out = s;
	return 0;
}

void sockets_free(struct sockets *s)
{
	struct stat st;

	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		struct held *h = &s->held[i];

		close(h->fd);
		/* another one may have taken the path meanwhile */
		if (h->path && lstat(h->path, &st) == 0 && st.st_dev == h->path_dev && st.st_ino == h->path_ino)
			unlink(h->path);
		free(h->path);
		free(h->address);
	}
	strv_done(&s->addresses);
	strv_done(&s->names);
	free(s->root);
	free(s);
}

/* ---- questions ---- */

size_t sockets_count(const struct sockets *s)
{
	return s->count;
}

int sockets_fd(const struct sockets *s, size_t i)
{
	return s->held[i].fd;
}

const char *sockets_address(const struct sockets *s, size_t i)
{
	return s->held[i].address;
}

int sockets_port(const struct sockets *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->held[i].port)
			return s->held[i].port;
	return 0;
}

uint64_t sockets_inode(const struct sockets *s, size_t i)
{
	return s->held[i].inode;
}

bool sockets_has_inode(const struct sockets *s, uint64_t inode)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->held[i].inode == inode)
			return true;
	return false;
}

int sockets_names(const struct sockets *s, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < s->count && r == 0; i++) {
		const char *name = s->names.items[i];

		r = buf_printf(out, "%s%s", i ? ":" : "", *name ? name : "unknown");
	}
	return r;
}

int sockets_match(const struct sockets *s, const struct strv *addresses, const struct strv *names, const char *root)
{
	if (!strv_equal(&s->addresses, addresses) || strcmp(s->root, root ? root : "") != 0)
		return 0;
	for (size_t i = 0; i < addresses->count; i++)
		if (strcmp(s->names.items[i], names && i < names->count ? names->items[i] : "") != 0)
			return 0;
	return 1;
}
