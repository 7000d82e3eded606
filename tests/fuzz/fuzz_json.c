/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links json */
/* What was read and written is read back as an equal value, and written again as the same bytes. What is taken for a plain
 * object is what a tree of it says. */
#include "json/json.h"
#include "json/plain_object.h"

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

static void check_plain(
	const struct json_value *object, const struct json_plain_member *plain, uint32_t n)
{
	struct buffer text;
	buffer_init(&text, 64u << 20);
	CHECK(object->type == JSON_OBJECT && object->u.object.count == n);
	for (uint32_t i = 0; i < n; i++) {
		const struct json_member *m = &object->u.object.members[i];
		buffer_reset(&text);
		json_write(&m->value, &text);
		CHECK(str_eq(m->key, plain[i].name) && str_eq(buffer_str(&text), plain[i].json));
	}
	buffer_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct json_document *d;
	struct json_error error;
	struct json_plain_member plain[JSON_PLAIN_MEMBERS_MAX];
	uint32_t count;
	bool is_plain = json_plain_object(str_n((const char *)bytes, n), plain, &count) == RC_OK;
	if (json_parse(str_n((const char *)bytes, n), &d, &error) != RC_OK) {
		CHECK(error.offset <= n && error.line > 0 && error.column > 0);
		CHECK(error.message[0] != '\0' && !is_plain);
		return 0;
	}
	check_round_trip(d);
	if (is_plain)
		check_plain(json_root(d), plain, count);
	json_free(d);
	return 0;
}
