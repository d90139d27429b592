/*
 * Numbers for how things lie in memory that outlives a process. Each change gets the next one, and a
 * converter (fs/layout.h). A test has a build in which all of it lies otherwise, with LAYOUT_OTHER.
 */
#pragma once
#include <stdint.h>

#ifdef LAYOUT_OTHER
#define LAYOUT(n) (1000 + (n))
#define LAYOUT_OTHER_SPACE uint64_t other_space[3];
#else
#define LAYOUT(n) (n)
#define LAYOUT_OTHER_SPACE
#endif
