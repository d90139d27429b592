/*
 * A worker that is killed with events from behind the mount in its hands: after each single store, by the reader and
 * by who handles them, its successor finds all that have not been handled.
 */
#include "core/base/cleanup.h"
#include "fs/shared.h"
#include "fs/sidedoor_memory.h"
#include "fs/sidedoor_ring.h"
#include "tests/unit/steps.h"
#include "tests/unit/test.h"
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ROUNDS 120
#define AT_ONCE 4 /* events in one read */
#define PAGE 4096
#define FIRST_PID (1 << 23) /* they are numbered by it, and none is ours */

static struct sidedoor_memory *own, *copy;
static int queue; /* what the kernel's is otherwise: a read gives a packet */
static _Atomic int sent, handled;
static pthread_t main_thread;
static _Atomic unsigned calls; /* of read(), by the reader */
static const size_t without_watches = offsetof(struct sidedoor_memory, watches);

/* ---- the successor ---- */

static void copy_memory(void)
{
	uint64_t end = own->head + 2 * PAGE;

	memcpy(copy, own, offsetof(struct sidedoor_memory, buffer) + PAGE);
	for (uint64_t at = own->tail / PAGE * PAGE; at < end; at += PAGE)
		memcpy(copy->ring + at % SIDEDOOR_RING, own->ring + at % SIDEDOOR_RING, PAGE);
}

/* All that were read are there, in their order; some of them twice. */
static void check(void)
{
	char bytes[EVENT_MOST] __attribute__((aligned(8)));
	int next = handled + 1;
	bool doubtful;
	uint64_t at;
	size_t len;

	copy_memory();
	sidedoor_memory = copy;
	ring_inherit();
	at = ring_begin();
	while (ring_next(&at, bytes, &len, &doubtful)) {
		struct fanotify_event_metadata m;

		memcpy(&m, bytes, sizeof(m));
		assert_true(m.pid - FIRST_PID <= next);
		next += m.pid - FIRST_PID == next;
	}
	sidedoor_memory = own;
	if (next <= sent)
		fail_msg("after store %lu: event %d of %d is lost, %d are handled", steps.count, next, sent, handled);
}

/* ---- the worker ---- */

static void send_some(int count)
{
	char packet[AT_ONCE * 128] = { 0 };
	size_t used = 0;

	for (int i = 0; i < count; i++) {
		struct fanotify_event_metadata m = {
			.event_len = (uint32_t)(sizeof(m) + (size_t)(sent + i) % 10 * 4),
			.vers = FANOTIFY_METADATA_VERSION,
			.mask = FAN_MODIFY,
			.pid = FIRST_PID + sent + i + 1,
		};

		memcpy(packet + used, &m, sizeof(m));
		used += m.event_len;
	}
	sent += count;
	assert_int_equal(send(queue, packet, used, 0), (ssize_t)used);
}

static void count_call(void)
{
	if (!pthread_equal(pthread_self(), main_thread))
		calls++;
}

/* The reader has read all that was sent, and then nothing: it stores no more. */
static void wait_for_reader(void)
{
	static unsigned before;

	while (calls < before + 2)
		sched_yield();
	before = calls;
}

static void test_after_each_store(void **unused)
{
	const struct span spans[STEPS_SPANS] = { { (char *)own, PAGE }, { own->ring, SIDEDOOR_RING } };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	shared->config.sidedoor_group = pair[0];
	queue = pair[1];
	main_thread = pthread_self();
	ring_await(1, count_call);
	assert_int_equal(ring_start(), 0);
	while (!calls) /* it has found nothing */
		sched_yield();
	calls = 0;
	if (!steps_begin(spans, check)) {
		print_message("skipped: stores can't be stepped through here\n");
		skip();
	}
	for (int i = 0; i < ROUNDS; i++) {
		send_some(1 + i % AT_ONCE);
		wait_for_reader();
		if (i % 3 == 0) {
			handled = sent;
			ring_handled(own->head);
		}
	}
	steps_end();
	print_message("%lu stores for %d events\n", steps.count, sent);
	assert_true(steps.count > (unsigned long)sent);
	assert_true(own->head > SIDEDOOR_RING);
}

static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int begin(void **unused)
{
	own = memory(without_watches);
	copy = memory(without_watches);
	shared = calloc(1, sizeof(*shared));
	if (!own || !copy || !shared)
		return -1;
	own->head = own->tail = SIDEDOOR_RING - PAGE; /* it comes to its end soon */
	sidedoor_memory = own;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after_each_store),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
