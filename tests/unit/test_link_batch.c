/* A batch as the socket tells it. */
#include "supervisor/link_batch.h"
#include "tests/unit/test.h"
#include <errno.h>
#include <string.h>

static json_t *object(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	return o;
}

static void takes_everything(void **state)
{
	json_t *o = object("{\"from\":3,\"to\":7,\"clock\":\"c:1:2:1:7\",\"time_ms\":1700000000123,\"settle_ms\":4,"
			   "\"truncated\":false,\"suppressed\":false,\"changes\":[{\"name\":\"src/\\ufffd\","
			   "\"name_b64\":\"c3JjL/8=\",\"before\":{\"kind\":\"absent\",\"exec\":0,\"hash\":null},"
			   "\"after\":{\"kind\":\"file\",\"exec\":5,\"hash\":\"00000000000000010000000000000002\"},"
			   "\"tick\":7,\"reason\":\"changed\",\"ignored\":true,\"open\":true,"
			   "\"writer\":{\"pid\":12,\"command\":\"vim\",\"job\":\"api/run\",\"appended\":true,"
			   "\"outside\":true}}]}");
	const struct change *c;
	struct link_batch b;

	assert_int_equal(link_batch_parse(o, &b), 0);
	json_decref(o);
	assert_int_equal(b.batch.from, 3);
	assert_int_equal(b.batch.to, 7);
	assert_int_equal(b.batch.time_ms, 1700000000123);
	assert_int_equal(b.settle_ms, 4);
	assert_int_equal(b.batch.count, 1);
	c = &b.batch.changes[0];
	assert_string_equal(c->path, "src/\xff");
	assert_int_equal(c->before.kind, STATE_ABSENT);
	assert_int_equal(c->after.kind, STATE_FILE);
	assert_int_equal(c->after.exec, 5);
	assert_true(c->after.hashed);
	assert_int_equal(c->after.content.hi, 1);
	assert_int_equal(c->after.content.lo, 2);
	assert_int_equal(c->reason, CHANGE_REAL);
	assert_true(c->ignored && c->open && c->writer.appended && c->writer.outside);
	assert_string_equal(c->writer.command, "vim");
	assert_string_equal(c->writer.job, "api/run");
	link_batch_done(&b);
}

static void a_file_without_a_hash_equals_nothing(void **state)
{
	json_t *o = object("{\"changes\":[{\"name\":\"a\",\"before\":{\"kind\":\"file\",\"exec\":0,\"hash\":null},"
			   "\"after\":{\"kind\":\"news\"},\"reason\":\"only-times\"}]}");
	struct link_batch b;

	assert_int_equal(link_batch_parse(o, &b), 0);
	json_decref(o);
	assert_false(state_equal(&b.batch.changes[0].before, &b.batch.changes[0].before));
	assert_int_equal(b.batch.changes[0].after.kind, STATE_UNKNOWN);
	assert_int_equal(b.batch.changes[0].reason, CHANGE_ONLY_TIMES);
	link_batch_done(&b);
}

static void what_is_no_batch_is_refused(void **state)
{
	static const char *const texts[] = { "{}", "{\"changes\":1}", "{\"changes\":[{}]}",
					     "{\"changes\":[{\"name\":\"a\"},{\"name\":1}]}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *o = object(texts[i]);
		struct link_batch b;

		assert_int_equal(link_batch_parse(o, &b), -EPROTO);
		json_decref(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_everything),
		cmocka_unit_test(a_file_without_a_hash_equals_nothing),
		cmocka_unit_test(what_is_no_batch_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
