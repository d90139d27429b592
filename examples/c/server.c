/*
 * A web server that says hello, to try hot reload with: needs nothing but a C compiler.
 *
 * hrfs holds the listening socket and passes it on as descriptor 3 (LISTEN_FDS), so that no connection is
 * refused while this program is rebuilt and started again. Alone it binds 127.0.0.1:$PORT itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GREETING "Hello from C"

static volatile sig_atomic_t ending;

static void on_term(int number)
{
	ending = 1;
}

static int bind_port(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 64)) {
		perror("server");
		exit(1);
	}
	return fd;
}

static int listening_socket(void)
{
	const char *port = getenv("PORT");

	if (getenv("LISTEN_FDS")) {
		/* for a moment the next process has it too: what that one has accepted is not to be waited for */
		fcntl(3, F_SETFL, O_NONBLOCK);
		return 3;
	}
	return bind_port(port ? atoi(port) : 8080);
}

static void answer(int client)
{
	struct timeval patience = { .tv_sec = 2 };
	char request[4096], body[256];

	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (read(client, request, sizeof(request)) <= 0)
		return;
	snprintf(body, sizeof(body), "%s\n", GREETING);
	dprintf(client,
		"HTTP/1.1 200 OK\r\n"
		"Content-Type: text/plain\r\n"
		"Content-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		strlen(body), body);
}

int main(void)
{
	struct sigaction term = { .sa_handler = on_term };
	struct pollfd server = { .fd = listening_socket(), .events = POLLIN };
	sigset_t blocked, before;

	/* TERM comes in only while we wait, so that the request at hand is answered first */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	sigaction(SIGTERM, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	printf("%s, process %d\n", GREETING, getpid());
	fflush(stdout);
	while (!ending) {
		int client;

		if (ppoll(&server, 1, NULL, &before) < 0)
			continue;
		client = accept4(server.fd, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		answer(client);
		close(client);
	}
	return 0;
}
