#include "supervisor/ready_look.h"
#include "supervisor/net_table.h"
#include "supervisor/sockets.h"
#include "supervisor/tree.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MAX_SOCKETS 4096 /* of all processes of a job; further ones are not looked at */
#define NODE_DEBUG_PORT 9229

struct owned {
	pid_t pid;
	int fd;
	uint64_t inode;
};

struct search {
	struct owned *owned;
	size_t count;
	pid_t pid; /* whose descriptors are listed now */
};

static int own(int fd, uint64_t inode, void *arg)
{
	struct search *s = arg;

	if (!(s->count & (s->count - 1))) {
		struct owned *more = realloc(s->owned, (s->count ? s->count * 2 : 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->owned = more;
	}
	s->owned[s->count++] = (struct owned){ .pid = s->pid, .fd = fd, .inode = inode };
	return s->count >= MAX_SOCKETS ? -E2BIG : 0;
}

/* One that has just ended has no memory any more and may not be looked into, whoever asks: that says nothing. */
static bool ended(pid_t pid)
{
	unsigned long pages = 0;
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages == 0;
}

/* What has ended has left its time to its parent, at last to the job itself. */
static void look_at_work(pid_t job, const struct tree *tree, struct look *out)
{
	uint64_t used = 0, second = (uint64_t)sysconf(_SC_CLK_TCK);
	struct proc_stat p;

	if (proc_stat(job, &p) == 0)
		used = p.used;
	for (size_t i = 0; i < tree->count; i++) {
		used += tree->processes[i].used;
		if (tree->processes[i].state == 'R' || tree->processes[i].state == 'D')
			out->works = true;
	}
	out->used_ms = used * 1000 / second;
}

/* A process's own state is that of its first thread. */
static bool thread_works(pid_t pid)
{
	struct proc_stat p;
	struct dirent *e;
	bool works = false;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && !works && (e = readdir(dir)))
		works = isdigit((unsigned char)e->d_name[0]) && proc_stat(atoi(e->d_name), &p) == 0 &&
			(p.state == 'R' || p.state == 'D');
	if (dir)
		closedir(dir);
	return works;
}

bool look_for_work(pid_t job)
{
	AUTO_TREE tree = { 0 };
	bool works = false;

	if (tree_below_quick(job, &tree) < 0)
		return false;
	for (size_t i = 0; i < tree.count && !works; i++)
		works = thread_works(tree.processes[i].pid);
	return works;
}

/* the sockets of all processes of the job; *inside: one of them, for its view of the network */
static int own_all(pid_t job, struct search *s, struct look *out, pid_t *inside)
{
	AUTO_TREE tree = { 0 };
	int r = tree_below_quick(job, &tree);

	if (r == 0)
		look_at_work(job, &tree, out);

	for (size_t i = 0; i < tree.count && r == 0; i++) {
		if (tree.processes[i].state == 'Z')
			continue;
		out->processes++;
		s->pid = tree.processes[i].pid;
		r = net_each_fd(s->pid, own, s);
		if ((r == -EACCES || r == -EPERM) && !ended(s->pid))
			out->hidden = true;
		else if (r == 0)
			*inside = s->pid;
		if (r != -ENOMEM && r != -E2BIG)
			r = 0;
	}
	return r == -E2BIG ? 0 : r;
}

static const struct owned *owner_of(const struct search *s, uint64_t inode)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->owned[i].inode == inode)
			return &s->owned[i];
	return NULL;
}

static void look_at_held(const struct search *s, const struct sockets *held, struct look *out)
{
	for (size_t i = 0; i < s->count && !out->serves; i++) {
		const struct owned *o = &s->owned[i];
		int r;

		if (!sockets_has_inode(held, o->inode))
			continue;
		out->holds = true;
		r = look_waits(o->pid, o->fd, o->inode);
		if (r == -EACCES)
			out->hidden = true;
		if (r != 1)
			continue;
		out->serves = true;
		out->pid = o->pid;
		for (size_t k = 0; k < sockets_count(held); k++) {
			out->len = sizeof(out->address);
			if (sockets_inode(held, k) == o->inode)
				getsockname(sockets_fd(held, k), (struct sockaddr *)&out->address, &out->len);
		}
	}
}

