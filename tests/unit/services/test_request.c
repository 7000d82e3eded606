/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"
#include "base/check.h"
#include "sluice/request.h"

#include <stdio.h>

#define REQ CHAIN_REQUEST
#define RSP CHAIN_RESPONSE

/* A policy whose request_head and response_head do what the test says. */
static const struct sluice_request_service *service;
static void (*job)(struct sluice_exchange *x);
static struct buffer seen; /* "name=value|" of all that was iterated */
static int32_t removed;

static int32_t on_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	service = call->host->service(SLUICE_REQUEST_SERVICE);
	job(x);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "looking",
	.version = "1.0.0",
	.request_head = on_head,
	.response_head = on_head,
};

static struct visit *begin(void (*what)(struct sluice_exchange *x))
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "looking", "{}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	job = what;
	removed = 0;
	buffer_init(&seen, 4096);
	return v;
}

static void run(struct visit *v)
{
	buffer_reset(&seen);
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	buffer_deinit(&seen);
	visit_free(v);
	rig_free(r);
}

typedef int32_t next_fn(struct sluice_exchange *x, struct sluice_str name, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value);

static void iterate(next_fn *next, struct sluice_exchange *x, struct sluice_str name)
{
	uint32_t at = 0;
	struct sluice_str key, value;
	int32_t rc;
	while ((rc = next(x, name, &at, &key, &value)) == SLUICE_OK)
		buffer_addf(&seen, "%.*s=%.*s|", (int)key.n, key.p, (int)value.n, value.p);
	ck_assert_int_eq(rc, SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(next(x, name, &at, NULL, &value), SLUICE_E_NOT_FOUND);
}

/* --- queries --------------------------------------------------------------------------------- */
static void all_parameters(struct sluice_exchange *x)
{
	iterate(service->query_next, x, SLUICE_STR(""));
}

static void one_parameter(struct sluice_exchange *x)
{
	iterate(service->query_next, x, SLUICE_STR("a b"));
}

static void remove_parameter(struct sluice_exchange *x)
{
	removed = service->query_remove(x, SLUICE_STR("key"));
}

static const char query[] = "a%20b=1&&c&a+b=%32%2b&d=x=y&A+B=no&bad=%zz&=e&";

START_TEST(gives_all_parameters_decoded)
{
	struct visit *v = begin(all_parameters);
	v->request.query = str_of(query);
	run(v);
	assert_str(buffer_str(&seen), "a b=1|c=|a b=2+|d=x=y|A B=no|bad=%zz|=e|");
	end(v);
	v = begin(all_parameters);
	run(v);
	assert_str(buffer_str(&seen), "");
	end(v);
}
END_TEST

START_TEST(gives_every_value_of_one_parameter)
{
	struct visit *v = begin(one_parameter);
	v->request.query = str_of(query);
	run(v);
	assert_str(buffer_str(&seen), "a b=1|a b=2+|");
	end(v);
}
END_TEST

START_TEST(takes_parameters_out_of_the_query)
{
	static const struct {
		const char *before, *after;
		int32_t removed;
	} rows[] = {
		{"key=1", "", 1},
		{"a=%20&key=1&b=2", "a=%20&b=2", 1},
		{"k%65y=1&a&key&KEY=3", "a&KEY=3", 2},
		{"a=key&keys=1", "a=key&keys=1", 0},
		{"a=1&&b=2", "a=1&&b=2", 0},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct visit *v = begin(remove_parameter);
		v->request.query = str_of(rows[i].before);
		v->request.has_query = true;
		run(v);
		ck_assert_msg(str_eq(v->request.query, str_of(rows[i].after)), "%.*s",
			STR_ARG(v->request.query));
		ck_assert_int_eq(removed, rows[i].removed);
		ck_assert_int_eq(v->request.has_query, rows[i].after[0] != '\0');
		end(v);
	}
}
END_TEST

static void redact_parameter(struct sluice_exchange *x)
{
	removed = service->query_redact(x, SLUICE_STR("key"));
}

START_TEST(hides_values_from_the_record)
{
	static const struct {
		const char *query, *after;
		int32_t redacted;
	} rows[] = {
		{"key=1", "key=***", 1},
		{"a=1&k%65y=secret&b&key=&key", "a=1&k%65y=***&b&key=***&key", 2},
		{"&&key=a=b&", "&&key=***&", 1},
		{"a=key&KEY=1", "a=key&KEY=1", 0},
		{"", "", 0},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char target[100], expected[100];
		struct visit *v = begin(redact_parameter);
		snprintf(target, sizeof(target), "/a/key=1?%s", rows[i].query);
		snprintf(expected, sizeof(expected), "/a/key=1?%s", rows[i].after);
		v->request.target = str_of(target);
		v->request.query = str_of(rows[i].query);
		run(v);
		ck_assert_int_eq(removed, rows[i].redacted);
		ck_assert_msg(str_eq(v->request.target, str_of(expected)), "%.*s",
			STR_ARG(v->request.target));
		ck_assert(str_eq(v->request.query, str_of(rows[i].query)));
		end(v);
	}
}
END_TEST

/* --- cookies --------------------------------------------------------------------------------- */
static void all_cookies(struct sluice_exchange *x)
{
	iterate(service->cookie_next, x, SLUICE_STR(""));
}

static void one_cookie(struct sluice_exchange *x)
{
	iterate(service->cookie_next, x, SLUICE_STR("a"));
}

static void remove_cookie(struct sluice_exchange *x)
{
	removed = service->cookie_remove(x, SLUICE_STR("key"));
}

START_TEST(gives_the_cookies_of_all_fields)
{
	struct visit *v = begin(all_cookies);
	visit_field(v, REQ, "Cookie", "a=1; b = \"x y\" ;c;; d=e=f;");
	visit_field(v, REQ, "Other", "a=9");
	visit_field(v, REQ, "cookie", "");
	visit_field(v, REQ, "cookie", "a=2;A=3");
	run(v);
	assert_str(buffer_str(&seen), "a=1|b=\"x y\"|d=e=f|a=2|A=3|");
	end(v);
	v = begin(one_cookie);
	visit_field(v, REQ, "Cookie", "b=0; a=1");
	visit_field(v, REQ, "cookie", "a=2;A=3");
	run(v);
	assert_str(buffer_str(&seen), "a=1|a=2|");
	end(v);
}
END_TEST

START_TEST(takes_cookies_out_of_their_fields)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{"key=1", NULL},
		{"a=1; key=2; b=\"3\"", "a=1; b=\"3\""},
		{"key=2;a=1;key=3", "a=1"},
		{"a=1; key=2", "a=1"},
		{"a=key; keys=1; key", "a=key; keys=1; key"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct visit *v = begin(remove_cookie);
		visit_field(v, REQ, "X-A", "key=1");
		visit_field(v, REQ, "Cookie", rows[i].before);
		visit_field(v, REQ, "Cookie", "z=0");
		run(v);
		uint32_t at = 0;
		const struct field *f = fields_next(&v->request.fields, STR("cookie"), &at);
		if (rows[i].after) {
			ck_assert_msg(
				str_eq(f->value, str_of(rows[i].after)), "%.*s", STR_ARG(f->value));
			f = fields_next(&v->request.fields, STR("cookie"), &at);
		}
		assert_str(f->value, "z=0");
		ck_assert_ptr_null(fields_next(&v->request.fields, STR("cookie"), &at));
		ck_assert_ptr_nonnull(fields_get(&v->request.fields, STR("x-a")));
		end(v);
	}
}
END_TEST

