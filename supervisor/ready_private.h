/* Shared by ready*.c only. */
#pragma once
#include "supervisor/ready.h"
#include "supervisor/ready_quiet.h"
#include <regex.h>
#include <stdbool.h>
#include <sys/socket.h>

#define READY_ALIVE_MS 1000
#define READY_MAX_TEXT 240

struct look;

struct ready {
	uv_loop_t *loop;
	struct ready_options o;
	pid_t job;
	bool begun, told; /* told: of being ready, or of what will not become so */
	bool freed, reloading;
	uint64_t begin_ms, end_ms; /* of uv_now(); end: of the time-out */
	char last[READY_MAX_TEXT]; /* what was seen last, for the time-out */
	struct quiet quiet;
	bool holds; /* it held a held socket at the last look */

	uv_timer_t look, limit;
	uv_poll_t notify_poll;
	int handles;

	int notify_fd; /* -1: none */
	struct buf notify_address;
	bool notified;

	bool has_regex;
	regex_t regex;
	struct output_watch *watch;

	struct sockaddr_storage address; /* TCP, HTTP: what is asked; len 0: not known yet */
	socklen_t len;
	bool held;	  /* it is a held socket */
	bool any, second; /* of every address; then by which loopback one it is asked: IPv4's, or the second */
	struct probe *probe;
	int others; /* PROBE_OTHER in a row */
};

/* ready.c: the callback may free r: nothing of it is touched after */
void ready_tell(struct ready *r, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* for the text of a time-out */
void ready_saw(struct ready *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t ready_elapsed(const struct ready *r);
/* without `ready:`: for how long it must be quiet to count as alive */
uint64_t ready_quiet_ms(const struct ready *r);

/* ready_say.c */
void ready_tell_where(struct ready *r, const struct look *l);
/* works: it has done so all the time */
void ready_tell_alive(struct ready *r, bool hidden, bool works);
void ready_tell_late(struct ready *r);

/* ready.c */
/* the next look, later and later */
void ready_look_again(struct ready *r);

/* ready_ask.c: what is to be asked, as far as it is known before the start. 0; -errno with error */
int ready_choose_address(struct ready *r, struct buf *error);
void ready_look_tcp_or_http(struct ready *r);
