/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links json */
/* An input is [schema, instance]. A schema and its negation never agree about the instance, which
 * also means that telling problems and only looking for the first one come to the same result;
 * every problem is told once; defaults only add. */
#include "json/schema.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool format_exists(void *arg, struct str format)
{
	return format.n < 5;
}

static bool format_check(
	void *arg, struct str format, struct str value, char *message, size_t message_size)
{
	message[0] = '\0';
	return value.n > format.n;
}

/* There are no patterns. */
static const struct schema_hooks hooks = {
	.format_exists = format_exists, .format_check = format_check};

static void count_problem(void *arg, const struct schema_problem *p)
{
	CHECK(p->at && p->message.n > 0);
	++*(size_t *)arg;
}

static bool accepts(const struct schema *s, const struct json_value *instance)
{
	size_t told = 0;
	size_t count = schema_check(s, instance, count_problem, &told);
	CHECK(count == told);
	return count == 0;
}

static bool refers(struct str text)
{
	return str_find(text, STR("ref")) < text.n || str_index(text, '\\') < text.n;
}

/* {"not": schema}: a "#" in it would point to another schema then. */
static void check_negation(
	const struct json_value *text, const struct json_value *instance, bool is_accepted)
{
	struct json_member member = {.key = STR("not"), .value = *text};
	struct json_value negation = {.type = JSON_OBJECT};
	struct schema *s;
	char message[160];
	negation.u.object.members = &member;
	negation.u.object.count = 1;
	if (schema_new(&negation, &hooks, &s, message, sizeof(message)) != RC_OK)
		return; /* one level too deep, or one schema too many in a chain */
	CHECK(accepts(s, instance) != is_accepted);
	schema_free(s);
}

static void only_adds(const struct json_value *before, const struct json_value *after)
{
	CHECK(before->type == after->type);
	if (before->type == JSON_ARRAY) {
		CHECK(before->u.array.count == after->u.array.count);
		for (uint32_t i = 0; i < before->u.array.count; i++)
			only_adds(&before->u.array.items[i], &after->u.array.items[i]);
	} else if (before->type == JSON_OBJECT) {
		CHECK(before->u.object.count <= after->u.object.count);
		for (uint32_t i = 0; i < before->u.object.count; i++)
			only_adds(&before->u.object.members[i].value,
				&after->u.object.members[i].value);
	} else {
		CHECK(json_is_equal(before, after));
	}
}

static void count_secret(void *arg, struct str path)
{
	++*(size_t *)arg;
}

static void check_pair(
	struct str text, const struct json_value *schema, const struct json_value *instance)
{
	struct schema *s;
	char message[160] = "";
	size_t secrets = 0;
	if (schema_new(schema, &hooks, &s, message, sizeof(message)) != RC_OK) {
		CHECK(message[0] == '#');
		return;
	}
	bool is_accepted = accepts(s, instance);
	if (!refers(text))
		check_negation(schema, instance, is_accepted);
	struct json_builder *b = json_builder_new();
	only_adds(instance, schema_apply_defaults(s, instance, b));
	schema_each_secret(s, instance, count_secret, &secrets);
	json_builder_free(b);
	schema_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = {(const char *)bytes, n};
	struct json_document *d;
	struct json_error error;
	if (n > 4096 || json_parse(text, &d, &error) != RC_OK)
		return 0;
	const struct json_value *pair = json_root(d);
	if (pair->type == JSON_ARRAY && pair->u.array.count == 2)
		check_pair(text, &pair->u.array.items[0], &pair->u.array.items[1]);
	json_free(d);
	return 0;
}
