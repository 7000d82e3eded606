/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/check.h"
#include "policy/claims.h"
#include "sluice/expr.h"

#include <stdio.h>

#define REQ CHAIN_REQUEST
#define RSP CHAIN_RESPONSE

/* A policy that evaluates its configuration's "value" in every callback, as text. */
struct state {
	struct sluice_expr *expr;
};

static const struct sluice_expr_service *expr;
static char result[512]; /* of the last callback: the text, or "!code" */
static char error[256];
static bool add_vars;

static int32_t get_var(
	void *arg, struct sluice_exchange *x, struct sluice_str name, struct sluice_str *value)
{
	ck_assert_ptr_eq(arg, &add_vars);
	if (name.n != 3 || memcmp(name.p, "own", 3) != 0)
		return SLUICE_E_NOT_FOUND;
	*value = SLUICE_STR("mine");
	return SLUICE_OK;
}

static void evaluate(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	const struct sluice_expr_vars vars = {
		.size = sizeof(vars), .get = get_var, .arg = &add_vars};
	struct sluice_str text;
	int32_t rc = expr->to_string(s->expr, x, add_vars ? &vars : NULL, &text);
	if (rc == SLUICE_OK)
		snprintf(result, sizeof(result), "%.*s", (int)text.n, text.p);
	else
		snprintf(result, sizeof(result), "!%d", rc);
	struct sluice_str why = expr->error();
	snprintf(error, sizeof(error), "%.*s", (int)why.n, why.p);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	expr = call->host->service(SLUICE_EXPR_SERVICE);
	const struct sluice_value *value = call->host->value_get(config, SLUICE_STR("value"));
	struct sluice_expr *e = expr->compile(call->instance, value);
	if (!e)
		return SLUICE_E_INVALID;
	struct state *s = call->host->instance_alloc(call->instance, sizeof(*s));
	s->expr = e;
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	expr->free(call->instance, s->expr);
	expr->free(call->instance, NULL);
	call->host->instance_free(call->instance, s);
}

static int32_t on_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	evaluate(call, x);
	return SLUICE_CONTINUE;
}

static int32_t on_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	evaluate(call, x);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "evaluating",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = on_head,
	.request_body = on_body,
	.response_head = on_head,
	.response_body = on_body,
	.log = evaluate,
};

static struct visit *begin(const char *value)
{
	char config[600];
	snprintf(config, sizeof(config), "{\"value\": %s}", value);
	struct rig *r = rig_new(1);
	struct chain_binding_options *b = rig_bind(r, rig_policy(r, &policy), "evaluating", config);
	b->body[REQ].mode = b->body[RSP].mode = BODY_BUFFER;
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	add_vars = false;
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
}

/* In request_head, over a request with much in it. */
static void assert_in_request(const char *value, const char *expected)
{
	struct visit *v = begin(value);
	v->request.path = STR("/a/b");
	v->request.query = STR("q=one&r=a+b%21&q=two&bad=%zz&%71x=7&empty=");
	v->request.has_query = true;
	visit_field(v, REQ, "X-Tenant", "acme");
	visit_field(v, REQ, "x-many", "one");
	visit_field(v, REQ, "Accept", "text/html");
	visit_field(v, REQ, "X-Many", "two");
	v->x.principal = STR("ann");
	chain_step(&v->x, REQ);
	ck_assert_msg(strcmp(result, expected) == 0, "%s is \"%s\", expected \"%s\"; %s", value,
		result, expected, error);
	end(v);
}

