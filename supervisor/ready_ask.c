/* ready: tcp and http. Who answers, and is it the job? */
#include "supervisor/ready_look.h"
#include "supervisor/ready_private.h"
#include "supervisor/ready_probe.h"
#include "supervisor/sockets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_OTHERS 10 /* times that others may take the request before they are believed */

static void set_loopback(struct ready *r, bool second, int port)
{
	AUTO_BUF error = { 0 };
	char text[32];

	r->second = second;
	snprintf(text, sizeof(text), "%s:%d", second ? "[::1]" : "127.0.0.1", port);
	sockets_parse(text, NULL, &r->address, &r->len, &error);
}

static int port_of(const struct sockaddr_storage *address)
{
	/* both kinds have it in the same place */
	return ntohs(((const struct sockaddr_in *)address)->sin_port);
}

/* "Every address" is reached by a loopback one: by IPv4's where it goes, for IPv6 may be there and switched off. */
static void make_reachable(struct ready *r)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&r->address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&r->address;

	r->any = (r->address.ss_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY)) ||
		 (r->address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr));
	if (r->any)
		set_loopback(r, false, port_of(&r->address));
}

/* By its port alone: a held socket of every address answers at each of them. */
static bool is_held(const struct ready *r)
{
	AUTO_BUF text = { 0 };

	sockets_print(&r->address, r->len, &text);
	for (size_t i = 0; r->o.sockets && i < sockets_count(r->o.sockets); i++) {
		struct sockaddr_storage held = { 0 };
		socklen_t len = sizeof(held);

		if (strcmp(sockets_address(r->o.sockets, i), buf_str(&text)) == 0)
			return true;
		if (r->address.ss_family != AF_UNIX &&
		    !getsockname(sockets_fd(r->o.sockets, i), (struct sockaddr *)&held, &len) &&
		    held.ss_family != AF_UNIX && port_of(&held) == port_of(&r->address))
			return true;
	}
	return false;
}

/* What is known before it starts; else it is where the job listens first. */
int ready_choose_address(struct ready *r, struct buf *error)
{
	const struct config_ready *how = r->o.how;
	int result = 0;

	if (how->kind == CONFIG_READY_TCP && how->text) {
		result = sockets_parse(how->text, NULL, &r->address, &r->len, error);
		if (result == 0)
			r->held = is_held(r);
	} else if (r->o.sockets && sockets_count(r->o.sockets)) {
		r->held = true;
		r->len = sizeof(r->address);
		if (getsockname(sockets_fd(r->o.sockets, 0), (struct sockaddr *)&r->address, &r->len))
			result = -errno;
	} else if (r->o.port) {
		set_loopback(r, false, r->o.port);
		r->any = true;
		return 0;
	}
	make_reachable(r);
	return result;
}

static void other_loopback(struct ready *r)
{
	if (r->any)
		set_loopback(r, !r->second, port_of(&r->address));
}

static void asked(struct ready *r, int status)
{
	AUTO_BUF address = { 0 };
	const char *path = r->o.how->text;

	sockets_print(&r->address, r->len, &address);
	if (status == PROBE_CONNECTED) {
		ready_tell(r, 0, "listening on %s", buf_str(&address));
		return;
	}
	if (status >= 200 && status < 400) {
		if (r->others > MAX_OTHERS)
			ready_tell(
				r, 0,
				"GET %s on %s answered %d (by another process, which takes all requests; this one accepts too)",
				path, buf_str(&address), status);
		else
			ready_tell(r, 0, "GET %s on %s answered %d", path, buf_str(&address), status);
		return;
	}
	if (status == PROBE_OTHER) {
		r->others++;
		ready_saw(r, "another process took the request to %s", buf_str(&address));
	} else if (status > 0) {
		ready_saw(r, "%s answered %d", buf_str(&address), status);
	} else {
		ready_saw(r, "%s: %s", buf_str(&address), strerror(-status));
		other_loopback(r);
	}
	ready_look_again(r);
}

static void on_probe(struct probe *p, int result, void *arg)
{
	struct ready *r = arg;

	probe_free(p);
	r->probe = NULL;
	asked(r, result);
}

static void ask(struct ready *r)
{
	struct probe_options o = { .address = r->address,
				   .len = r->len,
				   .path = r->o.how->kind == CONFIG_READY_HTTP ? r->o.how->text : NULL,
				   .job = r->held && r->others <= MAX_OTHERS ? r->job : 0,
				   .done = on_probe,
				   .arg = r };
	int result = probe_new(r->loop, &o, &r->probe);

	if (result < 0) {
		ready_saw(r, "%s", strerror(-result));
		ready_look_again(r);
	}
}

/* Connecting to a held socket proves nothing: the job has to wait on it (or cannot be looked into). */
static void look_held(struct ready *r)
{
	struct look l;

	if (look_at_job(r->job, r->o.sockets, 0, false, &l) < 0)
		l = (struct look){ .hidden = true };
	if (!l.serves && !(l.hidden && ready_elapsed(r) >= READY_ALIVE_MS)) {
		ready_saw(r, l.holds ? "it has the socket that hrfs holds, but does not accept"
				     : "it has not kept the socket that hrfs holds (LISTEN_FDS)");
		ready_look_again(r);
	} else if (r->o.how->kind == CONFIG_READY_HTTP) {
		ask(r);
	} else if (l.serves) {
		ready_tell_where(r, &l);
	} else {
		ready_tell_alive(r, true, false);
	}
}

static void look_for_address(struct ready *r)
{
	struct look l;

	if (look_at_job(r->job, NULL, 0, false, &l) < 0 || !l.listens) {
		ready_look_again(r);
		return;
	}
	if (r->o.how->kind == CONFIG_READY_TCP) {
		ready_tell_where(r, &l);
		return;
	}
	r->address = l.address;
	r->len = l.len;
	make_reachable(r);
	ask(r);
}

void ready_look_tcp_or_http(struct ready *r)
{
	if (r->held)
		look_held(r);
	else if (r->len)
		ask(r);
	else
		look_for_address(r);
}
