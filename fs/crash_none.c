#include "fs/crash.h"

void crash_handle(void)
{
}

void crash_thread(void)
{
}
