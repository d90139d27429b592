/* What is written in `listen:`, and socket addresses. */
#include "supervisor/sockets.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

static int refuse(struct buf *error, const char *text, const char *why)
{
	buf_printf(error, "%s: %s", text, why);
	return -EINVAL;
}

static int parse_unix(const char *text, const char *root, struct sockaddr_storage *out, socklen_t *len,
		      struct buf *error)
{
	struct sockaddr_un *un = (struct sockaddr_un *)out;
	const char *path = strncmp(text, "unix:", 5) == 0 ? text + 5 : text;
	AUTO_BUF whole = { 0 };
	bool abstract = *path == '@';

	if (!path[0] || !path[strspn(path, "/")] || (abstract && !path[1]))
		return refuse(error, text, "there is no name in it: unix:PATH, /PATH or @NAME");
	if (abstract || *path == '/' || !root || !*root ? buf_puts(&whole, path)
							: buf_printf(&whole, "%s/%s", root, path))
		return -ENOMEM;
	if (whole.len >= sizeof(un->sun_path)) {
		buf_printf(error,
			   "%s: the path of a socket has at most %zu bytes, %s has %zu: take a shorter one, or @NAME",
			   text, sizeof(un->sun_path) - 1, whole.data, whole.len);
		return -EINVAL;
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, whole.data, whole.len);
	if (abstract)
		un->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + whole.len + (abstract ? 0 : 1));
	return 0;
}

/* -1: no port */
static long parse_port(const char *text)
{
	char *end;
	long port;

	if (!isdigit((unsigned char)*text))
		return -1;
	port = strtol(text, &end, 10);
	return *end || port > 65535 ? -1 : port;
}

static void set_inet(struct sockaddr_storage *out, socklen_t *len, const struct in_addr *address, uint16_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	in->sin_addr = *address;
	*len = sizeof(*in);
}

static void set_inet6(struct sockaddr_storage *out, socklen_t *len, const struct in6_addr *address, uint16_t port)
{
	struct sockaddr_in6 *in = (struct sockaddr_in6 *)out;

	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	in->sin6_addr = *address;
	*len = sizeof(*in);
}

static int parse_host(const char *host, bool bracketed, uint16_t port, struct sockaddr_storage *out, socklen_t *len)
{
	struct in_addr v4 = { .s_addr = htonl(INADDR_LOOPBACK) };
	struct in6_addr v6 = IN6ADDR_ANY_INIT;

	if (bracketed) {
		if (inet_pton(AF_INET6, host, &v6) != 1)
			return -EINVAL;
		set_inet6(out, len, &v6, port);
	} else if (!*host || strcmp(host, "*") == 0) {
		/* every address: the socket takes IPv4 too */
		set_inet6(out, len, &v6, port);
	} else if (strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &v4) == 1) {
		set_inet(out, len, &v4, port);
	} else {
		return -EINVAL;
	}
	return 0;
}

int sockets_parse(const char *text, const char *root, struct sockaddr_storage *out, socklen_t *len, struct buf *error)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_storage address = { 0 };
	char host[64] = "";
	bool bracketed = *text == '[';
	socklen_t n = 0;
	long port;
	int r;

	if (*text == '/' || *text == '@' || strncmp(text, "unix:", 5) == 0) {
		r = parse_unix(text, root, &address, &n, error);
	} else {
		size_t host_len = colon ? (size_t)(colon - text) : 0;

		port = parse_port(colon ? colon + 1 : text);
		if (port < 0)
			return refuse(error, text, "no port from 0 to 65535 at its end");
		if (bracketed && (host_len < 2 || text[host_len - 1] != ']'))
			return refuse(error, text, "an IPv6 address is written [ADDRESS]:PORT");
		if (host_len >= sizeof(host))
			return refuse(error, text, "no IP address");
		memcpy(host, text + bracketed, host_len - (bracketed ? 2 : 0));
		r = parse_host(host, bracketed, (uint16_t)port, &address, &n);
		if (r < 0)
			return refuse(error, text, "no IP address: names are not looked up, but for localhost");
	}
	if (r < 0)
		return r;
	*out = address;
	*len = n;
	return 0;
}

void sockets_print(const struct sockaddr_storage *address, socklen_t len, struct buf *out)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;
	char text[INET6_ADDRSTRLEN] = "";
	size_t path = len - offsetof(struct sockaddr_un, sun_path);

	switch (address->ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		buf_printf(out, "%s:%u", text, ntohs(in->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		buf_printf(out, "[%s]:%u", text, ntohs(in6->sin6_port));
		break;
	case AF_UNIX:
		if (path > 0 && !un->sun_path[0])
			buf_printf(out, "@%.*s", (int)path - 1, un->sun_path + 1);
		else
			buf_printf(out, "unix:%.*s", (int)strnlen(un->sun_path, path), un->sun_path);
		break;
	default:
		buf_puts(out, "?");
	}
}
