/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <dirent.h>

#define TEXT_BYTES ((size_t)1 << 20)

static struct visit *protected(const char *config)
{
	return visit_policy("json-threat-protection", "json-threat-protection", config);
}

static enum sluice_test_outcome send_bytes(
	struct visit *v, const char *type, const char *p, size_t n)
{
	visit_begin(v, "POST", "/");
	if (type)
		visit_field(v, REQ, "Content-Type", type);
	return sluice_test_send_bytes(v->x, p, n);
}

/* What came of a JSON body: 200 when it passed, whole. */
static int status_of(struct visit *v, const char *p, size_t n)
{
	enum sluice_test_outcome r = send_bytes(v, "application/json", p, n);
	if (r == SLUICE_TEST_ANSWERED)
		return sluice_test_status(v->x);
	ck_assert_int_eq(r, SLUICE_TEST_PASSED);
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, REQ), n);
	return 200;
}

struct row {
	const char *config;
	const char *passes, *refused;
};

START_TEST(each_limit_is_the_largest_that_passes)
{
	static const struct row rows[] = {
		{"{\"maxContainerDepth\":2}", "[{},[]]", "[[{}]]"},
		{"{\"maxContainerDepth\":0}", "1", "[]"},
		{"{\"maxContainerDepth\":1}", "{\"a\":1}", "{\"a\":{}}"},
		{"{\"maxObjectEntryCount\":2}", "[{\"a\":1,\"b\":2},{\"a\":1,\"b\":2}]",
			"{\"a\":1,\"b\":2,\"c\":3}"},
		{"{\"maxObjectEntryCount\":0}", "[{}]", "{\"\":1}"},
		{"{\"maxObjectEntryNameLength\":3}", "{\"abc\":\"abcd\"}", "{\"abcd\":1}"},
		{"{\"maxObjectEntryNameLength\":1}", "{\"\xf0\x9f\x98\x80\":1}",
			"{\"\xf0\x9f\x98\x80x\":1}"},
		{"{\"maxArrayElementCount\":2}", "[[1,2],[1,2]]", "[1,[2],3]"},
		{"{\"maxArrayElementCount\":0}", "{\"a\":[]}", "[null]"},
		{"{\"maxStringValueLength\":3}", "[\"abc\"]", "[\"abcd\"]"},
		{"{\"maxStringValueLength\":3}", "{\"abcdef\":\"\\n\\u00e9\\ud83d\\ude00\"}",
			"\"\\n\\u00e9\\ud83d\\ude00.\""},
		{"{\"maxStringValueLength\":2}", "\"\xc3\xa9\xe2\x82\xac\"",
			"\"\xc3\xa9\xe2\x82\xac.\""},
		{"{\"maxNumberLength\":5}", "-1.25", "-1.250"},
		{"{\"rejectDuplicateNames\":true}", "[{\"a\":{\"a\":1}},{\"a\":2}]",
			"{\"a\":1,\"b\":{\"a\":1},\"a\":2}"},
		{"{\"rejectDuplicateNames\":true}", "{\"a\":1,\"\\u0062\":2}",
			"{\"a\\tb\":1,\"\\u0061\\u0009b\":2}"},
		{"{\"rejectDuplicateNames\":true}", "{\"\":1,\"\\\"\":2}",
			"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct visit *v = protected(rows[i].config);
		ck_assert_msg(status_of(v, rows[i].passes, strlen(rows[i].passes)) == 200, "%s: %s",
			rows[i].config, rows[i].passes);
		ck_assert_msg(status_of(v, rows[i].refused, strlen(rows[i].refused)) == 400,
			"%s: %s", rows[i].config, rows[i].refused);
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "json_threats"), 1);
		visit_leave(v);
	}
}
END_TEST

