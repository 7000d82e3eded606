/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "message-logging"

static char log_text[8192];

/* One item with this itemData, over one exchange: POST with a JSON body, answered "fine". What it
 * wrote is in log_text. */
static void log_exchange(const char *item_data)
{
	char config[1024];
	snprintf(config, sizeof(config), "loggingConfiguration: [{itemName: it, itemData: %s}]",
		item_data);
	struct visit *v = visit_policy(NAME, NAME, config);
	visit_begin(v, "POST", "/");
	visit_field(v, REQ, "content-type", "application/json");
	ck_assert_int_eq(visit_send(v, "{\"order\": 4711}"), PASSED);
	ck_assert_int_eq(visit_reply(v, "fine"), PASSED);
	sluice_test_end(v->x);
	v->x = NULL;
	snprintf(log_text, sizeof(log_text), "%s", sluice_test_log(v->t));
	visit_leave(v);
}

static size_t line_count(void)
{
	size_t count = 0;
	for (const char *at = log_text; (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

START_TEST(writes_before_and_after)
{
	static const struct {
		const char *data, *line; /* NULL: no line */
	} rows[] = {
		{"{message: hello, firstSection: true}", "info: hello\n"},
		{"{message: hello}", NULL},
		{"{message: \"#['asked ' ++ attributes.requestPath]\", firstSection: true}",
			"info: asked /\n"},
		{"{message: \"#['answered ' ++ attributes.statusCode]\", secondSection: true}",
			"info: answered 200\n"},
		{"{message: m, category: shop, level: ERROR, firstSection: true}",
			"error: [shop] m\n"},
		{"{message: m, level: WARN, firstSection: true}", "warn: m\n"},
		{"{message: m, level: DEBUG, firstSection: true}", NULL},
		{"{message: m, conditional: \"#[attributes.method == 'POST']\", firstSection: "
		 "true}",
			"info: m\n"},
		{"{message: m, conditional: \"#[attributes.method == 'PUT']\", firstSection: true}",
			NULL},
		{"{message: m, conditional: \"\", firstSection: true}", "info: m\n"},
		{"{message: m, conditional: true, firstSection: true}", "info: m\n"},
		{"{message: m, conditional: false, firstSection: true}", NULL},
		{"{message: \"#[payload.order]\", firstSection: true}", "info: 4711\n"},
		{"{message: \"#[payload]\", secondSection: true}", "info: fine\n"},
		{"{message: \"#[vars.reqId ++ ' ' ++ vars.apiName ++ ' ' ++ vars.remoteAddress]\","
		 " firstSection: true}",
			"info: 00000000-0000-4000-8000-000000000001 test 192.0.2.1\n"},
		{"{message: \"#[vars.receivedTs ++ '/' ++ vars.repliedTs]\", secondSection: true}",
			"info: 1700000000000/1700000000000\n"},
		{"{message: \"#[vars.repliedTs default 'not yet']\", firstSection: true}",
			"info: not yet\n"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		log_exchange(rows[i].data);
		ck_assert_msg(strcmp(log_text, rows[i].line ? rows[i].line : "") == 0,
			"row %zu: %s", i, log_text);
	}
}
END_TEST

START_TEST(both_sections_write_two_lines)
{
	log_exchange("{message: m, firstSection: true, secondSection: true}");
	ck_assert_str_eq(log_text, "info: m\ninfo: m\n");
}
END_TEST

START_TEST(what_cannot_be_evaluated_is_told_and_holds_up_nobody)
{
	log_exchange("{message: \"#[attributes.headers]\", firstSection: true}");
	ck_assert_uint_eq(line_count(), 1);
	ck_assert_msg(strncmp(log_text, "warn: [it] ", 11) == 0, "%s", log_text);
	log_exchange("{message: m, conditional: \"#[attributes.method]\", firstSection: true}");
	ck_assert_msg(strncmp(log_text, "warn: [it] ", 11) == 0, "%s", log_text);
	ck_assert_uint_eq(line_count(), 1);
}
END_TEST

START_TEST(an_expression_that_does_not_compile_is_refused)
{
	assert_refused(NAME, NAME,
		"loggingConfiguration: [{itemData: {message: \"#[(]\"}},"
		" {itemData: {message: m, conditional: \"#[(]\"}}]",
		"config.loggingConfiguration[0].itemData.message",
		"config.loggingConfiguration[1].itemData.conditional: ");
}
END_TEST

/* It only observes: what it cannot do holds up nobody but for want of memory. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME,
		"loggingConfiguration: [{itemData: {message: \"#[payload.a ++ attributes.method]\","
		" firstSection: true, secondSection: true}}]");
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "POST", "/");
		visit_field(v, REQ, "content-type", "application/json");
		if (visit_send(v, "{\"a\": 1}") == SLUICE_TEST_PASSED)
			visit_reply(v, "{\"a\": 2}");
	}
	visit_leave(v);
}

START_TEST(whatever_fails_nothing_is_left_behind)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(message_logging, writes_before_and_after, both_sections_write_two_lines,
	what_cannot_be_evaluated_is_told_and_holds_up_nobody,
	an_expression_that_does_not_compile_is_refused, whatever_fails_nothing_is_left_behind)
