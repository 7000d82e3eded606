/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

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

static struct visit *guarded(const char *config)
{
	return visit_policy(NAME, NAME, config);
}

static enum sluice_test_outcome ask(struct visit *v, const char *name, const char *value)
{
	visit_begin(v, "GET", "/");
	if (value)
		visit_field(v, REQ, name, value);
	return visit_send(v, NULL);
}

static const char *client_of(struct visit *v)
{
	return sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID);
}

static void assert_denied(struct visit *v, int status, const char *reason, const char *challenge)
{
	visit_assert_answer(v, status, reason);
	ck_assert_str_eq(client_of(v), "");
	ck_assert_str_eq(visit_answered(v, "www-authenticate"), challenge);
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
	struct visit *v = guarded("{" KEYS "}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(ask(v, "X-API-Key", rows[i].key), SLUICE_TEST_PASSED);
		ck_assert_str_eq(client_of(v), rows[i].id);
		ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_NAME), rows[i].name);
		ck_assert_ptr_null(sluice_test_field(v->x, REQ, "x-api-key"));
	}
	visit_leave(v);
}
END_TEST

START_TEST(any_other_key_is_401)
{
	static const char *const keys[] = {"plain-key-2", "plain-key-", "plain-key-11",
		"Plain-key-1", "key-of-hex-", HEX, "sha256:" HEX, BASE64, "x"};
	struct visit *v = guarded("{" KEYS "}");
	for (size_t i = 0; i < COUNT(keys); i++) {
		ck_assert_msg(ask(v, "x-api-key", keys[i]) == SLUICE_TEST_ANSWERED, "%s", keys[i]);
		assert_denied(v, 401, "api_key_unknown", "ApiKey realm=\"sluice\"");
	}
	ck_assert_int_eq(ask(v, "x-api-key", NULL), SLUICE_TEST_ANSWERED);
	assert_denied(v, 401, "api_key_missing", "ApiKey realm=\"sluice\"");
	ck_assert_int_eq(ask(v, "x-api-key", ""), SLUICE_TEST_ANSWERED);
	assert_denied(v, 401, "api_key_missing", "ApiKey realm=\"sluice\"");
	ck_assert_int_eq(ask(v, "cookie", "x-api-key=plain-key-1"), SLUICE_TEST_ANSWERED);
	assert_denied(v, 401, "api_key_missing", "ApiKey realm=\"sluice\"");
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "api_key_refused"), COUNT(keys) + 3);
	visit_leave(v);
}
END_TEST

/* The upstream might believe the other one. */
START_TEST(a_key_that_comes_twice_is_400)
{
	struct visit *v = guarded("{" KEYS "}");
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "X-Api-Key", "plain-key-1");
	visit_field(v, REQ, "x-api-key", "plain-key-1");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_ANSWERED);
	assert_denied(v, 400, "api_key_ambiguous", "");
	visit_leave(v);
	v = guarded("{\"in\":\"query\",\"name\":\"key\"," KEYS "}");
	visit_begin(v, "GET", "/?key=plain-key-1&k%65y=no");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_ANSWERED);
	assert_denied(v, 400, "api_key_ambiguous", "");
	visit_leave(v);
	v = guarded("{\"in\":\"cookie\",\"name\":\"key\"," KEYS "}");
	ck_assert_int_eq(ask(v, "cookie", "key=plain-key-1; a=b; key="), SLUICE_TEST_ANSWERED);
	assert_denied(v, 400, "api_key_ambiguous", "");
	visit_leave(v);
}
END_TEST

