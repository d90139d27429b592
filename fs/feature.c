#include "fs/feature.h"
#include "fs/shared.h"
#include <errno.h>
#include <string.h>

#define NAMES "readdirplus:parallel_dirops:symlink_cache:acl:killpriv:explicit_inval:clone:statx:tmpfile:fanotify:fanotify_target:long_cache"

const char *features_names(void)
{
	return NAMES;
}

bool feature_wanted(enum feature f)
{
	return !(shared->config.without & 1U << f);
}

/* The place of the name in the list above, which is in the order of the enum. */
static int place_of(const char *name, size_t len)
{
	const char *at = NAMES;

	for (int i = 0; i < FEATURE_COUNT; i++) {
		size_t n = strcspn(at, ":");

		if (n == len && memcmp(at, name, n) == 0)
			return i;
		at += n + (at[n] == ':');
	}
	return -EINVAL;
}

int features_parse(const char *list, uint32_t *bits)
{
	uint32_t found = 0;

	while (*list) {
		size_t n = strcspn(list, ":");
		int place = place_of(list, n);

		if (n == 3 && memcmp(list, "all", 3) == 0)
			found = FEATURES_ALL;
		else if (place < 0)
			return place;
		else
			found |= 1U << place;
		list += n + (list[n] == ':');
	}
	*bits = found;
	return 0;
}
