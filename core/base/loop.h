/* The one home of <uv.h>: the event loop of the daemons. A loop belongs to the thread that runs it. */
#pragma once
#include <uv.h>
