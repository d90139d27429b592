/* A configuration that is in use: kept while a service or a running generation still stands on it. The loop's thread only. */
#pragma once
#include "core/config.h"

struct settings {
	int refs;
	struct config *config;
};

/* config becomes the settings'. NULL: no memory, config is still the caller's */
struct settings *settings_new(struct config *config);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);
