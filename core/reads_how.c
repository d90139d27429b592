#include "core/reads_how.h"

static const struct {
	const char *word, *text;
} hows[] = {
	[READS_UNKNOWN] = { "unknown", "nothing has run yet" },
	[READS_MARK] = { "mark", "a change reloads what has read it, and nothing else" },
	[READS_OPENS] = { "opens", "a change reloads what has read it, and nothing else, at the price of a question for each open" },
	[READS_NAMES] = { "names",
			  "a change builds what has asked for it; what is running is restarted for any that git does not ignore" },
	[READS_NOTHING] = { "nothing", "a change that git does not ignore reloads, whoever has read it" },
};

const char *reads_how_word(enum reads_how how)
{
	return hows[how].word;
}

const char *reads_how_effect(enum reads_how how)
{
	return hows[how].text;
}
