/* TOML: whatever is read is one JSON object, and a refusal is one line. */
#include "core/toml.h"
#include "tests/fuzz/fuzz.h"
#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUF error = { 0 };
	json_t *o = NULL;
	int r = toml_parse("x.toml", (const char *)data, size, &o, &error);

	MUST(r == 0 || r == -EINVAL);
	if (r == 0) {
		char *text = json_dumps(o, JSON_COMPACT);

		MUST(json_is_object(o) && text);
		free(text);
		json_decref(o);
	} else {
		MUST(error.len && !strchr(error.data, '\n'));
	}
	return 0;
}
