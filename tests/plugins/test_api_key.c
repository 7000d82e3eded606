/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"
#include "base/check.h"

#include <stdio.h>

#define REQ  CHAIN_REQUEST
#define NAME "api-key"

/* Digests of "key-of-hex-1" and "key-of-base64". */
#define HEX                                                                                        \
	"4346e4550b7dabfecf4119667a2175f2"                                                         \
	"28e6e5be8526b1eff362417a7a441f30"
#define BASE64 "Fr7yOLtB8+usnRZZlQWji82ZcBD6aDcnnR3X2yPgcPE="
#define KEYS                                                                                       \
	"\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"c1\",\"clientName\":\"Client one\"},"   \
	"{\"key\":\"sha256:" HEX "\",\"clientId\":\"c2\"},"                                        \
	"{\"key\":\"sha256:" BASE64 "\",\"clientId\":\"c3\"},"                                     \
	"{\"key\":\"plain-key-4\",\"clientId\":\"c1\"}]"

static struct rig *guarded(const char *config)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/api-key.so"), NAME, config);
	return r;
}

static enum chain_result ask(struct visit *v, const char *name, const char *value)
{
	visit_begin(v);
	if (value)
		visit_field(v, REQ, name, value);
	return chain_step(&v->x, REQ);
}

static void assert_refused(
	struct visit *v, unsigned status, const char *reason, const char *challenge)
{
	ck_assert_uint_eq(v->x.local->head.status, status);
	ck_assert_msg(
		str_eq(v->x.local->reason, str_of(reason)), "%.*s", STR_ARG(v->x.local->reason));
	ck_assert_uint_eq(v->x.client_id.n, 0);
	ck_assert_int_eq(visit_answer(v), CHAIN_DONE);
	ck_assert(str_eq(visit_answered(v, "www-authenticate"), str_of(challenge)));
}

START_TEST(a_known_key_tells_who_the_client_is)
{
	static const struct {
		const char *key, *id, *name;
	} rows[] = {
		{"plain-key-1", "c1", "Client one"},
		{"key-of-hex-1", "c2", "c2"},
		{"key-of-base64", "c3", "c3"},
		{"plain-key-4", "c1", "c1"},
	};
	struct rig *r = guarded("{" KEYS "}");
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_int_eq(ask(v, "X-API-Key", rows[i].key), CHAIN_MORE);
		ck_assert(str_eq(v->x.client_id, str_of(rows[i].id)));
		ck_assert(str_eq(v->x.client_name, str_of(rows[i].name)));
		ck_assert_ptr_null(fields_get(&v->request.fields, STR("x-api-key")));
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(any_other_key_is_401)
{
	static const char *const keys[] = {"plain-key-2", "plain-key-", "plain-key-11",
		"Plain-key-1", "key-of-hex-", HEX, "sha256:" HEX, BASE64, "x"};
	struct rig *r = guarded("{" KEYS "}");
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		ck_assert_msg(ask(v, "x-api-key", keys[i]) == CHAIN_RESPONDED, "%s", keys[i]);
		assert_refused(v, 401, "api_key_unknown", "ApiKey realm=\"sluice\"");
	}
	ck_assert_int_eq(ask(v, "x-api-key", NULL), CHAIN_RESPONDED);
	assert_refused(v, 401, "api_key_missing", "ApiKey realm=\"sluice\"");
	ck_assert_int_eq(ask(v, "x-api-key", ""), CHAIN_RESPONDED);
	assert_refused(v, 401, "api_key_missing", "ApiKey realm=\"sluice\"");
	ck_assert_int_eq(ask(v, "cookie", "x-api-key=plain-key-1"), CHAIN_RESPONDED);
	assert_refused(v, 401, "api_key_missing", "ApiKey realm=\"sluice\"");
	ck_assert_uint_eq(rig_counter(r, "api_key_refused", 0), ARRAY_COUNT(keys) + 3);
	visit_free(v);
	rig_free(r);
}
END_TEST

