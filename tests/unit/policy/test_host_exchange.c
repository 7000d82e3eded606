/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, claims, the method, violations. */
#include "unit.h"

#include "config_tree.h"
#include "support.h"

#include "base/check.h"
#include "observe/log.h"
#include "policy/chain_facts.h"
#include "policy/claims.h"

#include <stdio.h>

static void assert_text(struct sluice_str s, const char *text)
{
	ck_assert_msg(
		s.n == strlen(text) && memcmp(s.p, text, s.n) == 0, "got %.*s", (int)s.n, s.p);
}

/* Runs `fn` as the one request_head of a chain; `api`: its node in a plan; NULL: none. */
static struct bench *run_head_of(probe_fn *fn, const char *api)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = fn;
	bench_start(b);
	if (api) {
		struct plan *plan = config_tree(api);
		chain_tell_facts(b->chain, plan_root(plan));
		plan_free(plan);
	}
	ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
	return b;
}

/* --- labels and facts ------------------------------------------------------------------------ */
static int32_t read_labels(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	struct sluice_str name, value;
	uint32_t at = 0;
	ck_assert_int_eq(h->label_get(x, SLUICE_LABELS_API, SLUICE_STR("tier"), &value), SLUICE_OK);
	assert_text(value, "gold");
	ck_assert_int_eq(
		h->label_get(x, SLUICE_LABELS_BINDING, SLUICE_STR("team"), &value), SLUICE_OK);
	assert_text(value, "risk");
	ck_assert_int_eq(
		h->label_get(x, SLUICE_LABELS_API, SLUICE_STR("team"), &value), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(h->label_next(x, SLUICE_LABELS_API, &at, &name, &value), SLUICE_OK);
	assert_text(name, "tier");
	ck_assert_int_eq(h->label_next(x, SLUICE_LABELS_API, &at, NULL, &value), SLUICE_OK);
	assert_text(value, "");
	ck_assert_int_eq(
		h->label_next(x, SLUICE_LABELS_API, &at, &name, &value), SLUICE_E_NOT_FOUND);
	at = 0;
	ck_assert_int_eq(
		h->label_next(x, (enum sluice_labels)7, &at, &name, &value), SLUICE_E_NOT_FOUND);
	assert_text(h->fact(x, SLUICE_FACT_STAGE), "authn");
	assert_text(h->fact(x, SLUICE_FACT_API_NAME), "shop");
	assert_text(h->fact(x, SLUICE_FACT_API_NAMESPACE), "default");
	assert_text(h->fact(x, SLUICE_FACT_POLICY), "a");
	assert_text(h->fact(x, SLUICE_FACT_GATEWAY_VERSION), SLUICE_VERSION);
	assert_text(h->fact(x, SLUICE_FACT_METHOD_RECEIVED), "POST");
	return SLUICE_CONTINUE;
}

START_TEST(labels_and_stage_are_those_of_the_plan)
{
	bench_free(run_head_of(read_labels,
		"{\"labels\": {\"tier\": \"gold\", \"empty\": \"\"}, \"chain\": [{\"stage\": "
		"\"authn\", \"labels\": {\"team\": \"risk\"}}]}"));
}
END_TEST

static int32_t read_no_labels(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct sluice_str value;
	ck_assert_int_eq(p->host->label_get(x, SLUICE_LABELS_API, SLUICE_STR("tier"), &value),
		SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(p->host->label_get(x, SLUICE_LABELS_BINDING, SLUICE_STR("tier"), &value),
		SLUICE_E_NOT_FOUND);
	assert_text(p->host->fact(x, SLUICE_FACT_STAGE), "");
	return SLUICE_CONTINUE;
}

START_TEST(there_may_be_none)
{
	bench_free(run_head_of(read_no_labels, NULL));
	bench_free(run_head_of(read_no_labels, "{\"chain\": [{}]}"));
}
END_TEST

/* A binding by its id. */
static const char *expected_space, *expected_name;

static int32_t read_name(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	assert_text(p->host->fact(x, SLUICE_FACT_BINDING_NAMESPACE), expected_space);
	assert_text(p->host->fact(x, SLUICE_FACT_BINDING_NAME), expected_name);
	return SLUICE_CONTINUE;
}

START_TEST(a_bindings_name_is_that_of_its_document)
{
	static const struct {
		const char *id, *space, *name;
	} rows[] = {
		{"risk/limits", "risk", "limits"},
		{"risk/limits@default/shop", "risk", "limits"},
		{"default/shop:rate-limiting", "default", "rate-limiting"},
		{"default/shop:cors#2", "default", "cors#2"},
		{"default/shop:cors@house.lua", "default", "cors@house.lua"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct bench *b = bench_new();
		struct probe *p = bench_probe(b);
		p->on[CALLBACK_REQUEST_HEAD] = read_name;
		p->id = rows[i].id;
		expected_space = rows[i].space;
		expected_name = rows[i].name;
		bench_start(b);
		ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
		bench_free(b);
	}
}
END_TEST

/* --- claims ---------------------------------------------------------------------------------- */
static int32_t use_claims(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	struct sluice_str name, json;
	uint32_t at = 0;
	ck_assert_int_eq(h->claim_get(x, SLUICE_STR("sub"), &json), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(h->claim_next(x, &at, &name, &json), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR("sub"), SLUICE_STR("\"u1\"")), SLUICE_OK);
	ck_assert_int_eq(
		h->claim_set(x, SLUICE_STR("roles"), SLUICE_STR(" [ \"a\",\n2 ] ")), SLUICE_OK);
	ck_assert_int_eq(h->claim_get(x, SLUICE_STR("roles"), &json), SLUICE_OK);
	assert_text(json, "[\"a\",2]");
	/* All of an object, over what is there. */
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR(""),
				 SLUICE_STR("{\"sub\": \"u2\", \"act\": {\"sub\": \"x\"}}")),
		SLUICE_OK);
	const char *const names[] = {"sub", "roles", "act"};
	const char *const values[] = {"\"u2\"", "[\"a\",2]", "{\"sub\":\"x\"}"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		ck_assert_int_eq(h->claim_next(x, &at, &name, &json), SLUICE_OK);
		assert_text(name, names[i]);
		assert_text(json, values[i]);
	}
	ck_assert_int_eq(h->claim_next(x, &at, &name, &json), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR("roles"), (struct sluice_str){0}), SLUICE_OK);
	ck_assert_int_eq(
		h->claim_set(x, SLUICE_STR("roles"), (struct sluice_str){0}), SLUICE_E_NOT_FOUND);
	at = 1;
	ck_assert_int_eq(h->claim_next(x, &at, &name, &json), SLUICE_OK);
	assert_text(name, "act");
	return SLUICE_CONTINUE;
}

