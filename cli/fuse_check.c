#include "cli/fuse_check.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "cli/unmount.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEVICE "/dev/fuse"
#define CONTAINER "in a container: start it with --device /dev/fuse --cap-add SYS_ADMIN"

static int no_device(int error)
{
	struct stat st;

	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		say_error(DEVICE ": %s: load the kernel's FUSE: sudo modprobe fuse; " CONTAINER, strerror(error));
		break;
	case EACCES:
		if (stat(DEVICE, &st) == 0 && (st.st_mode & 0060) == 0060 && st.st_gid != 0)
			say_error(DEVICE ": only group %u may use it; join that group, or: sudo chmod 666 " DEVICE,
				  st.st_gid);
		else
			say_error(DEVICE ": you may not use it; sudo chmod 666 " DEVICE);
		break;
	case EPERM:
		say_error(DEVICE ": it may not be used in here; " CONTAINER);
		break;
	default:
		say_error(DEVICE ": %s", strerror(error));
	}
	return CLI_FAILED;
}

int fuse_check(void)
{
	AUTO_FD fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	AUTO_BUF program = { 0 };

	if (fd < 0)
		return no_device(errno);
	if (geteuid() == 0 || unmount_find_fusermount(&program) == 0)
		return CLI_OK;
	say_error("fusermount3 is missing, without which only root can mount; install it: sudo apt install fuse3");
	return CLI_FAILED;
}

static const struct {
	const char *words, *advice;
} known[] = {
	{ "user_allow_other", "echo user_allow_other | sudo tee -a /etc/fuse.conf" },
	{ "too many FUSE", "raise mount_max in /etc/fuse.conf, or take a mount away (hrfs status lists them)" },
	{ "forbidden", "choose another directory as MNT, such as ~/mnt" },
	{ "write access to mountpoint", "choose a directory of your own as MNT, such as ~/mnt" },
	{ "not owned by user", "choose a directory of your own as MNT, such as ~/mnt" },
};

int fuse_explain(int r, const char *error)
{
	const char *advice = NULL;

	for (size_t i = 0; !advice && i < ARRAY_SIZE(known); i++) {
		if (strstr(error, known[i].words))
			advice = known[i].advice;
	}
	if (!advice && (r == -EPERM || r == -EACCES) && geteuid() == 0)
		advice = "mounting takes CAP_SYS_ADMIN; " CONTAINER " --security-opt apparmor=unconfined";
	if (!advice && strstr(error, "Operation not permitted"))
		advice = "is fusermount3 setuid root? (ls -l $(which fusermount3); mend: sudo chmod u+s ...)";
	if (!advice && strncmp(error, "unknown option", 14) == 0)
		advice = "hrfs help mount lists them";
	say_error("%s%s%s", *error ? error : strerror(-r), advice ? "; " : "", advice ? advice : "");
	return strncmp(error, "unknown option", 14) == 0 || strncmp(error, "option ", 7) == 0 ? CLI_USAGE : CLI_FAILED;
}