/* The upstream might believe the other one. */
START_TEST(a_key_that_comes_twice_is_400)
{
	struct rig *r = guarded("{" KEYS "}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "X-Api-Key", "plain-key-1");
	visit_field(v, REQ, "x-api-key", "plain-key-1");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_RESPONDED);
	assert_refused(v, 400, "api_key_ambiguous", "");
	visit_free(v);
	rig_free(r);
	r = guarded("{\"in\":\"query\",\"name\":\"key\"," KEYS "}");
	v = visit_new(r, 0);
	visit_begin(v);
	v->request.query = STR("key=plain-key-1&k%65y=no");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_RESPONDED);
	assert_refused(v, 400, "api_key_ambiguous", "");
	visit_free(v);
	rig_free(r);
	r = guarded("{\"in\":\"cookie\",\"name\":\"key\"," KEYS "}");
	v = visit_new(r, 0);
	ck_assert_int_eq(ask(v, "cookie", "key=plain-key-1; a=b; key="), CHAIN_RESPONDED);
	assert_refused(v, 400, "api_key_ambiguous", "");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(finds_keys_in_queries_and_cookies_and_takes_them_out)
{
	struct rig *r = guarded("{\"in\":\"query\",\"name\":\"api key\"," KEYS "}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	v->request.query = STR("a=%20&api+key=plain%2dkey-1&b=2");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	assert_str(v->x.client_id, "c1");
	assert_str(v->request.query, "a=%20&b=2");
	visit_free(v);
	rig_free(r);
	r = guarded("{\"in\":\"cookie\",\"name\":\"key\"," KEYS "}");
	v = visit_new(r, 0);
	ck_assert_int_eq(ask(v, "Cookie", "a=b; key=key-of-hex-1; KEY=no"), CHAIN_MORE);
	assert_str(v->x.client_id, "c2");
	assert_str(fields_get(&v->request.fields, STR("cookie"))->value, "a=b; KEY=no");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(forwards_the_key_when_told_to)
{
	struct rig *r = guarded("{\"forwardKey\":true," KEYS "}");
	struct visit *v = visit_new(r, 0);
	ck_assert_int_eq(ask(v, "x-api-key", "plain-key-1"), CHAIN_MORE);
	assert_str(fields_get(&v->request.fields, STR("x-api-key"))->value, "plain-key-1");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(a_scheme_stands_before_the_key)
{
	static const struct {
		const char *value, *reason;
	} rows[] = {
		{"Key plain-key-1", NULL},
		{"KEY   plain-key-1", NULL},
		{"Keyplain-key-1", "api_key_missing"},
		{"Bearer plain-key-1", "api_key_missing"},
		{"plain-key-1", "api_key_missing"},
		{"Key", "api_key_missing"},
		{"Key plain-key-1 x", "api_key_unknown"},
	};
	struct rig *r = guarded("{\"name\":\"Authorization\",\"scheme\":\"Key\"," KEYS "}");
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		enum chain_result result = ask(v, "authorization", rows[i].value);
		ck_assert_msg((result == CHAIN_MORE) == !rows[i].reason, "row %zu", i);
		if (rows[i].reason)
			assert_refused(v, 401, rows[i].reason, "Key realm=\"sluice\"");
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

/* It is 2023-11-14T22:13:20Z. */
START_TEST(keys_expire)
{
	static const struct {
		const char *expires;
		bool passes;
	} rows[] = {
		{"2023-11-15", true},
		{"2023-11-14", false},
		{"2023-11-14T22:13:20Z", false},
		{"2023-11-14T22:13:21Z", true},
		{"2023-11-14t23:13:21+01:00", true},
		{"2023-11-14T23:13:20+01:00", false},
		{"2023-11-14T20:13:20.999-02:00", false},
		{"2023-11-14T20:13:21-02:00", true},
		{"1970-01-01", false},
		{"2024-02-29T00:00:00Z", true},
		{"9999-12-31", true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char config[200];
		snprintf(config, sizeof(config),
			"{\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"c\",\"expires\":\"%s\"}"
			"]}",
			rows[i].expires);
		struct rig *r = guarded(config);
		struct visit *v = visit_new(r, 0);
		ck_assert_msg((ask(v, "x-api-key", "plain-key-1") == CHAIN_MORE) == rows[i].passes,
			"%s", rows[i].expires);
		if (!rows[i].passes)
			assert_refused(v, 401, "api_key_expired", "ApiKey realm=\"sluice\"");
		visit_free(v);
		rig_free(r);
	}
}
END_TEST

/* A client, and the parameter, called as the key: their texts may share its memory. */
START_TEST(wiping_a_key_leaves_the_names_alone)
{
	struct rig *r = guarded("{\"name\":\"same-name\",\"keys\":[{\"key\":\"same-name\","
				"\"clientId\":\"same-name\"},{\"key\":\"clientId\",\"clientId\":"
				"\"clientId\"}]}");
	struct visit *v = visit_new(r, 0);
	ck_assert_int_eq(ask(v, "same-name", "same-name"), CHAIN_MORE);
	assert_str(v->x.client_id, "same-name");
	ck_assert_int_eq(ask(v, "same-name", "clientId"), CHAIN_MORE);
	assert_str(v->x.client_id, "clientId");
	visit_free(v);
	rig_free(r);
}
END_TEST

#define ONE "\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"c\"}]"

START_TEST(refuses_what_cannot_work)
{
	static const struct {
		const char *config, *path;
	} rows[] = {
		{"{\"keys\":[]}", "config.keys"},
		{"{}", "config"},
		{"{\"keys\":[{\"key\":\"short\",\"clientId\":\"c\"}]}", "config.keys[0].key"},
		{"{\"keys\":[{\"key\":\"sha256:abc\",\"clientId\":\"c\"}]}", "config.keys[0].key"},
		{"{\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"\"}]}",
			"config.keys[0].clientId"},
		{"{\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"a\"},{\"key\":\"plain-key-1\","
		 "\"clientId\":\"b\"}]}",
			"config.keys[1].key"},
		{"{\"keys\":[{\"key\":\"key-of-hex-1\",\"clientId\":\"a\"},{\"key\":\"sha256:" HEX
		 "\",\"clientId\":\"b\"}]}",
			"config.keys[1].key"},
		{"{\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"a\",\"expires\":\"2023-02-"
		 "29\"}]}",
			"config.keys[0].expires"},
		{"{\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"a\",\"expires\":\"2023-02-"
		 "28T24:00:"
		 "00Z\"}]}",
			"config.keys[0].expires"},
		{"{\"name\":\"a b\"," ONE "}", "config.name"},
		{"{\"name\":\"Connection\"," ONE "}", "config.name"},
		{"{\"in\":\"cookie\",\"name\":\"a;b\"," ONE "}", "config.name"},
		{"{\"in\":\"query\",\"scheme\":\"Key\"," ONE "}", "config.scheme"},
		{"{\"scheme\":\"a b\"," ONE "}", "config.scheme"},
	};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/api-key.so");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_msg(!rig_try_bind(r, p, NAME, rows[i].config), "row %zu", i);
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, rows[i].path);
		ck_assert_ptr_null(strstr(r->diagnostics.items[i].message, "plain-key"));
	}
	rig_free(r);
}
END_TEST

START_TEST(knows_ten_thousand_keys)
{
	struct buffer config;
	char key[40], id[40];
	buffer_init(&config, 4 << 20);
	for (int i = 0; i < 10000; i++)
		buffer_addf(&config, "%s{\"key\":\"key-number-%d\",\"clientId\":\"client-%d\"}",
			i ? "," : "{\"keys\":[", i, i);
	buffer_add(&config, STR("]}"));
	buffer_add_char(&config, '\0');
	ck_assert(!config.failed);
	struct rig *r = guarded(config.p);
	struct visit *v = visit_new(r, 0);
	for (int i = 0; i < 10100; i += 7) {
		snprintf(key, sizeof(key), "key-number-%d", i);
		snprintf(id, sizeof(id), "client-%d", i);
		ck_assert_int_eq(
			ask(v, "x-api-key", key), i < 10000 ? CHAIN_MORE : CHAIN_RESPONDED);
		ck_assert(i >= 10000 || str_eq(v->x.client_id, str_of(id)));
	}
	visit_free(v);
	rig_free(r);
	buffer_deinit(&config);
}
END_TEST

UNIT_SUITE(api_key, a_known_key_tells_who_the_client_is, any_other_key_is_401,
	a_key_that_comes_twice_is_400, finds_keys_in_queries_and_cookies_and_takes_them_out,
	forwards_the_key_when_told_to, a_scheme_stands_before_the_key, keys_expire,
	wiping_a_key_leaves_the_names_alone, refuses_what_cannot_work, knows_ten_thousand_keys)
