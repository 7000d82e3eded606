/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "plan_text.h"

#include "base/memory.h"
#include "generation/error_pages.h"

#include <stdio.h>

static char rendered[4096];
static struct str type;
static bool varies;

/* NULL: no page. */
static const char *render(const char *errors, uint16_t status, const char *accept, struct str message)
{
	struct plan *plan = plan_text(errors);
	struct error_pages *pages = error_pages_new(plan_root(plan));
	plan_free(plan); /* pages own what they need */
	struct pool *pool = pool_new();
	struct arena arena;
	struct fields fields;
	struct buffer out;
	const struct error_values values = {
		.status = status, .message = message, .reason = STR("no_api"), .request_id = STR("id-7")};
	arena_init(&arena, pool, 65536);
	fields_init(&fields, &arena);
	buffer_init(&out, sizeof(rendered) - 1);
	if (accept)
		ck_assert_int_eq(fields_add(&fields, STR("Accept"), str_of(accept)), RC_OK);
	bool found = error_pages_render(
		pages, accept ? &fields : NULL, &values, &out, &type, &varies);
	ck_assert(!out.failed);
	snprintf(rendered, sizeof(rendered), "%.*s", STR_ARG(buffer_str(&out)));
	buffer_deinit(&out);
	arena_reset(&arena);
	pool_free(pool);
	error_pages_free(pages);
	return found ? rendered : NULL;
}

#define PAGE(low, high, media, body)                                                               \
	"{'low': " low ", 'high': " high ", 'pages': [{'media': '" media "', 'body': '" body "'}]}"

START_TEST(the_narrowest_range_counts)
{
	static const char errors[] = "[" PAGE("400", "599", "text", "any") ", " PAGE(
		"404", "404", "text", "one") ", " PAGE("400", "499", "text", "class") "]";
	ck_assert_str_eq(render(errors, 404, NULL, STR_EMPTY), "one");
	ck_assert_str_eq(render(errors, 403, NULL, STR_EMPTY), "class");
	ck_assert_str_eq(render(errors, 500, NULL, STR_EMPTY), "any");
	ck_assert_ptr_null(render(errors, 308, NULL, STR_EMPTY));
	ck_assert_ptr_null(
		render("[" PAGE("404", "404", "text", "one") "]", 403, NULL, STR_EMPTY));
	ck_assert_ptr_null(error_pages_new(NULL));
	error_pages_free(NULL);
}
END_TEST

START_TEST(fills_in_what_it_knows_and_leaves_other_braces)
{
	ck_assert_str_eq(render("[" PAGE("400", "599", "text",
					"{status}{reasonPhrase}|{message}|{reason}|{requestId}") "]",
				 404, NULL, STR("gone")),
		"404Not Found|gone|no_api|id-7");
	ck_assert_str_eq(render("[" PAGE("400", "599", "text",
					"{{status}} { status } {STATUS} {} {x {status}{") "]",
				 404, NULL, STR("gone")),
		"{404} { status } {STATUS} {} {x 404{");
	ck_assert_str_eq(
		render("[" PAGE("400", "599", "html", "a{b:c}{message}{d:e}") "]", 404, NULL, STR("x")),
		"a{b:c}x{d:e}");
}
END_TEST

START_TEST(escapes_by_media_type)
{
	struct str message = STR("<b a='1' c=\"2\">`&\n\x01\xc3\xa4\xff</b>");
	ck_assert_str_eq(render("[" PAGE("400", "599", "html", "{message}") "]", 400, NULL, message),
		"&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&#96;&amp;  \xc3\xa4?&lt;/b&gt;");
	ck_assert_str_eq(render("[" PAGE("400", "599", "text", "{message}") "]", 400, NULL, message),
		"<b a='1' c=\"2\">`&  \xc3\xa4?</b>");
	const char *json =
		render("[" PAGE("400", "599", "json", "\"{message}\"") "]", 400, NULL, message);
	ck_assert_msg(strstr(json, "c=\\\"2\\\"") && strstr(json, "\\n\\u0001"), "%s", json);
	ck_assert_msg(!strchr(json, '\n') && json[0] == '"' && strlen(strrchr(json, '"')) == 1, "%s",
		json);
}
END_TEST

START_TEST(a_message_is_cut)
{
	char message[5000];
	memset(message, 'x', sizeof(message));
	const char *text = render("[" PAGE("400", "599", "text", "{message}") "]", 400, NULL,
		str_n(message, sizeof(message)));
	ck_assert_uint_eq(strlen(text), 1024);
}
END_TEST

START_TEST(the_client_chooses_among_the_forms)
{
	static const char errors[] =
		"[{'low': 400, 'high': 599, 'pages': [{'media': 'html', 'body': 'h'},"
		" {'media': 'problem', 'body': 'p'}, {'media': 'text', 'body': 't'}]}]";
	ck_assert_str_eq(render(errors, 400, NULL, STR_EMPTY), "h");
	assert_str(type, "text/html; charset=UTF-8");
	ck_assert(varies);
	ck_assert_str_eq(render(errors, 400, "text/plain, text/html;q=0.9", STR_EMPTY), "t");
	assert_str(type, "text/plain; charset=UTF-8");
	ck_assert_str_eq(render(errors, 400, "application/*", STR_EMPTY), "p");
	assert_str(type, "application/problem+json");
	ck_assert_str_eq(render(errors, 400, "image/png", STR_EMPTY), "h");
	ck_assert_str_eq(
		render("[" PAGE("400", "599", "json", "j") "]", 400, "text/html", STR_EMPTY), "j");
	assert_str(type, "application/json; charset=UTF-8");
	ck_assert(!varies);
}
END_TEST

START_TEST(a_buffer_that_is_too_small_fails)
{
	struct plan *plan = plan_text("[" PAGE("400", "599", "text", "longer than eight") "]");
	struct error_pages *pages = error_pages_new(plan_root(plan));
	const struct error_values values = {.status = 400};
	struct buffer out;
	buffer_init(&out, 8);
	ck_assert(error_pages_render(pages, NULL, &values, &out, &type, &varies));
	ck_assert(out.failed);
	buffer_deinit(&out);
	error_pages_free(pages);
	plan_free(plan);
}
END_TEST

UNIT_SUITE(error_pages, the_narrowest_range_counts, fills_in_what_it_knows_and_leaves_other_braces,
	escapes_by_media_type, a_message_is_cut, the_client_chooses_among_the_forms,
	a_buffer_that_is_too_small_fails)
