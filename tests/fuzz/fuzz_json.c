/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links json */
/* What was read and written is read back as an equal value, and written again as the same bytes. */
#include "json/json.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_round_trip(const struct json_document *d)
{
	struct json_document *again;
	struct json_error error;
	struct buffer once, twice;
	buffer_init(&once, 64u << 20);
	buffer_init(&twice, 64u << 20);
	json_write(json_root(d), &once);
	CHECK(json_parse(buffer_str(&once), &again, &error) == RC_OK);
	CHECK(json_is_equal(json_root(d), json_root(again)));
	json_write(json_root(again), &twice);
	CHECK(str_eq(buffer_str(&once), buffer_str(&twice)));
	json_free(again);
	buffer_deinit(&once);
	buffer_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct json_document *d;
	struct json_error error;
	if (json_parse(str_n((const char *)bytes, n), &d, &error) != RC_OK) {
		CHECK(error.offset <= n && error.line > 0 && error.column > 0);
		CHECK(error.message[0] != '\0');
		return 0;
	}
	check_round_trip(d);
	json_free(d);
	return 0;
}