START_TEST(finds_keys_in_queries_and_cookies_and_takes_them_out)
{
	struct visit *v = guarded("{\"in\":\"query\",\"name\":\"api key\"," KEYS "}");
	visit_begin(v, "GET", "/?a=%20&api+key=plain%2dkey-1&b=2");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(client_of(v), "c1");
	ck_assert_str_eq(sluice_test_query(v->x), "a=%20&b=2");
	visit_leave(v);
	v = guarded("{\"in\":\"cookie\",\"name\":\"key\"," KEYS "}");
	ck_assert_int_eq(ask(v, "Cookie", "a=b; key=key-of-hex-1; KEY=no"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(client_of(v), "c2");
	ck_assert_str_eq(visit_sent(v, "cookie"), "a=b; KEY=no");
	visit_leave(v);
}
END_TEST

START_TEST(forwards_the_key_when_told_to)
{
	struct visit *v = guarded("{\"forwardKey\":true," KEYS "}");
	ck_assert_int_eq(ask(v, "x-api-key", "plain-key-1"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(visit_sent(v, "x-api-key"), "plain-key-1");
	visit_leave(v);
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
	struct visit *v = guarded("{\"name\":\"Authorization\",\"scheme\":\"Key\"," KEYS "}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum sluice_test_outcome result = ask(v, "authorization", rows[i].value);
		ck_assert_msg((result == SLUICE_TEST_PASSED) == !rows[i].reason, "row %zu", i);
		if (rows[i].reason)
			assert_denied(v, 401, rows[i].reason, "Key realm=\"sluice\"");
	}
	visit_leave(v);
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
	for (size_t i = 0; i < COUNT(rows); i++) {
		char config[200];
		snprintf(config, sizeof(config),
			"{\"keys\":[{\"key\":\"plain-key-1\",\"clientId\":\"c\",\"expires\":\"%s\"}"
			"]}",
			rows[i].expires);
		struct visit *v = guarded(config);
		ck_assert_msg((ask(v, "x-api-key", "plain-key-1") == SLUICE_TEST_PASSED) ==
				      rows[i].passes,
			"%s", rows[i].expires);
		if (!rows[i].passes)
			assert_denied(v, 401, "api_key_expired", "ApiKey realm=\"sluice\"");
		visit_leave(v);
	}
}
END_TEST

/* A client, and the parameter, called as the key: their texts may share its memory. */
START_TEST(wiping_a_key_leaves_the_names_alone)
{
	struct visit *v = guarded("{\"name\":\"same-name\",\"keys\":[{\"key\":\"same-name\","
				  "\"clientId\":\"same-name\"},{\"key\":\"clientId\",\"clientId\":"
				  "\"clientId\"}]}");
	ck_assert_int_eq(ask(v, "same-name", "same-name"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(client_of(v), "same-name");
	ck_assert_int_eq(ask(v, "same-name", "clientId"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(client_of(v), "clientId");
	visit_leave(v);
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
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_refused(NAME, NAME, rows[i].config, rows[i].path, NULL);
		struct visit *v = visit_try(NAME, NAME, rows[i].config);
		ck_assert_ptr_null(strstr(sluice_test_problems(v->t), "plain-key"));
		visit_leave(v);
	}
}
END_TEST

START_TEST(knows_ten_thousand_keys)
{
	size_t size = 1 << 20, n = 0;
	char *config = malloc(size), key[40], id[40];
	ck_assert_ptr_nonnull(config);
	for (int i = 0; i < 10000; i++)
		n += (size_t)snprintf(config + n, size - n,
			"%s{\"key\":\"key-number-%d\",\"clientId\":\"client-%d\"}",
			i ? "," : "{\"keys\":[", i, i);
	snprintf(config + n, size - n, "]}");
	struct visit *v = guarded(config);
	for (int i = 0; i < 10100; i += 7) {
		snprintf(key, sizeof(key), "key-number-%d", i);
		snprintf(id, sizeof(id), "client-%d", i);
		ck_assert_int_eq(ask(v, "x-api-key", key),
			i < 10000 ? SLUICE_TEST_PASSED : SLUICE_TEST_ANSWERED);
		ck_assert(i >= 10000 || strcmp(client_of(v), id) == 0);
	}
	visit_leave(v);
	free(config);
}
END_TEST

/* Without a key, and with another one, nobody passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, "{" KEYS "}");
	if (!sluice_test_problems(v->t)[0]) {
		ck_assert_int_ne(ask(v, "x-api-key", "plain-key-2"), PASSED);
		ck_assert_int_ne(ask(v, "x-api-key", NULL), PASSED);
		ask(v, "x-api-key", "key-of-hex-1");
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(api_key, a_known_key_tells_who_the_client_is, any_other_key_is_401,
	a_key_that_comes_twice_is_400, finds_keys_in_queries_and_cookies_and_takes_them_out,
	forwards_the_key_when_told_to, a_scheme_stands_before_the_key, keys_expire,
	wiping_a_key_leaves_the_names_alone, refuses_what_cannot_work, knows_ten_thousand_keys,
	never_fails_open)