START_TEST(the_answer_names_the_limit_and_the_place_and_quotes_nothing)
{
	struct visit *v = protected("{\"maxStringValueLength\":3}");
	ck_assert_int_eq(status_of(v, "[\"secret\"]", 10), 400);
	ck_assert_str_eq(sluice_test_body(v->x, RSP),
		"{\"error\":\"The JSON exceeds maxStringValueLength: byte 9\"}");
	ck_assert_str_eq(sluice_test_reason(v->x), "json_threat");
	ck_assert_int_eq(status_of(v, "[secret]", 8), 400);
	ck_assert_str_eq(
		sluice_test_body(v->x, RSP), "{\"error\":\"The body is no valid JSON: byte 1\"}");
	ck_assert_str_eq(sluice_test_reason(v->x), "json_invalid");
	visit_leave(v);
}
END_TEST

/* Each cut of a text that has everything, and each of its bytes broken, is no JSON. */
START_TEST(a_text_that_ends_early_is_refused_wherever_it_ends)
{
	static const char text[] =
		"{\"a\\u00e9\\ud83d\\ude00\":[1,-2.5e+7,true,false,null,\"\xe2\x82\xac\"]}";
	struct visit *v = protected("{\"rejectDuplicateNames\":true}");
	ck_assert_int_eq(status_of(v, text, sizeof(text) - 1), 200);
	for (size_t n = 1; n < sizeof(text) - 1; n++) {
		char *exact = malloc(n); /* for the sanitizer */
		memcpy(exact, text, n);
		ck_assert_msg(status_of(v, exact, n) == 400, "%zu bytes", n);
		free(exact);
	}
	visit_leave(v);
}
END_TEST

static char *nested(size_t depth, char open, char close)
{
	char *text = malloc(2 * depth + 1);
	memset(text, open, depth);
	memset(text + depth, close, depth);
	text[2 * depth] = '\0';
	return text;
}

START_TEST(nesting_costs_no_stack_and_ends)
{
	struct visit *v = protected("{}");
	char *text = nested(65536, '[', ']');
	ck_assert_int_eq(status_of(v, text, 2 * 65536), 200);
	free(text);
	text = nested(65537, '[', ']');
	ck_assert_int_eq(status_of(v, text, 2 * 65537), 400);
	free(text);
	visit_leave(v);
}
END_TEST

START_TEST(a_duplicate_is_found_among_very_many_names)
{
	struct visit *v = protected("{\"rejectDuplicateNames\":true}");
	char *text = malloc(TEXT_BYTES);
	size_t n = 0;
	text[n++] = '{';
	for (int i = 0; i < 50000; i++)
		n += (size_t)snprintf(text + n, TEXT_BYTES - n, "\"n%d\":0,", i);
	size_t last = n;
	n += (size_t)snprintf(text + n, TEXT_BYTES - n, "\"x\":0}");
	for (int twice = 0; twice < 2; twice++) {
		ck_assert_int_eq(status_of(v, text, n), 200);
		ck_assert_int_eq(status_of(v, "{\"n7\":1}", 8), 200);
	}
	n = last + (size_t)snprintf(text + last, TEXT_BYTES - last, "\"n7\":0}");
	ck_assert_int_eq(status_of(v, text, n), 400);
	free(text);
	visit_leave(v);
}
END_TEST

START_TEST(what_is_not_json_passes_unseen)
{
	static const struct {
		const char *type;
		bool is_checked;
	} rows[] = {
		{NULL, false},
		{"text/plain", false},
		{"application/xml", false},
		{"application/jsonp", false},
		{"application/json-seq", false},
		{"application/json", true},
		{"Application/JSON ; charset=UTF-8", true},
		{"text/json", true},
		{"application/problem+json", true},
		{"application/vnd.api+JSON;v=1", true},
		{"", false},
		{"text/plain, application/json", true},
		{"application/json; a=b, text/plain", true},
		{"application/json charset=utf-8", true},
		{"application/json\tcharset=utf-8", true},
		{"text/plain; a=\", application/json\"", false},
	};
	struct visit *v = protected("{}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum sluice_test_outcome got = send_bytes(v, rows[i].type, "no json", 7);
		ck_assert_msg(
			got == (rows[i].is_checked ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED),
			"%s", rows[i].type ? rows[i].type : "none");
	}
	visit_begin(v, "POST", "/");
	visit_field(v, REQ, "Content-Type", "text/plain");
	visit_field(v, REQ, "Content-Type", "application/json");
	ck_assert_int_eq(visit_send(v, "no json"), SLUICE_TEST_ANSWERED);
	visit_leave(v);
}
END_TEST

