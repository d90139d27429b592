/* hrfs-fs: one for each mount, a keeper and its worker. */
#include "fs/keeper.h"
#include "fs/ready.h"
#include "fs/replay_helper.h"
#include "fs/session.h"
#include "fs/shared.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* As the keeper starts it (fs/spawn.c). The keeper may be of another version. */
static int worker(int argc, char **argv)
{
	if (atoi(argv[2]) != KEEPER_PROTOCOL || argc < 5 || argc > 6) {
		fprintf(stderr,
			"this mount's keeper speaks protocol %s, and this hrfs-fs %d: unmount, and mount again with this one\n",
			argv[2], KEEPER_PROTOCOL);
		return 1;
	}
	return session_main(atoi(argv[3]), atoi(argv[4]), argc == 6 ? atoi(argv[5]) : -1);
}

int main(int argc, char **argv)
{
	AUTO_BUF error = { 0 };
	struct options o;

	if (argc >= 3 && strcmp(argv[1], "--worker") == 0)
		return worker(argc, argv);
	if (argc == 4 && strcmp(argv[1], "--replay") == 0)
		return replay_helper_main(atoi(argv[2]), argv[3]);
	if (options_parse(&o, argc, argv, &error) < 0) {
		if (o.ready_fd >= 0)
			ready_failed(o.ready_fd, -EINVAL, error.data);
		else
			fprintf(stderr, "hrfs-fs: %s\n", error.data);
		return 2;
	}
	return keeper_main(&o);
}
