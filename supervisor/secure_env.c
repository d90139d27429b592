#include "supervisor/secure_env.h"
#include "core/base/cleanup.h"
#include <stdio.h>
#include <string.h>

extern char **environ;

static const char *const prefixes[] = { "LD_", "MALLOC_" };
static const char *const names[] = { "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES",   "HOSTALIASES", "LOCALDOMAIN", "LOCPATH",
				     "NIS_PATH",   "NLSPATH",	  "RESOLV_HOST_CONF", "RES_OPTIONS", "TMPDIR",	    "TZDIR" };

bool secure_env_is_lost(const char *entry)
{
	size_t len = strcspn(entry, "=");

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == len && memcmp(entry, names[i], len) == 0)
			return true;
	return false;
}

void secure_env_keep(void)
{
	size_t count = 0;

	while (environ && environ[count])
		count++;
	for (size_t i = 0; i < count; i++) {
		AUTO_FREE char *alias = NULL;
		const char *entry = environ[i];

		if (secure_env_is_lost(entry) && strchr(entry, '=') &&
		    asprintf(&alias, SECURE_ENV_PREFIX "%.*s", (int)strcspn(entry, "="), entry) >= 0)
			setenv(alias, strchr(entry, '=') + 1, 1);
	}
}

/* the first that has the prefix, or NULL */
static const char *next_kept(void)
{
	for (char **e = environ; e && *e; e++)
		if (strncmp(*e, SECURE_ENV_PREFIX, strlen(SECURE_ENV_PREFIX)) == 0 && strchr(*e, '='))
			return *e;
	return NULL;
}

void secure_env_restore(void)
{
	const char *entry;

	while ((entry = next_kept())) {
		AUTO_FREE char *alias = strndup(entry, strcspn(entry, "="));

		if (!alias || setenv(alias + strlen(SECURE_ENV_PREFIX), strchr(entry, '=') + 1, 1) || unsetenv(alias))
			return;
	}
}