struct choice {
	const struct search *search;
	const struct sockets *held;
	int port;
	bool local;
	struct look *out;
};

static bool is_inet(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET || address->ss_family == AF_INET6;
}

static int port_of(const struct sockaddr_storage *address)
{
	/* both kinds have it in the same place */
	return is_inet(address) ? ntohs(((const struct sockaddr_in *)address)->sin_port) : 0;
}

static int choose(const struct net_socket *n, void *arg)
{
	struct choice *c = arg;
	const struct owned *o;

	if (!n->listening || (c->held && sockets_has_inode(c->held, n->inode)))
		return 0;
	if (!is_inet(&n->local) ? !c->local || n->local.ss_family != AF_UNIX : c->port && port_of(&n->local) != c->port)
		return 0;
	/* `node --inspect` opens it before the program has begun */
	if (!c->port && port_of(&n->local) == NODE_DEBUG_PORT)
		return 0;
	o = owner_of(c->search, n->inode);
	if (!o)
		return 0;
	c->out->listens = true;
	c->out->pid = o->pid;
	c->out->address = n->local;
	c->out->len = n->local_len;
	return 1;
}

int look_at_job(pid_t job, const struct sockets *held, int port, bool local, struct look *out)
{
	struct search s = { 0 };
	struct look l = { 0 };
	struct choice c = { .search = &s, .held = held, .port = port, .local = local, .out = &l };
	pid_t inside = 0;
	int r = own_all(job, &s, &l, &inside);

	if (r == 0 && held)
		look_at_held(&s, held, &l);
	if (r == 0 && !l.serves && s.count)
		r = net_each(inside, false, choose, &c);
	free(s.owned);
	if (r < 0)
		return r;
	*out = l;
	return 0;
}

/* ---- who took a connection ---- */

struct connection {
	const struct sockaddr_storage *client, *server;
	uint64_t inode;
	bool found;
};

/* A dual-stack socket shows an IPv4 peer as ::ffff:1.2.3.4. */
static void as_inet6(const struct sockaddr_storage *address, struct in6_addr *out)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	if (address->ss_family == AF_INET6) {
		*out = ((const struct sockaddr_in6 *)address)->sin6_addr;
		return;
	}
	*out = (struct in6_addr)IN6ADDR_ANY_INIT;
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &in->sin_addr, sizeof(in->sin_addr));
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct in6_addr x, y;

	if (port_of(a) != port_of(b))
		return false;
	as_inet6(a, &x);
	as_inet6(b, &y);
	return IN6_ARE_ADDR_EQUAL(&x, &y);
}

static int is_connection(const struct net_socket *n, void *arg)
{
	struct connection *c = arg;

	if (n->listening || !is_inet(&n->local) || !same_address(&n->local, c->server) ||
	    !same_address(&n->peer, c->client))
		return 0;
	c->inode = n->inode;
	c->found = true;
	return 1;
}

enum look_owner look_for_owner(pid_t job, const struct sockaddr_storage *client, const struct sockaddr_storage *server)
{
	struct connection c = { .client = client, .server = server };
	struct search s = { 0 };
	struct look l = { 0 };
	bool ours;
	pid_t inside;

	if (net_each(0, true, is_connection, &c) < 0 || !c.found)
		return OWNER_UNKNOWN;
	if (!c.inode)
		return OWNER_NOBODY;
	if (own_all(job, &s, &l, &inside) < 0)
		l.hidden = true;
	ours = owner_of(&s, c.inode);
	free(s.owned);
	if (ours)
		return OWNER_JOB;
	return l.hidden ? OWNER_UNKNOWN : OWNER_OTHER;
}
