/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema Test Suite, draft 2020-12: the files that the guide's table of keywords names,
 * and every group of them but those that are named here with the reason. */
#include "guide.h"
#include "unit.h"

#include "support.h"

#include <stdlib.h>

#define SUITE "json-schema-test-suite/draft2020-12"
/* What must have run at least, so that nothing is left out unseen. */
#define CASES_MIN 930

#define REMOTE      "refers to another document, by its URI"
#define OWN_ID      "gives a schema a URI by $id"
#define UNEVALUATED "unevaluatedProperties is no keyword of ours"
#define UNICODE     "libc's regular expressions, the hooks of these tests, know no \\p"

static const struct {
	const char *file, *group, *reason;
} skipped[] = {
	{"defs.json", "validate definition against metaschema", REMOTE},
	{"enum.json", "empty enum", "an enum without values is refused as a mistake"},
	{"not.json", "collect annotations inside a 'not', even if collection is disabled",
		UNEVALUATED},
	{"pattern.json", "pattern with Unicode property escape requires unicode mode", UNICODE},
	{"patternProperties.json", "patternProperties with Unicode property escape", UNICODE},
	{"ref.json", "remote ref, containing refs itself", REMOTE},
	{"ref.json", "Recursive references between schemas", OWN_ID},
	{"ref.json", "ref creates new scope when adjacent to keywords", UNEVALUATED},
	{"ref.json", "refs with relative uris and defs", OWN_ID},
	{"ref.json", "relative refs with absolute uris and defs", OWN_ID},
	{"ref.json", "$id must be resolved against nearest parent, not just immediate parent",
		OWN_ID},
	{"ref.json", "order of evaluation: $id and $ref", OWN_ID},
	{"ref.json", "order of evaluation: $id and $anchor and $ref", OWN_ID},
	{"ref.json", "order of evaluation: $id and $ref on nested schema", OWN_ID},
	{"ref.json", "simple URN base URI with $ref via the URN", OWN_ID},
	{"ref.json", "simple URN base URI with JSON pointer", OWN_ID},
	{"ref.json", "URN base URI with NSS", OWN_ID},
	{"ref.json", "URN base URI with r-component", OWN_ID},
	{"ref.json", "URN base URI with q-component", OWN_ID},
	{"ref.json", "URN base URI with URN and JSON pointer ref", OWN_ID},
	{"ref.json", "URN base URI with URN and anchor ref", OWN_ID},
	{"ref.json", "URN ref with nested pointer ref", REMOTE},
	{"ref.json", "ref to if", REMOTE},
	{"ref.json", "ref to then", REMOTE},
	{"ref.json", "ref to else", REMOTE},
	{"ref.json", "ref with absolute-path-reference", OWN_ID},
	{"ref.json", "$id with file URI still resolves pointers - *nix", OWN_ID},
	{"ref.json", "$id with file URI still resolves pointers - windows", OWN_ID},
};

static const char *skip_reason(const char *file, struct str group)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++)
		if (strcmp(skipped[i].file, file) == 0 && str_eq(str_of(skipped[i].group), group))
			return skipped[i].reason;
	return NULL;
}

static void assert_path(void *arg, const struct schema_problem *p)
{
	ck_assert_uint_gt(p->message.n, 0);
	ck_assert_ptr_nonnull(p->at);
	++*(size_t *)arg;
}

static void run_case(const char *file, const struct schema *s, const struct json_value *t)
{
	size_t told = 0;
	struct str what = json_get(t, STR("description"))->u.string;
	bool expected = json_get(t, STR("valid"))->u.boolean;
	size_t count = schema_check(s, json_get(t, STR("data")), assert_path, &told);
	ck_assert_msg((count == 0) == expected, "%s: %.*s", file, STR_ARG(what));
	ck_assert_uint_eq(count, told);
}

static size_t run_group(const char *file, const struct json_value *group)
{
	struct schema *s = NULL;
	char message[200];
	struct str name = json_get(group, STR("description"))->u.string;
	const struct json_value *tests = json_get(group, STR("tests"));
	enum rc rc = schema_new(
		json_get(group, STR("schema")), &test_hooks, &s, message, sizeof(message));
	if (skip_reason(file, name)) {
		/* What is left out must also be refused: never a keyword that does nothing. */
		ck_assert_msg(rc == RC_INVALID, "%s: %.*s: is skipped, but need not be", file,
			STR_ARG(name));
		return 0;
	}
	ck_assert_msg(rc == RC_OK, "%s: %.*s: %s", file, STR_ARG(name), message);
	for (uint32_t i = 0; i < tests->u.array.count; i++)
		run_case(file, s, &tests->u.array.items[i]);
	schema_free(s);
	return tests->u.array.count;
}

/* Our JSON has no NUL in strings; U+0001 serves where the suite wants an unusual character. */
static void replace_nul_escapes(struct str text)
{
	size_t at;
	for (; (at = str_find(text, STR("\\u0000"))) < text.n; text = str_from(text, at + 6))
		memcpy((char *)text.p + at, "\\u0001", 6);
}

static size_t run_file(const char *name)
{
	struct str text = read_shared(SUITE, name);
	struct json_document *d = NULL;
	struct json_error error;
	size_t ran = 0;
	replace_nul_escapes(text);
	ck_assert_msg(json_parse(text, &d, &error) == RC_OK, "%s: %s", name, error.message);
	for (uint32_t i = 0; i < json_root(d)->u.array.count; i++)
		ran += run_group(name, &json_root(d)->u.array.items[i]);
	json_free(d);
	free((char *)text.p);
	return ran;
}

/* "a.json, optional/b.json"; "none: why". */
static size_t run_files(struct str list)
{
	size_t ran = 0;
	char name[100];
	while (list.p && !str_starts(list, STR("none: "))) {
		struct str file = str_trim(str_cut(&list, ','));
		ck_assert(str_ends(file, STR(".json")));
		snprintf(name, sizeof(name), "%.*s", STR_ARG(file));
		ran += run_file(name);
	}
	return ran;
}

START_TEST(keeps_the_json_schema_test_suite)
{
	struct guide guide = guide_open("## Keywords");
	struct str cells[GUIDE_CELLS_MAX];
	size_t ran = 0;
	if (!has_shared(SUITE)) {
		guide_close(&guide);
		return;
	}
	while (guide_next(&guide, cells))
		ran += run_files(cells[1]);
	guide_close(&guide);
	ck_assert_uint_ge(ran, CASES_MIN);
}
END_TEST

/* In the order of the code's own table. */
START_TEST(the_guide_lists_all_keywords)
{
	struct guide guide = guide_open("## Keywords");
	struct str cells[GUIDE_CELLS_MAX];
	size_t count = 0;
	for (; guide_next(&guide, cells); count++)
		ck_assert_str_eq(guide_code(&cells[0]), schema_keyword_name(count));
	ck_assert_ptr_null(schema_keyword_name(count));
	guide_close(&guide);
}
END_TEST

UNIT_SUITE(schema_suite, keeps_the_json_schema_test_suite, the_guide_lists_all_keywords)
