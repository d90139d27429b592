/* Answers every request with what the file `version` held when it started. LISTEN_FDS, else 127.0.0.1:$PORT. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listening(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;
	int fd;

	if (getenv("LISTEN_FDS"))
		return 3;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	a.sin_port = htons((unsigned short)atoi(getenv("PORT")));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 64)) {
		perror("hello");
		exit(1);
	}
	return fd;
}

int main(void)
{
	char version[64], request[4096];
	int file = open("version", O_RDONLY);
	int length = (int)read(file, version, sizeof(version));
	int server = listening();

	for (;;) {
		int client = accept(server, NULL, NULL);

		if (client < 0)
			continue;
		if (read(client, request, sizeof(request)) > 0)
			dprintf(client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%.*s", length,
				length, version);
		close(client);
	}
}
