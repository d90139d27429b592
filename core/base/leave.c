#include "core/base/leave.h"
#include "core/base/cleanup.h"
#include <fcntl.h>
#include <unistd.h>

void leave_terminal(void)
{
	AUTO_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}
