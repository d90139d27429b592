#include "supervisor/settings.h"

struct settings *settings_new(struct config *config)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct settings){ 1, config };
	return s;
}

struct settings *settings_ref(struct settings *s)
{
	s->refs++;
	return s;
}

void settings_unref(struct settings *s)
{
	if (!s || --s->refs)
		return;
	config_free(s->config);
	free(s);
}
