/* By which way it is known what jobs read, and what that means for people. */
#pragma once

enum reads_how {
	READS_UNKNOWN, /* not told yet */
	READS_MARK,    /* what it opens and the names it asks for */
	READS_OPENS,   /* the same, where the mount answers each open */
	READS_NAMES,   /* only the names that it asks for, while its window is open */
	READS_NOTHING, /* everything that is not ignored counts as read */
};

/* "mark", "names", …; static */
const char *reads_how_word(enum reads_how how);
/* what a change does: one line for people, with no full stop, behind which the reason may come; static */
const char *reads_how_effect(enum reads_how how);
