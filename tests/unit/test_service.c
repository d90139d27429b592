/* Every cell of the service's state table. One letter an event, one column a state: what is not listed stays and does nothing. */
#include "supervisor/service.h"
#include "tests/unit/test.h"

struct cell {
	enum service_state state;
	enum service_event event;
	enum service_state next;
	enum service_action action;
};

#define C(state, event, next, action) { SERVICE_##state, EVENT_##event, SERVICE_##next, DO_##action }

static const struct cell cells[] = {
	C(STOPPED, START, WAITING, WAIT),
	C(WAITING, DEPS, BUILDING, BUILD),
	C(WAITING, STOP, STOPPING, STOP),
	C(BUILDING, CHANGE, BUILDING, BUILD_LATER),
	C(BUILDING, BUILT_OVERLAP, STARTING, SPAWN),
	C(BUILDING, BUILT_REPLACE, STARTING, SPAWN),
	C(BUILDING, BUILT_RELOAD, STARTING, SPAWN),
	C(BUILDING, BUILT_KEEP, FINISHED, NOTE_KEPT),
	C(BUILDING, BUILD_AGAIN, WAITING, WAIT),
	C(BUILDING, BUILD_FAILED, FAILED, NOTHING),
	C(BUILDING, STOP, STOPPING, STOP),
	C(STARTING, CHANGE, REWAITING, WAIT),
	C(STARTING, UP, READY, NOTE_UP),
	C(STARTING, TIMEOUT, UNREADY, NOTHING),
	C(STARTING, ENDED, FINISHED, NOTHING),
	C(STARTING, CRASHED, FINISHED, NOTHING),
	C(STARTING, STOP, STOPPING, STOP),
	C(UNREADY, CHANGE, REWAITING, WAIT),
	C(UNREADY, UP, READY, NOTE_UP),
	C(UNREADY, ENDED, FINISHED, NOTHING),
	C(UNREADY, CRASHED, FINISHED, NOTHING),
	C(UNREADY, STOP, STOPPING, STOP),
	C(READY, CHANGE, REWAITING, WAIT),
	C(READY, ENDED, FINISHED, NOTHING),
	C(READY, CRASHED, BACKOFF, BACKOFF),
	C(READY, STOP, STOPPING, STOP),
	C(REWAITING, DEPS, REBUILDING, BUILD),
	C(REWAITING, UP, REWAITING, NOTE_UP),
	C(REWAITING, ENDED, WAITING, NOTHING),
	C(REWAITING, CRASHED, WAITING, NOTHING),
	C(REWAITING, STOP, STOPPING, STOP),
	C(REBUILDING, CHANGE, REBUILDING, BUILD_LATER),
	C(REBUILDING, BUILT_OVERLAP, OVERLAPPING, SPAWN_NEW),
	C(REBUILDING, BUILT_REPLACE, REPLACING, TERM),
	C(REBUILDING, BUILT_RELOAD, RELOADING, RELOAD),
	C(REBUILDING, BUILT_KEEP, READY, NOTE_KEPT),
	C(REBUILDING, BUILD_AGAIN, REWAITING, WAIT),
	C(REBUILDING, BUILD_FAILED, OLD, NOTHING),
	C(REBUILDING, UP, REBUILDING, NOTE_UP),
	C(REBUILDING, ENDED, BUILDING, NOTHING),
	C(REBUILDING, CRASHED, BUILDING, NOTHING),
	C(REBUILDING, STOP, STOPPING, STOP),
	C(OVERLAPPING, CHANGE, REWAITING, DROP_NEW_AND_WAIT),
	C(OVERLAPPING, UP, READY, PROMOTE),
	C(OVERLAPPING, TIMEOUT, OLD, DROP_NEW),
	C(OVERLAPPING, ENDED, STARTING, INHERIT),
	C(OVERLAPPING, CRASHED, STARTING, INHERIT),
	C(OVERLAPPING, NEW_ENDED, OLD, NOTHING),
	C(OVERLAPPING, STOP, STOPPING, STOP),
	C(REPLACING, CHANGE, REPLACING_STALE, NOTHING),
	C(REPLACING, ENDED, STARTING, SPAWN),
	C(REPLACING, CRASHED, STARTING, SPAWN),
	C(REPLACING, STOP, STOPPING, STOP),
	C(REPLACING_STALE, ENDED, WAITING, WAIT),
	C(REPLACING_STALE, CRASHED, WAITING, WAIT),
	C(REPLACING_STALE, STOP, STOPPING, STOP),
	C(RELOADING, CHANGE, REWAITING, WAIT),
	C(RELOADING, UP, RELOADING, NOTE_UP),
	C(RELOADING, ENDED, STARTING, SPAWN),
	C(RELOADING, CRASHED, STARTING, SPAWN),
	C(RELOADING, RELOADED, READY, NOTE_KEPT),
	C(RELOADING, RELOAD_FAILED, OLD, NOTHING),
	C(RELOADING, STOP, STOPPING, STOP),
	C(OLD, CHANGE, REWAITING, WAIT),
	C(OLD, REVERTED, READY, NOTHING),
	C(OLD, UP, OLD, NOTE_UP),
	C(OLD, ENDED, FAILED, NOTHING),
	C(OLD, CRASHED, FAILED, NOTHING),
	C(OLD, STOP, STOPPING, STOP),
	C(FINISHED, START, WAITING, WAIT),
	C(FINISHED, CHANGE, WAITING, WAIT),
	C(FINISHED, STOP, STOPPING, STOP),
	C(FAILED, START, WAITING, WAIT),
	C(FAILED, CHANGE, WAITING, WAIT),
	C(FAILED, STOP, STOPPING, STOP),
	C(BACKOFF, START, STARTING, SPAWN),
	C(BACKOFF, CHANGE, WAITING, WAIT),
	C(BACKOFF, TIMER, STARTING, SPAWN),
	C(BACKOFF, STOP, STOPPING, STOP),
	C(STOPPING, GONE, STOPPED, NOTHING),
};

