/* SPDX-License-Identifier: Apache-2.0 */
/* The formats of messages, by the JSON Schema Test Suite's files about them. */
#include "services/schema_formats.h"

#include "unit.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* What must have run at least, so that nothing is left out unseen. */
#define CASES_MIN 310
#define SUITE     "/json-schema-test-suite/draft2020-12/optional/format/"

/* Our JSON has no NUL in strings; U+0001 is as wrong in each of the formats. */
static void replace_nul_escapes(char *text, size_t n)
{
	struct str rest = str_n(text, n);
	for (size_t at; (at = str_find(rest, STR("\\u0000"))) < rest.n;
		rest = str_from(rest, at + 6))
		memcpy(text + (rest.p - text) + at, "\\u0001", 6);
}

static struct json_document *read_file(const char *format)
{
	char *path = heap_printf("%s" SUITE "%s.json", SHARED_DATA, format);
	struct json_document *d = NULL;
	struct json_error error;
	struct stat st;
	FILE *f = fopen(path, "rb");
	ck_assert_msg(f && fstat(fileno(f), &st) == 0, "there is no %s", path);
	char *text = heap_alloc((size_t)st.st_size);
	ck_assert_uint_eq(fread(text, 1, (size_t)st.st_size, f), (size_t)st.st_size);
	fclose(f);
	replace_nul_escapes(text, (size_t)st.st_size);
	ck_assert_msg(json_parse(str_n(text, (size_t)st.st_size), &d, &error) == RC_OK, "%s: %s",
		path, error.message);
	free(text);
	free(path);
	return d;
}

/* Of host names the suite asks for IDNA (RFC 5892), whose tables are not here. */
static bool is_skipped(const char *format, struct str value)
{
	return strcmp(format, "hostname") == 0 &&
	       (str_starts(value, STR("xn--")) || str_starts(value, STR("XN--")));
}

static size_t run_case(const char *format, const struct json_value *test)
{
	const struct json_value *data = json_get(test, STR("data"));
	char message[200] = "";
	if (data->type != JSON_STRING || is_skipped(format, data->u.string))
		return 0;
	bool is_good = message_hooks.format_check(
		NULL, str_of(format), data->u.string, message, sizeof(message));
	ck_assert_msg(is_good == json_get(test, STR("valid"))->u.boolean, "%s: \"%.*s\" (%.*s)",
		format, STR_ARG(data->u.string),
		STR_ARG(json_get(test, STR("description"))->u.string));
	ck_assert(is_good || message[0]);
	return 1;
}

static size_t run_file(const char *format)
{
	size_t ran = 0;
	struct json_document *d = read_file(format);
	const struct json_value *groups = json_root(d);
	for (uint32_t g = 0; g < groups->u.array.count; g++) {
		const struct json_value *tests = json_get(&groups->u.array.items[g], STR("tests"));
		for (uint32_t t = 0; t < tests->u.array.count; t++)
			ran += run_case(format, &tests->u.array.items[t]);
	}
	json_free(d);
	return ran;
}

START_TEST(keeps_the_suite_of_formats)
{
	static const char *const formats[] = {
		"date", "time", "date-time", "uuid", "ipv4", "ipv6", "hostname", "email", "uri"};
	struct stat st;
	size_t ran = 0;
	if (stat(SHARED_DATA SUITE, &st) != 0) {
		printf("skipped: there is no %s\n", SHARED_DATA SUITE);
		return;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		ran += run_file(formats[i]);
	ck_assert_uint_ge(ran, CASES_MIN);
}
END_TEST

UNIT_SUITE(schema_formats, keeps_the_suite_of_formats)
