/*
 * Before an answer: what others have changed behind the mount up to the question is told to the kernel and the journal.
 * That takes less than a millisecond, and nothing where nothing is under way.
 */
#include "fs/server_parts.h"
#include "fs/sidedoor.h"

#define TELL_MS 500 /* what is behind the mount may hang: then the answer says that it may lack something */

static TAILQ_HEAD(, request) waiting = TAILQ_HEAD_INITIALIZER(waiting);

static void go_on(struct request *r, bool told)
{
	r->told = told;
	r->tick = server_tick();
	r->go(r);
}

void request_when_told(struct request *r, void (*go)(struct request *r))
{
	r->go = go;
	if (sidedoor_ask(&r->moment)) {
		go_on(r, true);
		return;
	}
	r->deadline_ms = server_now_ms() + TELL_MS;
	r->connection->asks = true;
	TAILQ_INSERT_TAIL(&waiting, r, link);
	server.running++;
	sidedoor_await(1, server_look_again);
	server_look_again(); /* it may have come to pass before it was waited for; and sets the timer */
}

bool requests_check_told(void)
{
	struct request *r = TAILQ_FIRST(&waiting);

	while (r) {
		struct request *next = TAILQ_NEXT(r, link);
		struct connection *c = r->connection;
		bool told = sidedoor_has_told(&r->moment);

		if (told || server_now_ms() >= r->deadline_ms) {
			TAILQ_REMOVE(&waiting, r, link);
			server.running--;
			sidedoor_await(-1, server_look_again);
			c->asks = false;
			connection_ref(c);
			go_on(r, told);
			connection_resume(c);
			connection_unref(c);
		}
		r = next;
	}
	return !TAILQ_EMPTY(&waiting);
}
