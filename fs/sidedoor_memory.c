#include "fs/sidedoor_memory.h"
#include "core/base/log.h"
#include "fs/shared.h"
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sidedoor_memory *sidedoor_memory;

void sidedoor_memory_use(void)
{
	sidedoor_memory = shared_sidedoor();
	/* A page that is not there when a kill hits the kernel's copy into it loses what the read has taken. */
	if (syscall(SYS_mlock, sidedoor_memory->buffer, SIDEDOOR_READ))
		log_warn("event=mlock_failed what=sidedoor error=\"%s\"", strerror(errno));
}
