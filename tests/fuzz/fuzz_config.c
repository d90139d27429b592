/* hrfs.yaml: what is printed and read again is the same configuration, and a refusal is one line. */
#include "core/config.h"
#include "tests/fuzz/fuzz.h"
#include <errno.h>
#include <string.h>

static void there_and_back(const struct config *c)
{
	AUTO_BUF printed = { 0 };
	AUTO_BUF printed_again = { 0 };
	AUTO_BUF error = { 0 };
	struct config *again;
	int r;

	MUST(config_print(c, &printed) == 0);
	r = config_parse("printed", buf_str(&printed), printed.len, &again, &error);
	/* what was inherited is written out for each service, which may be more than is read */
	if (r < 0 && printed.len > CONFIG_MAX_BYTES)
		return;
	MUST(r == 0);
	MUST(again->count == c->count);
	for (size_t i = 0; i < c->count; i++) {
		const struct config_service *s = config_find(again, c->services[i].name);

		MUST(s && config_service_equal(s, &c->services[i]) == 1);
	}
	MUST(config_print(again, &printed_again) == 0);
	MUST(strcmp(buf_str(&printed), buf_str(&printed_again)) == 0);
	config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF error = { 0 };
	struct config *c;
	int r = config_parse("hrfs.yaml", (const char *)data, size, &c, &error);

	MUST(r == 0 || r == -EINVAL);
	if (r == 0) {
		there_and_back(c);
		config_free(c);
	} else {
		MUST(error.len && !strchr(error.data, '\n'));
	}
	return 0;
}
