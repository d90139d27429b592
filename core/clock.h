/* A clock as clients see it: "c:START:PID:1:TICK", Watchman's form. Pure, any thread. */
#pragma once
#include "core/change.h"
#include <stdbool.h>

#define CLOCK_TEXT_SIZE 96

struct clock {
	int64_t start; /* Unix seconds when the journal began */
	int64_t pid;   /* of the keeper */
	tick_t tick;
};

const char *clock_text(const struct clock *c, char text[static CLOCK_TEXT_SIZE]);
/* 0 or -EINVAL: not of this form */
int clock_parse(const char *text, struct clock *out);
/* of the same journal? else it is foreign, and everything counts as changed since */
bool clock_same_journal(const struct clock *a, const struct clock *b);