START_TEST(what_is_no_expression_stands_for_itself)
{
	static const char *const rows[][2] = {
		{"\"plain\"", "plain"},
		{"\"\"", ""},
		{"\"#[\"", "#["},
		{"7", "7"},
		{"0.5", "0.5"},
		{"true", "true"},
		{"null", "!-3"},
		{"\"[x]\"", "[x]"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_in_request(rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(attributes_are_the_requests)
{
	static const char *const rows[][2] = {
		{"\"#[attributes.method]\"", "GET"},
		{"\"#[attributes.requestPath]\"", "/a/b"},
		{"\"#[attributes.requestUri]\"", "/a/b?q=one&r=a+b%21&q=two&bad=%zz&%71x=7&empty="},
		{"\"#[attributes.queryString]\"", "q=one&r=a+b%21&q=two&bad=%zz&%71x=7&empty="},
		{"\"#[attributes.scheme]\"", "http"},
		{"\"#[attributes.version]\"", "HTTP/1.1"},
		{"\"#[attributes.remoteAddress]\"", "192.0.2.1"},
		{"\"#[attributes.localAddress]\"", "192.0.2.9"},
		{"\"#[attributes.statusCode]\"", "!-3"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_in_request(rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(headers_are_joined_and_found_in_lower_case)
{
	static const char *const rows[][2] = {
		{"\"#[attributes.headers['x-tenant']]\"", "acme"},
		{"\"#[attributes.headers['x-many']]\"", "one, two"},
		{"\"#[attributes.headers['host']]\"", "api.example"},
		{"\"#[attributes.headers['absent']]\"", "!-3"},
		{"\"#[attributes.headers.accept]\"", "text/html"},
		{"\"#[sizeOf(attributes.headers)]\"", "4"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_in_request(rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(query_parameters_are_decoded_and_the_first_counts)
{
	static const char *const rows[][2] = {
		{"\"#[attributes.queryParams.q]\"", "one"},
		{"\"#[attributes.queryParams['r']]\"", "a b!"},
		{"\"#[attributes.queryParams['qx']]\"", "7"},
		{"\"#[attributes.queryParams['bad']]\"", "%zz"},
		{"\"#[attributes.queryParams['empty']]\"", ""},
		{"\"#[attributes.queryParams['none']]\"", "!-3"},
		{"\"#[sizeOf(attributes.queryParams)]\"", "5"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		assert_in_request(rows[i][0], rows[i][1]);
}
END_TEST

START_TEST(authentication_is_who_the_client_proved_to_be)
{
	assert_in_request("\"#[authentication.principal]\"", "ann");
	assert_in_request("\"#[authentication.clientId]\"", "!-3");
	assert_in_request("\"#[authentication.clientId default 'none']\"", "none");
}
END_TEST

START_TEST(a_query_of_thousands_of_parameters_is_no_burden)
{
	enum { MANY = 4000 };
	struct visit *v = begin("\"#[sizeOf(attributes.queryParams)]\"");
	static char query[MANY * 2];
	for (size_t i = 0; i < sizeof(query); i += 2)
		memcpy(query + i, "a&", 2);
	v->request.query = str_n(query, sizeof(query) - 1);
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "1");
	end(v);
}
END_TEST

START_TEST(vars_are_the_plugins_and_then_the_chains)
{
	struct visit *v = begin("\"#[vars.own default 'nobody']\"");
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "nobody");
	visit_begin(v);
	add_vars = true;
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "mine");
	end(v);
}
END_TEST

static int32_t leave(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_int_eq(call->host->property_set(x, SLUICE_STR("tier"), SLUICE_STR("gold")), 0);
	return SLUICE_CONTINUE;
}

START_TEST(properties_of_the_chain_are_vars)
{
	static const struct sluice_policy leaving = {.size = sizeof(leaving),
		.name = "leaving",
		.version = "1.0.0",
		.request_head = leave};
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &leaving), "leaving", "{}");
	rig_bind(r, rig_policy(r, &policy), "evaluating", "{\"value\": \"#[vars.tier]\"}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "gold");
	end(v);
}
END_TEST

START_TEST(in_a_response_headers_and_status_are_its_own)
{
	static const char *const rows[][2] = {
		{"\"#[attributes.statusCode]\"", "200"},
		{"\"#[attributes.headers['x-side']]\"", "response"},
		{"\"#[attributes.headers['host']]\"", "!-3"},
		{"\"#[attributes.method]\"", "GET"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct visit *v = begin(rows[i][0]);
		visit_field(v, REQ, "x-side", "request");
		visit_field(v, RSP, "x-side", "response");
		ck_assert_int_eq(visit_give(v, REQ, ""), CHAIN_DONE);
		v->x.response = &v->response;
		ck_assert_int_eq(chain_step(&v->x, RSP), CHAIN_MORE);
		ck_assert_str_eq(result, rows[i][1]);
		result[0] = '\0';
		visit_end(v);
		ck_assert_str_eq(result, rows[i][1]); /* in log, too */
		end(v);
	}
}
END_TEST

START_TEST(payload_is_json_where_its_type_says_so)
{
	static const struct {
		const char *value, *type, *body, *expected;
	} rows[] = {
		{"\"#[payload.user.name]\"", "application/json; charset=utf-8",
			"{\"user\":{\"name\":\"ann\"}}", "ann"},
		{"\"#[payload.n + 1]\"", "application/problem+json", "{\"n\": 41}", "42"},
		{"\"#[payload]\"", "text/plain", "{\"n\": 41}", "{\"n\": 41}"},
		{"\"#[payload]\"", "application/json", "no json", "no json"},
		{"\"#[sizeOf(payload)]\"", "text/plain", "four", "4"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct visit *v = begin(rows[i].value);
		visit_field(v, REQ, "content-type", rows[i].type);
		visit_give(v, REQ, rows[i].body);
		ck_assert_msg(
			strcmp(result, rows[i].expected) == 0, "row %zu: %s; %s", i, result, error);
		end(v);
	}
}
END_TEST

START_TEST(payload_is_null_outside_of_body_callbacks)
{
	struct visit *v = begin("\"#[payload default 'nothing']\"");
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "nothing");
	end(v);
}
END_TEST

static void assert_claims(const char *value, const char *expected)
{
	struct visit *v = begin(value);
	ck_assert_int_eq(claims_set(&v->x, STR("sub"), STR("\"u1\"")), RC_OK);
	ck_assert_int_eq(claims_set(&v->x, STR_EMPTY,
				 STR("{\"roles\": [\"admin\", \"dev\"], \"act\": {\"sub\": 7}}")),
		RC_OK);
	chain_step(&v->x, REQ);
	ck_assert_msg(strcmp(result, expected) == 0, "%s gives %s; %s", value, result, error);
	end(v);
}

START_TEST(claims_are_properties_of_the_authentication)
{
	assert_claims("\"#[authentication.properties.claims.sub]\"", "u1");
	assert_claims("\"#[authentication.properties.claims.act.sub + 1]\"", "8");
	assert_claims("\"#[authentication.properties.claims.roles joinBy ' ']\"", "admin dev");
	assert_claims("\"#[sizeOf(authentication.properties.claims)]\"", "3");
	assert_claims("\"#[authentication.properties.claims.none default 'n']\"", "n");
	assert_claims("\"#[vars.claimSet.act.sub + 1]\"", "8");
	assert_claims("\"#[vars.claimSet.none default 'n']\"", "n");
	assert_claims("\"#[authentication.properties.tier default 'n']\"", "n");
	struct visit *v = begin("\"#[authentication.properties.claims.sub default 'nobody']\"");
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "nobody");
	end(v);
}
END_TEST

/* Else a rule would take what it could not read for what is not there. */
START_TEST(what_finds_no_memory_is_no_null)
{
	struct visit *v = begin("\"#[authentication.properties.claims.sub default 'nobody']\"");
	ck_assert_int_eq(claims_set(&v->x, STR("sub"), STR("\"u1\"")), RC_OK);
	ck_assert_ptr_null(arena_alloc(v->x.arena, 2 << 20));
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "!-7");
	ck_assert_msg(strstr(error, "memory"), "%s", error);
	end(v);
}
END_TEST

START_TEST(a_failed_evaluation_tells_why)
{
	struct visit *v = begin("\"#[attributes.headers]\"");
	chain_step(&v->x, REQ);
	ck_assert_str_eq(result, "!-7");
	ck_assert_msg(strstr(error, "object"), "%s", error);
	end(v);
}
END_TEST

START_TEST(what_does_not_compile_is_an_error_at_its_place)
{
	struct rig *r = rig_new(1);
	struct plugin *p = rig_policy(r, &policy);
	static const struct {
		const char *config, *message;
	} rows[] = {
		{"{\"value\": \"#[attributes.]\"}", "at character"},
		{"{\"value\": \"#[1 + ]\"}", "at character"},
		{"{\"value\": [1]}", "expected an expression"},
		{"{\"value\": {}}", "expected an expression"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_ptr_null(rig_try_bind(r, p, "evaluating", rows[i].config));
		const struct diagnostic *d = &r->diagnostics.items[i];
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(d->path, "config.value");
		ck_assert_uint_eq(d->position.line, 7);
		ck_assert_msg(strstr(d->message, rows[i].message), "%s", d->message);
	}
	rig_free(r);
}
END_TEST

START_TEST(an_error_counts_characters_of_the_whole_value)
{
	struct rig *r = rig_new(1);
	ck_assert_ptr_null(rig_try_bind(r, rig_policy(r, &policy), "evaluating",
		"{\"value\": \"#['\xc3\xa4\xc3\xa4' ++ nonsense]\"}"));
	/* # [ ' a a ' space + + space n: the eleventh. */
	ck_assert_msg(strstr(r->diagnostics.items[0].message, "at character 11 "), "%s",
		r->diagnostics.items[0].message);
	rig_free(r);
}
END_TEST

/* --- types and uses -------------------------------------------------------------------------- */
static int32_t check_types(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	int32_t b = 9;
	double n = 9;
	int32_t as_bool = expr->to_bool(s->expr, x, NULL, &b);
	int32_t as_number = expr->to_number(s->expr, x, NULL, &n);
	snprintf(result, sizeof(result), "%d/%d %d/%g", as_bool, b, as_number, n);
	ck_assert_int_eq(expr->to_bool(s->expr, NULL, NULL, &b), SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

START_TEST(booleans_and_numbers_are_nothing_else)
{
	static const char *const rows[][2] = {
		{"true", "0/1 -7/9"},
		{"\"#[1 == 2]\"", "0/0 -7/9"},
		{"3", "-7/9 0/3"},
		{"\"#[attributes.requestPath]\"", "-7/9 -7/9"},
		{"null", "-3/9 -3/9"},
	};
	static struct sluice_policy typed;
	typed = policy;
	typed.request_head = check_types;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char config[100];
		snprintf(config, sizeof(config), "{\"value\": %s}", rows[i][0]);
		struct rig *r = rig_new(1);
		rig_bind(r, rig_policy(r, &typed), "evaluating", config);
		struct visit *v = visit_new(r, 0);
		visit_begin(v);
		chain_step(&v->x, REQ);
		ck_assert_msg(strcmp(result, rows[i][1]) == 0, "%s: %s", rows[i][0], result);
		end(v);
	}
}
END_TEST

static int32_t configure_uses(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	int32_t rc = configure(call, config, previous, out);
	const struct state *s = *out;
	snprintf(result, sizeof(result), "%u", expr->uses(s->expr));
	return rc;
}

START_TEST(tells_what_an_expression_looks_at)
{
	static const char *const rows[][2] = {
		{"\"plain\"", "1"},
		{"null", "1"},
		{"\"#['a' ++ 'b']\"", "1"},
		{"\"#[attributes.method]\"", "0"},
		{"\"#[payload.x]\"", "2"},
		{"\"#[attributes.method ++ payload]\"", "2"},
		{"\"#[uuid()]\"", "0"},
	};
	static struct sluice_policy using;
	using = policy;
	using.configure = configure_uses;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char config[100];
		snprintf(config, sizeof(config), "{\"value\": %s}", rows[i][0]);
		struct rig *r = rig_new(1);
		rig_bind(r, rig_policy(r, &using), "evaluating", config);
		ck_assert_msg(strcmp(result, rows[i][1]) == 0, "%s: %s", rows[i][0], result);
		rig_free(r);
	}
}
END_TEST

UNIT_SUITE(expr_service, what_is_no_expression_stands_for_itself, attributes_are_the_requests,
	headers_are_joined_and_found_in_lower_case,
	query_parameters_are_decoded_and_the_first_counts,
	authentication_is_who_the_client_proved_to_be,
	a_query_of_thousands_of_parameters_is_no_burden, vars_are_the_plugins_and_then_the_chains,
	properties_of_the_chain_are_vars, in_a_response_headers_and_status_are_its_own,
	payload_is_json_where_its_type_says_so, payload_is_null_outside_of_body_callbacks,
	claims_are_properties_of_the_authentication, what_finds_no_memory_is_no_null,
	a_failed_evaluation_tells_why, what_does_not_compile_is_an_error_at_its_place,
	an_error_counts_characters_of_the_whole_value, booleans_and_numbers_are_nothing_else,
	tells_what_an_expression_looks_at)
