#include "supervisor/command.h"
#include <errno.h>
#include <string.h>

int command_prepare(const struct options *o, struct derived *apart)
{
	AUTO_BUF name = { 0 };
	int r = options_name(o, &name);

	if (r == 0)
		r = derive_apart(o->mountpoint, o->cwd ? o->cwd : "", buf_str(&name), o->command, apart);
	if (r == 0 && derive_prepare(apart, o->mountpoint, false) < 0)
		derived_done(apart);
	return r;
}

static int fill(const struct options *o, const struct derived *apart, struct config_service *s)
{
	int r = strv_add_all(&s->watch, &o->watch);

	if (r == 0)
		r = strv_add_all(&s->ignore, &o->ignore);
	if (r == 0 && apart->count)
		r = config_set_commands(s, apart->services[0].build, apart->services[0].run);
	return r;
}

int command_config(const struct options *o, const struct derived *apart, struct config **out, struct buf *error)
{
	AUTO_BUF name = { 0 };
	struct config *config;
	int r = options_name(o, &name);

	if (r == 0)
		r = config_from_command(buf_str(&name), o->command, &config);
	if (r < 0) {
		buf_puts(error, r == -EINVAL ? "the command is empty, or a quote in it has no end" : strerror(-r));
		return r;
	}
	r = fill(o, apart, &config->services[0]);
	if (r < 0)
		config_free(config);
	else
		*out = config;
	return r;
}
