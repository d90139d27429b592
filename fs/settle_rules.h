/* When is it over? The decision alone, for one look at all marks: pure, tested cell by cell. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict {
	VERDICT_WAIT,
	VERDICT_PUBLISH,
	VERDICT_PUBLISH_OPEN, /* though its writer still has it open */
};

struct rule_mark {
	int64_t first_ns, last_ns; /* of its requests */
	bool in_flight;
	bool hurried;	/* somebody waits for it */
	bool left_over; /* it had not settled when a batch had to end: it holds up nobody any more */
	bool open;	/* a process that wrote in the batch has it open for writing */
	bool begun;	/* its content was begun anew in the mount, and nothing has been written yet */
	enum verdict verdict; /* out */
};

struct rule_batch {
	int64_t now_ns, quiet_ns, cap_ns;
	struct rule_mark *marks;
	size_t count;
	bool git;    /* git has written in it */
	bool locked; /* a git index.lock stands */
	bool tool;   /* a short-lived writer still runs, or one that cannot be looked into has just written */
	int64_t until_ns; /* out: when to look again at the latest; INT64_MAX: when something happens */
	int64_t cap_at_ns; /* out: when it has to end, whatever still goes on, by what is known now */
	bool capped;	   /* out: that is now */
};

/*
 * First question, before anything is asked of the system: may the batch be over? Fills until_ns when
 * not. True also when the cap is reached, or for marks that were left over alone.
 */
bool rules_worth_a_look(struct rule_batch *b);
/* With locked and tool filled in, but not yet open: fills cap_at_ns and capped. */
void rules_cap(struct rule_batch *b);
/* Whether open decides anything for this mark then. held_up: something else keeps the batch from being over */
bool rules_ask_open(const struct rule_batch *b, const struct rule_mark *m, bool held_up);
/* Second: with locked, tool and open filled in, the verdict on each mark; how many are to be published. */
size_t rules_decide(struct rule_batch *b);