/* --- secrets --------------------------------------------------------------------------------- */
static int32_t define_secrets(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_request_service *s = call->host->service(SLUICE_REQUEST_SERVICE);
	struct sluice_instance *i = call->instance;
	ck_assert(SLUICE_HAS(s, secret_define));
	ck_assert_int_eq(s->secret_define(i, SLUICE_PART_QUERY, SLUICE_STR("key")), SLUICE_OK);
	ck_assert_int_eq(s->secret_define(i, SLUICE_PART_COOKIE, SLUICE_STR("")), SLUICE_E_INVALID);
	ck_assert_int_eq(s->secret_define(i, 9, SLUICE_STR("key")), SLUICE_E_INVALID);
	for (int n = 1; n < 16; n++)
		ck_assert_int_eq(
			s->secret_define(i, SLUICE_PART_HEADER, SLUICE_STR("x-key")), SLUICE_OK);
	ck_assert_int_eq(
		s->secret_define(i, SLUICE_PART_HEADER, SLUICE_STR("more")), SLUICE_E_FULL);
	return SLUICE_OK;
}

static int32_t define_too_late(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_request_service *s = call->host->service(SLUICE_REQUEST_SERVICE);
	removed = s->secret_define(call->instance, SLUICE_PART_QUERY, SLUICE_STR("key"));
	return SLUICE_CONTINUE;
}

START_TEST(secrets_are_named_in_configure_alone)
{
	static const struct sluice_policy hiding = {
		.size = sizeof(hiding),
		.name = "hiding",
		.version = "1.0.0",
		.configure = define_secrets,
		.request_head = define_too_late,
	};
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &hiding), "hiding", "{}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	ck_assert_int_eq(removed, SLUICE_E_WRONG_CALLBACK);
	visit_free(v);
	rig_free(r);
}
END_TEST

/* --- parameters that are put in -------------------------------------------------------------- */
static void raw_parameters(struct sluice_exchange *x)
{
	struct sluice_str name, value;
	uint32_t at = 0;
	while (service->query_raw_next(x, &at, &name, &value) == SLUICE_OK)
		buffer_addf(&seen, "%.*s=%.*s|", (int)name.n, name.p, (int)value.n, value.p);
}