START_TEST(claims_are_set_read_and_removed)
{
	bench_free(run_head_of(use_claims, NULL));
}
END_TEST

static void assert_claims(const struct sluice_host *h, struct sluice_exchange *x,
	const char *const *names, const char *const *values, size_t n)
{
	struct sluice_str name, json;
	uint32_t at = 0;
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(h->claim_next(x, &at, &name, &json), SLUICE_OK);
		assert_text(name, names[i]);
		assert_text(json, values[i]);
	}
	ck_assert_int_eq(h->claim_next(x, &at, &name, &json), SLUICE_E_NOT_FOUND);
}

static int32_t use_prepared(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	struct sluice_claims *first, *second, *none;
	const char *const names[] = {"sub", "roles", "act"};
	const char *const values[] = {"\"u1\"", "[\"a\",2]", "{}"};
	const char *const later[] = {"\"u2\"", "[\"a\",2]", "{}"};
	ck_assert_int_eq(
		h->claims_prepare(p->instance,
			SLUICE_STR("{\"sub\": \"u1\", \"roles\": [\"a\", 2], \"act\": {}}"),
			&first),
		SLUICE_OK);
	ck_assert_int_eq(
		h->claims_prepare(p->instance, SLUICE_STR("{\"sub\":\"u2\"}"), &second), SLUICE_OK);
	ck_assert_int_eq(h->claims_prepare(p->instance, SLUICE_STR("{}"), &none), SLUICE_OK);
	ck_assert_int_eq(h->claims_set_prepared(x, none), SLUICE_OK);
	assert_claims(h, x, names, values, 0);
	ck_assert_int_eq(h->claims_set_prepared(x, first), SLUICE_OK);
	h->instance_free(p->instance, first);
	assert_claims(h, x, names, values, 3);
	/* Over what is there. */
	ck_assert_int_eq(h->claims_set_prepared(x, second), SLUICE_OK);
	assert_claims(h, x, names, later, 3);
	h->instance_free(p->instance, second);
	h->instance_free(p->instance, none);
	return SLUICE_CONTINUE;
}