static const struct cell *listed(enum service_state state, enum service_event event)
{
	for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		if (cells[i].state == state && cells[i].event == event)
			return &cells[i];
	}
	return NULL;
}

static void test_every_cell(void **unused)
{
	for (int state = 0; state < SERVICE_STATES; state++) {
		for (int event = 0; event < SERVICE_EVENTS; event++) {
			struct service_step got = service_step(state, event);
			const struct cell *want = listed(state, event);
			enum service_state next = want ? want->next : (enum service_state)state;
			enum service_action action = want ? want->action : DO_NOTHING;

			if (got.state != next || got.action != action)
				fail_msg("%s + %s: %s, action %d; wanted %s, action %d", service_state_name(state),
					 service_event_name(event), service_state_name(got.state), got.action,
					 service_state_name(next), action);
		}
	}
}

/* From anywhere, stopping ends in STOPPED once nothing is left. */
static void test_stop_from_everywhere(void **unused)
{
	for (int state = 0; state < SERVICE_STATES; state++) {
		struct service_step step = service_step(state, EVENT_STOP);

		if (state == SERVICE_STOPPED || state == SERVICE_STOPPING)
			continue;
		assert_int_equal(step.state, SERVICE_STOPPING);
		assert_int_equal(step.action, DO_STOP);
		assert_int_equal(service_step(step.state, EVENT_GONE).state, SERVICE_STOPPED);
	}
}

/* A change is never lost: it starts something, or what is under way will look again. */
static void test_no_change_is_lost(void **unused)
{
	for (int state = 0; state < SERVICE_STATES; state++) {
		struct service_step step = service_step(state, EVENT_CHANGE);

		switch (state) {
		case SERVICE_STOPPED: /* not wanted */
		case SERVICE_STOPPING:
		case SERVICE_WAITING: /* the build has not begun: it will see the change */
		case SERVICE_REWAITING:
		case SERVICE_REPLACING_STALE:
			assert_int_equal(step.state, state);
			break;
		default:
			assert_true(step.state != (enum service_state)state || step.action != DO_NOTHING);
		}
	}
}

static void test_failed_build_keeps_serving(void **unused)
{
	enum service_state s = SERVICE_READY;

	s = service_step(s, EVENT_CHANGE).state;
	s = service_step(s, EVENT_DEPS).state;
	assert_int_equal(s, SERVICE_REBUILDING);
	s = service_step(s, EVENT_BUILD_FAILED).state;
	assert_int_equal(s, SERVICE_OLD);
	assert_true(service_state_has_current(s));
	assert_true(service_state_is_settled(s));
	assert_string_equal(service_state_word(s), "failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell),
		cmocka_unit_test(test_stop_from_everywhere),
		cmocka_unit_test(test_no_change_is_lost),
		cmocka_unit_test(test_failed_build_keeps_serving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