START_TEST(parameters_can_be_read_as_they_stand)
{
	struct visit *v = begin(raw_parameters);
	v->request.query = STR("a=%41+b&&c&a=");
	run(v);
	assert_str(buffer_str(&seen), "a=%41+b|c=|a=|");
	end(v);
}
END_TEST

static struct sluice_str put_name, put_value;
static bool adds;

static void put_parameter(struct sluice_exchange *x)
{
	removed = adds ? service->query_add(x, put_name, put_value)
		       : service->query_set(x, put_name, put_value);
}

START_TEST(parameters_are_set_in_their_place_and_added_at_the_end)
{
	static const struct {
		const char *query;
		bool adds;
		const char *name, *value, *expected;
	} rows[] = {
		{"", false, "a", "1", "a=1"},
		{"b=2&c=%20", false, "a", "1", "b=2&c=%20&a=1"},
		{"a=0&b=2&%61=3&&A=4", false, "a", "1", "a=1&b=2&&A=4"},
		{"b=2&a", false, "a", "1", "b=2&a=1"},
		{"a=0&b=2", true, "a", "1", "a=0&b=2&a=1"},
		{"", false, "n &=", "\xc3\xa9/?#%+-._~", "n%20%26%3D=%C3%A9%2F%3F%23%25%2B-._~"},
		{"a=1", false, "a", "", "a="},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct visit *v = begin(put_parameter);
		v->request.query = str_of(rows[i].query);
		adds = rows[i].adds;
		put_name = (struct sluice_str){rows[i].name, strlen(rows[i].name)};
		put_value = (struct sluice_str){rows[i].value, strlen(rows[i].value)};
		run(v);
		ck_assert_int_eq(removed, SLUICE_OK);
		ck_assert(v->request.has_query);
		ck_assert_msg(str_eq(v->request.query, str_of(rows[i].expected)), "%.*s",
			STR_ARG(v->request.query));
		end(v);
	}
}
END_TEST

START_TEST(a_query_does_not_outgrow_a_target)
{
	static char value[8192];
	struct visit *v = begin(put_parameter);
	memset(value, 'v', sizeof(value));
	v->request.query = STR("b=2");
	adds = false;
	put_name = SLUICE_STR("a");
	put_value = (struct sluice_str){value, sizeof(value) - 6};
	run(v);
	ck_assert_int_eq(removed, SLUICE_E_FULL);
	assert_str(v->request.query, "b=2");
	end(v);
	v = begin(put_parameter);
	v->request.query = STR("b=2");
	put_value.n--;
	run(v);
	ck_assert_int_eq(removed, SLUICE_OK);
	end(v);
	v = begin(put_parameter);
	put_name.n = 0;
	run(v);
	ck_assert_int_eq(removed, SLUICE_E_INVALID);
	end(v);
}
END_TEST

/* --- where it is legal ----------------------------------------------------------------------- */
START_TEST(a_request_is_changed_in_request_head_alone)
{
	struct visit *v = begin(all_parameters);
	v->request.query = STR("key=1");
	run(v);
	job = remove_parameter;
	ck_assert_int_eq(visit_give(v, RSP, "ok"), CHAIN_DONE);
	ck_assert_int_eq(removed, SLUICE_E_WRONG_CALLBACK);
	assert_str(v->request.query, "key=1");
	struct sluice_str value;
	uint32_t at = 0;
	ck_assert_int_eq(service->query_next(&v->x, SLUICE_STR("key"), &at, NULL, &value),
		SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->cookie_next(&v->x, SLUICE_STR("key"), &at, NULL, &value),
		SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->cookie_remove(&v->x, SLUICE_STR("key")), SLUICE_E_WRONG_CALLBACK);
	end(v);
}
END_TEST

START_TEST(says_so_when_the_memory_is_spent)
{
	struct visit *v = begin(remove_parameter);
	v->request.query = STR("a=1&key=%31");
	while (arena_alloc(&v->arena, 4096))
		;
	chain_step(&v->x, REQ);
	ck_assert_int_eq(removed, SLUICE_E_FULL);
	assert_str(v->request.query, "a=1&key=%31");
	end(v);
}
END_TEST

UNIT_SUITE(request_service, gives_all_parameters_decoded, gives_every_value_of_one_parameter,
	takes_parameters_out_of_the_query, hides_values_from_the_record,
	secrets_are_named_in_configure_alone, gives_the_cookies_of_all_fields,
	takes_cookies_out_of_their_fields, parameters_can_be_read_as_they_stand,
	parameters_are_set_in_their_place_and_added_at_the_end, a_query_does_not_outgrow_a_target,
	a_request_is_changed_in_request_head_alone,
	says_so_when_the_memory_is_spent)