START_TEST(claims_are_prepared_once_for_many)
{
	bench_free(run_head_of(use_prepared, NULL));
}
END_TEST

static int32_t prepare_wrongly(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	const char *const wrong[] = {"", "[1]", "{", "{\"a\":1,\"a\":2}", "{\"\":1}"};
	static char big[CLAIMS_BYTES_MAX + 1];
	struct sluice_claims *c = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		ck_assert_int_eq(h->claims_prepare(p->instance,
					 (struct sluice_str){wrong[i], strlen(wrong[i])}, &c),
			SLUICE_E_INVALID);
	memset(big, ' ', sizeof(big));
	ck_assert_int_eq(h->claims_prepare(p->instance, (struct sluice_str){big, sizeof(big)}, &c),
		SLUICE_E_FULL);
	size_t n = (size_t)snprintf(big, sizeof(big), "{");
	for (int i = 0; i <= CLAIMS_MAX; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n, "%s\"c%d\":1", i ? "," : "", i);
	big[n++] = '}';
	ck_assert_int_eq(
		h->claims_prepare(p->instance, (struct sluice_str){big, n}, &c), SLUICE_E_FULL);
	ck_assert_ptr_null(c);
	return SLUICE_CONTINUE;
}

START_TEST(what_cannot_be_claims_is_not_prepared)
{
	bench_free(run_head_of(prepare_wrongly, NULL));
}
END_TEST

static int32_t overdo_claims(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static char big[CLAIMS_BYTES_MAX];
	const struct sluice_host *h = p->host;
	const char *const wrong[] = {
		"", "u1", "{", "[1,]", "\"\\u0000\"", "{\"a\":1,\"a\":2}", "1 2"};
	char name[CLAIM_NAME_BYTES_MAX + 1];
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct sluice_str json = {wrong[i], strlen(wrong[i])};
		ck_assert_msg(h->claim_set(x, SLUICE_STR("sub"), json) == SLUICE_E_INVALID, "%s",
			wrong[i]);
	}
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR(""), SLUICE_STR("[1]")), SLUICE_E_INVALID);
	memset(name, 'n', sizeof(name));
	ck_assert_int_eq(h->claim_set(x, (struct sluice_str){name, sizeof(name)}, SLUICE_STR("1")),
		SLUICE_E_INVALID);
	memset(big, '7', sizeof(big));
	big[0] = big[sizeof(big) - 3] = '"';
	ck_assert_int_eq(
		h->claim_set(x, SLUICE_STR("abc"), (struct sluice_str){big, sizeof(big) - 2}),
		SLUICE_E_FULL);
	big[sizeof(big) - 4] = '"';
	ck_assert_int_eq(
		h->claim_set(x, SLUICE_STR("abc"), (struct sluice_str){big, sizeof(big) - 3}),
		SLUICE_OK);
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR("abc"), SLUICE_STR("1")), SLUICE_OK);
	for (int i = 1; i < CLAIMS_MAX; i++) {
		int n = snprintf(name, sizeof(name), "c%d", i);
		ck_assert_int_eq(
			h->claim_set(x, (struct sluice_str){name, (size_t)n}, SLUICE_STR("true")),
			SLUICE_OK);
	}
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR("more"), SLUICE_STR("1")), SLUICE_E_FULL);
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR("c7"), SLUICE_STR("7")), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(claims_are_json_and_bounded)
{
	bench_free(run_head_of(overdo_claims, NULL));
}
END_TEST

