/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "observe/log.h"

#include <stdio.h>

#define REQ  CHAIN_REQUEST
#define RSP  CHAIN_RESPONSE
#define NAME "message-logging"

static struct buffer lines;

/* One item with this itemData, over one exchange: POST with a JSON body, answered "fine". */
static void log_exchange(const char *item_data)
{
	char config[1024];
	snprintf(config, sizeof(config),
		"{\"loggingConfiguration\":[{\"itemName\":\"it\",\"itemData\":%s}]}", item_data);
	log_set_level(LOG_INFO);
	log_start_queue(1 << 20, NULL, NULL);
	buffer_init(&lines, 1 << 20);
	struct rig *r = rig_new(1);
	struct chain_binding_options *b =
		rig_bind(r, rig_plugin(r, PLUGINS "/message-logging.so"), NAME, config);
	b->body[REQ].mode = b->body[RSP].mode = BODY_BUFFER;
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "content-type", "application/json");
	ck_assert_int_eq(visit_give(v, REQ, "{\"order\": 4711}"), CHAIN_DONE);
	ck_assert_int_eq(visit_give(v, RSP, "fine"), CHAIN_DONE);
	visit_free(v);
	rig_free(r);
	log_take(&lines);
	log_stop_queue();
}

static bool says(const char *text)
{
	return str_find(buffer_str(&lines), str_of(text)) < lines.n;
}

static size_t line_count(void)
{
	size_t count = 0;
	for (size_t i = 0; i < lines.n; i++)
		count += lines.p[i] == '\n';
	return count;
}

START_TEST(writes_before_and_after)
{
	static const struct {
		const char *data, *text; /* NULL: no line */
	} rows[] = {
		{"{\"message\":\"hello\",\"firstSection\":true}", "\"message\":\"hello\""},
		{"{\"message\":\"hello\"}", NULL},
		{"{\"message\":\"#['asked ' ++ attributes.requestPath]\",\"firstSection\":true}",
			"\"asked /\""},
		{"{\"message\":\"#['answered ' ++ attributes.statusCode]\",\"secondSection\":true}",
			"\"answered 200\""},
		{"{\"message\":\"m\",\"category\":\"shop\",\"level\":\"ERROR\",\"firstSection\":"
		 "true}",
			"\"level\":\"error\",\"message\":\"[shop] m\""},
		{"{\"message\":\"m\",\"level\":\"WARN\",\"firstSection\":true}",
			"\"level\":\"warn\""},
		{"{\"message\":\"m\",\"level\":\"DEBUG\",\"firstSection\":true}", NULL},
		{"{\"message\":\"m\",\"conditional\":\"#[attributes.method == 'GET']\","
		 "\"firstSection\":true}",
			"\"m\""},
		{"{\"message\":\"m\",\"conditional\":\"#[attributes.method == 'PUT']\","
		 "\"firstSection\":true}",
			NULL},
		{"{\"message\":\"m\",\"conditional\":\"\",\"firstSection\":true}", "\"m\""},
		{"{\"message\":\"m\",\"conditional\":true,\"firstSection\":true}", "\"m\""},
		{"{\"message\":\"m\",\"conditional\":false,\"firstSection\":true}", NULL},
		{"{\"message\":\"#[payload.order]\",\"firstSection\":true}",
			"\"message\":\"4711\""},
		{"{\"message\":\"#[payload]\",\"secondSection\":true}", "\"message\":\"fine\""},
		{"{\"message\":\"#[vars.reqId ++ ' ' ++ vars.apiName ++ ' ' ++ "
		 "vars.remoteAddress]\","
		 "\"firstSection\":true}",
			"\"r-1 shop 192.0.2.1\""},
		{"{\"message\":\"#[vars.receivedTs ++ '/' ++ vars.repliedTs]\","
		 "\"secondSection\":true}",
			"\"1700000000000/1700000000000\""},
		{"{\"message\":\"#[vars.repliedTs default 'not yet']\",\"firstSection\":true}",
			"\"not yet\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_exchange(rows[i].data);
		ck_assert_msg(line_count() == (rows[i].text != NULL), "row %zu: %.*s", i,
			(int)lines.n, lines.p);
		if (rows[i].text)
			ck_assert_msg(
				says(rows[i].text), "row %zu: %.*s", i, (int)lines.n, lines.p);
		buffer_deinit(&lines);
	}
}
END_TEST

START_TEST(both_sections_write_two_lines)
{
	log_exchange("{\"message\":\"m\",\"firstSection\":true,\"secondSection\":true}");
	ck_assert_uint_eq(line_count(), 2);
	ck_assert(says(
		"\"binding\":\"default/0\",\"policy\":\"message-logging\",\"requestId\":\"r-1\""));
	buffer_deinit(&lines);
}
END_TEST

START_TEST(what_cannot_be_evaluated_is_told_and_holds_up_nobody)
{
	log_exchange("{\"message\":\"#[attributes.headers]\",\"firstSection\":true}");
	ck_assert_uint_eq(line_count(), 1);
	ck_assert(says("\"level\":\"warn\",\"message\":\"[it] "));
	buffer_deinit(&lines);
	log_exchange("{\"message\":\"m\",\"conditional\":\"#[attributes.method]\","
		     "\"firstSection\":true}");
	ck_assert(says("\"message\":\"[it] "));
	ck_assert(!says("\"message\":\"m\""));
	buffer_deinit(&lines);
}
END_TEST

START_TEST(an_expression_that_does_not_compile_is_refused)
{
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/message-logging.so");
	ck_assert_ptr_null(rig_try_bind(r, p, NAME,
		"{\"loggingConfiguration\":[{\"itemData\":{\"message\":\"#[(]\"}},"
		"{\"itemData\":{\"message\":\"m\",\"conditional\":\"#[(]\"}}]}"));
	ck_assert_uint_eq(r->diagnostics.count, 2);
	ck_assert_str_eq(
		r->diagnostics.items[0].path, "config.loggingConfiguration[0].itemData.message");
	ck_assert_str_eq(r->diagnostics.items[1].path,
		"config.loggingConfiguration[1].itemData.conditional");
	rig_free(r);
}
END_TEST

UNIT_SUITE(message_logging, writes_before_and_after, both_sections_write_two_lines,
	what_cannot_be_evaluated_is_told_and_holds_up_nobody,
	an_expression_that_does_not_compile_is_refused)
