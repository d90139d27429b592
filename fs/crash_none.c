#include "fs/crash.h"
#include "fs/lane.h"

/* The address sanitizer calls this, where it is defined, before it reports and ends the program. */
void __asan_on_error(void);

void __asan_on_error(void)
{
	lane_crashed();
}

void crash_handle(void)
{
}

void crash_thread(void)
{
}