/* Of an object all or none, and those of another one with them. */
static int32_t set_members(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	const char *const names[] = {"sub", "n", "late"};
	const char *const values[] = {"\"u1\"", "1.5", "[]"};
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR(""), SLUICE_STR("{\"sub\":\"u0\",\"\":1}")),
		SLUICE_E_INVALID);
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR(""), SLUICE_STR("{}")), SLUICE_OK);
	assert_claims(h, x, names, values, 0);
	ck_assert_int_eq(
		h->claim_set(x, SLUICE_STR(""), SLUICE_STR("{ \"sub\": \"u1\", \"n\": 1.5 }")),
		SLUICE_OK);
	assert_claims(h, x, names, values, 2);
	ck_assert_int_eq(h->claim_set(x, SLUICE_STR("late"), SLUICE_STR("[ ]")), SLUICE_OK);
	assert_claims(h, x, names, values, 3);
	return SLUICE_CONTINUE;
}

START_TEST(an_objects_members_are_claims_all_or_none)
{
	bench_free(run_head_of(set_members, NULL));
}
END_TEST

/* --- the method ------------------------------------------------------------------------------ */
static int32_t change_method(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("PUT")), SLUICE_OK);
	ck_assert_int_eq(x->request->method, METHOD_PUT);
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("MKCOL")), SLUICE_OK);
	ck_assert_int_eq(x->request->method, METHOD_OTHER);
	assert_text(h->fact(x, SLUICE_FACT_METHOD), "MKCOL");
	assert_text(h->fact(x, SLUICE_FACT_METHOD_RECEIVED), "POST");
	const char *const wrong[] = {"", "CONNECT", "TRACE", "G T", "G\r\nX", "GET/",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"};
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		ck_assert_msg(h->method_set(x, (struct sluice_str){wrong[i], strlen(wrong[i])}) ==
				      SLUICE_E_INVALID,
			"%s", wrong[i]);
	x->request->content_length = CONTENT_LENGTH_NONE;
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("TRACE")), SLUICE_OK);
	x->request->upgrade = STR("websocket");
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("POST")), SLUICE_E_INVALID);
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("GET")), SLUICE_OK);
	x->request->upgrade = STR_EMPTY;
	x->request->path = STR("*");
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("GET")), SLUICE_E_INVALID);
	ck_assert_int_eq(h->method_set(x, SLUICE_STR("OPTIONS")), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(a_method_is_one_that_fits_the_request)
{
	struct bench *b = run_head_of(change_method, NULL);
	ck_assert(!http_asked_head(&b->request));
	assert_str(http_asked_name(&b->request), "POST");
	bench_free(b);
}
END_TEST

/* --- violations ------------------------------------------------------------------------------ */
static int32_t violate(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	const struct sluice_str none = SLUICE_STR("");
	char word[65] = "";
	memset(word, 'w', sizeof(word));
	ck_assert_int_eq(h->violation(x, none, none, none), SLUICE_E_INVALID);
	ck_assert_int_eq(
		h->violation(x, (struct sluice_str){word, sizeof(word)}, none, SLUICE_STR("Shop")),
		SLUICE_OK);
	ck_assert_int_eq(h->violation(x, SLUICE_STR("again"), none, none), SLUICE_E_CONFLICT);
	return SLUICE_CONTINUE;
}

START_TEST(the_first_violation_of_an_exchange_counts)
{
	struct bench *b = run_head_of(violate, NULL);
	const struct exchange_violation *v = b->x.violation;
	ck_assert_ptr_nonnull(v);
	ck_assert_uint_eq(v->what.n, 64);
	assert_str(v->client_name, "Shop");
	ck_assert_uint_eq(v->client_id.n, 0);
	assert_str(chain_binding_id(v->binding), "a");
	bench_free(b);
}
END_TEST

UNIT_SUITE(host_exchange, labels_and_stage_are_those_of_the_plan, there_may_be_none,
	a_bindings_name_is_that_of_its_document, claims_are_set_read_and_removed,
	claims_are_prepared_once_for_many, what_cannot_be_claims_is_not_prepared,
	claims_are_json_and_bounded, an_objects_members_are_claims_all_or_none,
	a_method_is_one_that_fits_the_request, the_first_violation_of_an_exchange_counts)