START_TEST(every_body_is_checked_when_asked_for)
{
	struct visit *v = protected("{\"checkAllContentTypes\":true}");
	ck_assert_int_eq(send_bytes(v, NULL, "no json", 7), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(send_bytes(v, "text/plain", "no json", 7), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(send_bytes(v, "text/plain", "[]", 2), SLUICE_TEST_PASSED);
	ck_assert_int_eq(send_bytes(v, NULL, "", 0), SLUICE_TEST_PASSED);
	visit_leave(v);
}
END_TEST

START_TEST(what_cannot_be_looked_into_is_refused)
{
	static const struct {
		const char *type, *encoding;
		int status; /* 0: passes */
	} rows[] = {
		{"application/json", "gzip", 415},
		{"application/json", "identity, br", 415},
		{"application/json", "identity", 0},
		{"text/plain", "gzip", 0},
		{"application/json; charset=utf-16", NULL, 400},
		{"application/json; charset=utf-8; charset=utf-16", NULL, 400},
		{"application/json; a=\"x;charset=utf-16\"; charset=\"Utf-8\"", NULL, 0},
	};
	struct visit *v = protected("{}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		visit_begin(v, "POST", "/");
		visit_field(v, REQ, "Content-Type", rows[i].type);
		if (rows[i].encoding)
			visit_field(v, REQ, "Content-Encoding", rows[i].encoding);
		enum sluice_test_outcome got = visit_send(v, "[]");
		ck_assert_msg(got == (rows[i].status ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED),
			"row %zu", i);
		if (rows[i].status)
			ck_assert_int_eq(sluice_test_status(v->x), rows[i].status);
	}
	visit_leave(v);
}
END_TEST

/* --- the public suite ------------------------------------------------------------------------ */
static int is_vector(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return dot && strcmp(dot, ".json") == 0;
}

static const char *read_vector(const char *name, size_t *n)
{
	static char bytes[1 << 20];
	char path[512];
	snprintf(path, sizeof(path), SHARED_DATA "/json-test-suite/%s", name);
	FILE *f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	*n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return bytes;
}

START_TEST(agrees_with_the_public_suite)
{
	struct dirent **entries;
	int count = scandir(SHARED_DATA "/json-test-suite", &entries, is_vector, alphasort);
	int refused = 0, taken = 0;
	if (count <= 0) {
		printf("skipped: there is no " SHARED_DATA "/json-test-suite\n");
		return;
	}
	struct visit *v = protected("{}");
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t n;
		const char *text = read_vector(name, &n);
		int status = n > 0 ? status_of(v, text, n) : 400;
		if (name[0] == 'y')
			ck_assert_msg(status == 200, "%s", name);
		else if (name[0] == 'n')
			ck_assert_msg(status == 400, "%s", name);
		taken += status == 200;
		refused += status == 400;
		free(entries[i]);
	}
	free(entries);
	ck_assert_int_eq(taken + refused, count);
	ck_assert_int_gt(taken, 90);
	ck_assert_int_gt(refused, 180);
	visit_leave(v);
}
END_TEST

/* What is too deep never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try("json-threat-protection", "json-threat-protection",
		"{maxContainerDepth: 2, rejectDuplicateNames: true}");
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "POST", "/");
		visit_field(v, REQ, "content-type", "application/json");
		ck_assert_int_ne(visit_send(v, "{\"a\": [[1]]}"), PASSED);
		visit_begin(v, "POST", "/");
		visit_field(v, REQ, "content-type", "application/json");
		ck_assert_int_ne(visit_send(v, "{\"a\": 1, \"a\": 2}"), PASSED);
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(json_threat_protection, each_limit_is_the_largest_that_passes,
	the_answer_names_the_limit_and_the_place_and_quotes_nothing,
	a_text_that_ends_early_is_refused_wherever_it_ends, nesting_costs_no_stack_and_ends,
	a_duplicate_is_found_among_very_many_names, what_is_not_json_passes_unseen,
	every_body_is_checked_when_asked_for, what_cannot_be_looked_into_is_refused,
	agrees_with_the_public_suite, never_fails_open)
