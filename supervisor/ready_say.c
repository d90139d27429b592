/* What is said of a job that serves, or does not yet. */
#include "supervisor/ready_look.h"
#include "supervisor/ready_private.h"
#include "supervisor/sockets.h"
#include <errno.h>

void ready_tell_where(struct ready *r, const struct look *l)
{
	AUTO_BUF address = { 0 };

	sockets_print(&l->address, l->len, &address);
	if (l->serves)
		ready_tell(r, 0, "accepting on %s", buf_str(&address));
	else
		ready_tell(r, 0, "listening on %s", buf_str(&address));
}

void ready_tell_alive(struct ready *r, bool hidden, bool works)
{
	unsigned long long s = ready_elapsed(r) / 1000;
	const char *how = works ? " and at work" : "";

	if (hidden)
		ready_tell(r, 0, "alive for %llu s%s; hrfs may not look into its processes", s, how);
	else if (r->o.sockets)
		ready_tell(r, 0, "alive for %llu s%s, and has not kept the socket that hrfs holds (LISTEN_FDS)", s, how);
	else if (r->o.port)
		ready_tell(r, 0, "alive for %llu s%s, does not listen on port %d", s, how, r->o.port);
	else
		ready_tell(r, 0, "alive for %llu s%s, listens nowhere", s, how);
}

void ready_tell_late(struct ready *r)
{
	const struct config_ready *how = r->o.how;
	AUTO_BUF text = { 0 };

	switch (how->kind) {
	case CONFIG_READY_NOTIFY:
		buf_puts(&text, "no READY=1 came to NOTIFY_SOCKET");
		break;
	case CONFIG_READY_LOG:
		buf_printf(&text, "no line of its output matched %s", how->text);
		break;
	case CONFIG_READY_HTTP:
		buf_printf(&text, "GET %s was not answered well", how->text);
		break;
	case CONFIG_READY_TCP:
		buf_puts(&text, "nothing listened");
		break;
	default:
		if (!r->holds) { /* nobody is to wait for ever for what always has something to do */
			ready_tell_alive(r, false, true);
			return;
		}
		buf_puts(&text, "it has a socket that hrfs holds, but does not accept from it");
	}
	if (*r->last)
		buf_printf(&text, "; last: %s", r->last);
	ready_tell(r, -ETIMEDOUT, "%s", buf_str(&text));
}

int ready_when(const struct ready *r, struct buf *out)
{
	const struct config_ready *how = r->o.how;

	switch (how->kind) {
	case CONFIG_READY_NOTIFY:
		return buf_puts(out, "READY=1 comes to NOTIFY_SOCKET");
	case CONFIG_READY_LOG:
		return buf_printf(out, "a line of its output matches %s", how->text);
	case CONFIG_READY_HTTP:
		return buf_printf(out, "GET %s is answered well", how->text);
	case CONFIG_READY_TCP:
		return buf_puts(out, "it listens");
	case CONFIG_READY_DELAY:
		return buf_printf(out, "it has lived for %.3g s", (double)how->delay_ms / 1000);
	case CONFIG_READY_EXIT:
		return buf_puts(out, "it ends");
	default:
		if (r->holds)
			return buf_puts(out, "it accepts from the socket that hrfs holds");
		return buf_printf(out, "it listens, ends, or has nothing to do for %llu s",
				  (unsigned long long)ready_quiet_ms(r) / 1000);
	}
}
