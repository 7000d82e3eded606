/* SPDX-License-Identifier: Apache-2.0 */
/* The host's calls: where they are legal, and what they do. */
#include "unit.h"

#include "support.h"

#include "base/check.h"
#include "observe/log.h"
#include "policy/policy_priv.h"

#define REQ CHAIN_REQUEST
#define RSP CHAIN_RESPONSE

/* --- legality -------------------------------------------------------------------------------- */
/* Makes one call with x; true when it was taken to be legal, whatever came of it. */
typedef bool try_fn(
	const struct sluice_host *h, struct sluice_instance *i, struct sluice_exchange *x);

#define IS_LEGAL(call) ((call) != SLUICE_E_WRONG_CALLBACK)
static struct sluice_str out;
static uint32_t at;
/* As field_prepare makes it. */
static struct sluice_field any_field = {.field = {STR("b"), STR("0"), FIELD_OTHER}};
static const struct sluice_field *const prepared = &any_field;

#define TRY(name, expression)                                                                      \
	static bool try_##name(                                                                    \
		const struct sluice_host *h, struct sluice_instance *i, struct sluice_exchange *x) \
	{                                                                                          \
		return expression;                                                                 \
	}
TRY(alloc, h->exchange_alloc(x, 8) != NULL)
TRY(fact, h->fact(x, SLUICE_FACT_METHOD).n > 0)
TRY(status, IS_LEGAL(h->status(x)))
TRY(status_set, IS_LEGAL(h->status_set(x, 201)))
TRY(now, IS_LEGAL(h->now_ms(x)))
TRY(wall, IS_LEGAL(h->wall_ms(x)))
TRY(get, IS_LEGAL(h->field_get(x, SLUICE_REQUEST, SLUICE_STR("a"), &out)))
TRY(next, (at = 0, IS_LEGAL(h->field_next(x, SLUICE_REQUEST, SLUICE_STR("a"), &at, NULL, &out))))
TRY(set, IS_LEGAL(h->field_set(x, SLUICE_REQUEST, SLUICE_STR("b"), SLUICE_STR("1"))))
TRY(add, IS_LEGAL(h->field_add(x, SLUICE_REQUEST, SLUICE_STR("c"), SLUICE_STR("1"))))
TRY(remove, IS_LEGAL(h->field_remove(x, SLUICE_REQUEST, SLUICE_STR("b"))))
TRY(prepare, h->field_prepare(i, SLUICE_STR("b"), SLUICE_STR("1")) != NULL)
TRY(set_prepared, IS_LEGAL(h->field_set_prepared(x, SLUICE_REQUEST, prepared, SLUICE_STR("1"))))
TRY(path, IS_LEGAL(h->path_set(x, SLUICE_STR("/p"), SLUICE_STR(""))))
TRY(respond, IS_LEGAL(h->respond(x, 200, NULL, 0, SLUICE_STR(""), SLUICE_STR("r"))))
TRY(respond_error, IS_LEGAL(h->respond_error(x, 400, NULL, 0, SLUICE_STR(""), SLUICE_STR("r"))))
TRY(pause, h->pause(x, 10) != 0)
TRY(resumed, IS_LEGAL(h->resumed(x)))
TRY(replace, IS_LEGAL(h->body_replace(x, SLUICE_STR("x"))))
TRY(pass, IS_LEGAL(h->body_pass(x)))
TRY(length, IS_LEGAL(h->body_length(x, SLUICE_REQUEST)))
TRY(declared, IS_LEGAL(h->length_declared(x, SLUICE_REQUEST)))
TRY(property_set, IS_LEGAL(h->property_set(x, SLUICE_STR("p"), SLUICE_STR("v"))))
TRY(property_get, IS_LEGAL(h->property_get(x, SLUICE_STR("p"), &out)))
TRY(authenticate, IS_LEGAL(h->authenticate(x, SLUICE_STR("u"), SLUICE_STR(""), SLUICE_STR(""))))
TRY(data, (h->data_set(x, &at), h->data_get(x) == &at))
TRY(omit, IS_LEGAL(h->callbacks_omit(i, 0)))
TRY(define, IS_LEGAL(h->counter_define(i, SLUICE_STR("n"), SLUICE_STR("d"))))

TRY(label, IS_LEGAL(h->label_get(x, SLUICE_LABELS_API, SLUICE_STR("l"), &out)))
TRY(labels, (at = 0, IS_LEGAL(h->label_next(x, SLUICE_LABELS_API, &at, NULL, &out))))
TRY(claim_set, IS_LEGAL(h->claim_set(x, SLUICE_STR("c"), SLUICE_STR("1"))))
TRY(claim_get, IS_LEGAL(h->claim_get(x, SLUICE_STR("c"), &out)))
TRY(claims, (at = 0, IS_LEGAL(h->claim_next(x, &at, NULL, &out))))
TRY(method, IS_LEGAL(h->method_set(x, SLUICE_STR("PUT"))))
TRY(violation, IS_LEGAL(h->violation(x, SLUICE_STR("w"), SLUICE_STR(""), SLUICE_STR(""))))
TRY(prepare_claims, IS_LEGAL(h->claims_prepare(i, SLUICE_STR("[]"), NULL)))
TRY(set_claims, IS_LEGAL(h->claims_set_prepared(x, NULL)))
TRY(response_pass, IS_LEGAL(h->response_pass(x)))
TRY(wipe, IS_LEGAL(h->value_wipe(i, NULL)))

#define LIVE "request_head request_body request_end response_head response_body response_end"
#define ALL  LIVE " log done"
static const struct legality {
	const char *name;
	try_fn *try;
	const char *callbacks; /* those in which it is legal */
} legalities[] = {
	{"exchange_alloc", try_alloc, ALL},
	{"fact", try_fact, ALL},
	{"status", try_status, ALL},
	{"status_set", try_status_set, "response_head response_body"},
	{"now_ms", try_now, ALL},
	{"wall_ms", try_wall, ALL},
	{"field_get", try_get, ALL},
	{"field_next", try_next, ALL},
	{"field_set", try_set, LIVE},
	{"field_add", try_add, LIVE},
	{"field_remove", try_remove, LIVE},
	{"field_prepare", try_prepare, ""},
	{"field_set_prepared", try_set_prepared, LIVE},
	{"path_set", try_path, "request_head"},
	{"respond", try_respond, LIVE},
	{"respond_error", try_respond_error, LIVE},
	{"pause", try_pause, LIVE},
	{"resumed", try_resumed, LIVE},
	{"body_replace", try_replace, "request_body response_body"},
	{"body_pass", try_pass, "request_head response_head"},
	{"body_length", try_length, ALL},
	{"length_declared", try_declared, ALL},
	{"response_pass", try_response_pass, "request_head"},
	{"property_set", try_property_set, LIVE},
	{"property_get", try_property_get, ALL},
	{"authenticate", try_authenticate, "request_head request_body"},
	{"data_set", try_data, ALL},
	{"callbacks_omit", try_omit, ""},
	{"counter_define", try_define, ""},
	{"value_wipe", try_wipe, ""},
	{"label_get", try_label, ALL},
	{"label_next", try_labels, ALL},
	{"claim_set", try_claim_set, "request_head request_body"},
	{"claim_get", try_claim_get, ALL},
	{"claim_next", try_claims, ALL},
	{"claims_prepare", try_prepare_claims, "request_head request_body"},
	{"claims_set_prepared", try_set_claims, "request_head request_body"},
	{"method_set", try_method, "request_head"},
	{"violation", try_violation, LIVE},
};

static const struct legality *tried;
static int tries;

static bool is_listed(const char *list, const char *name)
{
	struct str rest = str_of(list);
	while (rest.n)
		if (str_eq(str_cut(&rest, ' '), str_of(name)))
			return true;
	return false;
}

static int32_t try_it(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	bool legal = tried->try(p->host, p->instance, x);
	const char *name = callback_name(p->callback);
	ck_assert_msg(legal == is_listed(tried->callbacks, name), "%s in %s: %d", tried->name, name,
		legal);
	tries++;
	return SLUICE_CONTINUE;
}

START_TEST(each_call_is_legal_where_it_says)
{
	log_start_queue(1 << 20, NULL, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(legalities); i++) {
		tried = &legalities[i];
		tries = 0;
		struct bench *b = bench_new();
		struct probe *a = bench_probe(b);
		probe_pass_all(a);
		for (int c = CALLBACK_REQUEST_HEAD; c <= CALLBACK_DONE; c++)
			a->on[c] = try_it;
		bench_start(b);
		ck_assert_int_eq(bench_give(b, REQ, "q"), CHAIN_DONE);
		ck_assert_int_eq(bench_give(b, RSP, "s"), CHAIN_DONE);
		bench_finish(b);
		/* What is let pass does not come. */
		ck_assert_int_eq(tries,
			tried->try == try_pass ? 6 : tried->try == try_response_pass ? 5 : 8);
		bench_free(b);
	}
	log_stop_queue();
}
END_TEST

START_TEST(a_handle_outside_of_its_callback_is_refused_unread)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	static char nobody[8];
	struct sluice_exchange *const handles[] = {&b->x, NULL, (void *)nobody};
	for (size_t h = 0; h < ARRAY_COUNT(handles); h++)
		for (size_t i = 0; i < ARRAY_COUNT(legalities); i++)
			ck_assert(!legalities[i].try(a->host, a->instance, handles[h]));
	bench_free(b);
}
END_TEST

/* --- heads ----------------------------------------------------------------------------------- */
static void assert_text(struct sluice_str s, const char *text)
{
	ck_assert_msg(
		s.n == strlen(text) && memcmp(s.p, text, s.n) == 0, "got %.*s", (int)s.n, s.p);
}

static int32_t read_facts(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	assert_text(h->fact(x, SLUICE_FACT_METHOD), "POST");
	assert_text(h->fact(x, SLUICE_FACT_PATH), "/x");
	assert_text(h->fact(x, SLUICE_FACT_QUERY), "");
	assert_text(h->fact(x, SLUICE_FACT_AUTHORITY), "api.example");
	assert_text(h->fact(x, SLUICE_FACT_SCHEME), "http");
	assert_text(h->fact(x, SLUICE_FACT_VERSION), "1.1");
	assert_text(h->fact(x, SLUICE_FACT_TARGET), "/x");
	assert_text(h->fact(x, SLUICE_FACT_CLIENT_ADDRESS), "192.0.2.1");
	assert_text(h->fact(x, SLUICE_FACT_REQUEST_ID), "r-1");
	assert_text(h->fact(x, SLUICE_FACT_API), "default/shop");
	assert_text(h->fact(x, SLUICE_FACT_BINDING), "a");
	assert_text(h->fact(x, SLUICE_FACT_PRINCIPAL), "");
	assert_text(h->fact(x, (enum sluice_fact)99), "");
	ck_assert_int_eq(h->wall_ms(x), 1700000000000);
	ck_assert_int_eq(
		h->authenticate(x, SLUICE_STR("ann"), SLUICE_STR("id-1"), SLUICE_STR("shop")),
		SLUICE_OK);
	ck_assert_int_eq(
		h->authenticate(x, SLUICE_STR(""), SLUICE_STR(""), SLUICE_STR("other")), SLUICE_OK);
	assert_text(h->fact(x, SLUICE_FACT_PRINCIPAL), "ann");
	assert_text(h->fact(x, SLUICE_FACT_CLIENT_ID), "id-1");
	assert_text(h->fact(x, SLUICE_FACT_CLIENT_NAME), "other");
	return SLUICE_CONTINUE;
}

/* Runs `fn` as the one request_head of a chain. */
static struct bench *run_head(probe_fn *fn)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = fn;
	bench_start(b);
	enum rc rc = fields_add(&b->request.fields, STR("X-Many"), STR("one"));
	ck_assert_int_eq(rc, RC_OK);
	rc = fields_add(&b->request.fields, STR("x-many"), STR("two"));
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	return b;
}

START_TEST(facts_tell_what_is_known)
{
	bench_free(run_head(read_facts));
}
END_TEST

static int32_t use_fields(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	struct sluice_str value, name;
	uint32_t i = 0;
	ck_assert_int_eq(h->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-MANY"), &value), SLUICE_OK);
	assert_text(value, "one");
	ck_assert_int_eq(
		h->field_next(x, SLUICE_REQUEST, SLUICE_STR("x-many"), &i, &name, &value), 0);
	ck_assert_int_eq(
		h->field_next(x, SLUICE_REQUEST, SLUICE_STR("x-many"), &i, &name, &value), 0);
	assert_text(value, "two");
	ck_assert_int_eq(h->field_next(x, SLUICE_REQUEST, SLUICE_STR("x-many"), &i, &name, &value),
		SLUICE_E_NOT_FOUND);
	i = 0;
	ck_assert_int_eq(h->field_next(x, SLUICE_REQUEST, SLUICE_STR("Host"), &i, NULL, &value), 0);
	assert_text(value, "api.example");
	ck_assert_int_eq(h->field_next(x, SLUICE_REQUEST, SLUICE_STR("Host"), &i, NULL, &value),
		SLUICE_E_NOT_FOUND);
	i = 0;
	int count = 0;
	while (h->field_next(x, SLUICE_REQUEST, SLUICE_STR(""), &i, &name, &value) == SLUICE_OK)
		count++;
	ck_assert_int_eq(count, 2);
	ck_assert_int_eq(h->field_set(x, SLUICE_REQUEST, SLUICE_STR("x-many"), SLUICE_STR("3")), 0);
	ck_assert_int_eq(h->field_add(x, SLUICE_REQUEST, SLUICE_STR("x-many"), SLUICE_STR("4")), 0);
	ck_assert_int_eq(h->field_remove(x, SLUICE_REQUEST, SLUICE_STR("x-many")), 2);
	/* No response yet. */
	ck_assert_int_eq(h->field_set(x, SLUICE_RESPONSE, SLUICE_STR("a"), SLUICE_STR("b")),
		SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

START_TEST(fields_are_read_and_changed)
{
	struct bench *b = run_head(use_fields);
	ck_assert_ptr_null(fields_get(&b->request.fields, STR("x-many")));
	bench_free(b);
}
END_TEST

/* --- prepared fields --- */
static struct sluice_field *fixed, *named;

static int32_t prepare_fields(struct probe *p, const struct sluice_call *call)
{
	const struct sluice_host *h = call->host;
	struct sluice_instance *i = call->instance;
	struct sluice_str none = {NULL, 0};
	fixed = h->field_prepare(i, SLUICE_STR("X-Many"), SLUICE_STR("fixed"));
	named = h->field_prepare(i, SLUICE_STR("x-new"), none);
	ck_assert_ptr_nonnull(fixed);
	ck_assert_ptr_nonnull(named);
	ck_assert_ptr_null(h->field_prepare(i, SLUICE_STR("content-length"), none));
	ck_assert_ptr_null(h->field_prepare(i, SLUICE_STR("x a"), none));
	ck_assert_ptr_null(h->field_prepare(i, SLUICE_STR("x-a"), SLUICE_STR("a\nb")));
	return SLUICE_OK;
}

static int32_t use_prepared(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	struct sluice_str value = {NULL, 0};
	ck_assert_int_eq(h->field_set_prepared(x, SLUICE_REQUEST, fixed, value), SLUICE_OK);
	ck_assert_int_eq(h->field_set_prepared(x, SLUICE_REQUEST, named, value), SLUICE_OK);
	ck_assert_int_eq(h->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-new"), &value), SLUICE_OK);
	assert_text(value, "");
	char text[] = "mine";
	value = (struct sluice_str){text, 4};
	ck_assert_int_eq(h->field_set_prepared(x, SLUICE_REQUEST, named, value), SLUICE_OK);
	text[0] = '?'; /* it was copied */
	value = SLUICE_STR("a\rb");
	ck_assert_int_eq(h->field_set_prepared(x, SLUICE_REQUEST, named, value), SLUICE_E_INVALID);
	ck_assert_int_eq(h->field_set_prepared(x, SLUICE_REQUEST, NULL, value), SLUICE_E_INVALID);
	return SLUICE_CONTINUE;
}

START_TEST(prepared_fields_replace_like_others)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->configure = prepare_fields;
	a->on[CALLBACK_REQUEST_HEAD] = use_prepared;
	bench_start(b);
	static const char *const values[] = {"one", "two"};
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		enum rc rc = fields_add(&b->request.fields, STR("x-many"), str_of(values[i]));
		ck_assert_int_eq(rc, RC_OK);
	}
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	const struct fields *fields = &b->request.fields;
	uint32_t i = 0;
	ck_assert(str_eq(fields_next(fields, STR("x-many"), &i)->value, STR("fixed")));
	ck_assert_ptr_null(fields_next(fields, STR("x-many"), &i));
	ck_assert(str_eq(fields_get(fields, STR("x-new"))->value, STR("mine")));
	bench_free(b);
}
END_TEST

static int32_t omit_some(struct probe *p, const struct sluice_call *call)
{
	uint32_t some = SLUICE_OMIT_RESPONSE_HEAD | SLUICE_OMIT_REQUEST_BODY | SLUICE_OMIT_LOG;
	ck_assert_int_eq(call->host->callbacks_omit(call->instance, some), SLUICE_OK);
	ck_assert_int_eq(
		call->host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_END), SLUICE_OK);
	ck_assert_int_eq(call->host->callbacks_omit(call->instance, 256), SLUICE_E_INVALID);
	return SLUICE_OK;
}

START_TEST(omitted_callbacks_never_run)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	probe_pass_all(a);
	a->on[CALLBACK_LOG] = probe_pass;
	a->on[CALLBACK_DONE] = probe_pass;
	a->configure = omit_some;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "q"), CHAIN_DONE);
	ck_assert_int_eq(bench_give(b, RSP, "s"), CHAIN_DONE);
	bench_finish(b);
	ck_assert_str_eq(
		bench_trace(b), "a.request_head a.request_end a.response_body(s$) a.done ");
	bench_free(b);
}
END_TEST

static int32_t smuggle(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static const struct {
		struct sluice_str name, value;
	} rows[] = {
		{SLUICE_STR("Content-Length"), SLUICE_STR("3")},
		{SLUICE_STR("transfer-encoding"), SLUICE_STR("chunked")},
		{SLUICE_STR("Connection"), SLUICE_STR("x-role")},
		{SLUICE_STR("Host"), SLUICE_STR("evil")},
		{SLUICE_STR("Upgrade"), SLUICE_STR("h2c")},
		{SLUICE_STR("x-a"), SLUICE_STR("1\r\nx-b: 2")},
		{SLUICE_STR("x-a"), {"a\0b", 3}},
		{SLUICE_STR("x a"), SLUICE_STR("1")},
		{SLUICE_STR("x-a:"), SLUICE_STR("1")},
		{SLUICE_STR(""), SLUICE_STR("1")},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		ck_assert_int_eq(p->host->field_set(x, SLUICE_REQUEST, rows[i].name, rows[i].value),
			SLUICE_E_INVALID);
		ck_assert_int_eq(p->host->field_add(x, SLUICE_REQUEST, rows[i].name, rows[i].value),
			SLUICE_E_INVALID);
	}
	return SLUICE_CONTINUE;
}

START_TEST(framing_and_line_breaks_are_refused)
{
	struct bench *b = run_head(smuggle);
	ck_assert_uint_eq(b->request.fields.count, 2);
	bench_free(b);
}
END_TEST

static int32_t set_late(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(p->host->field_set(x, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("b")),
		SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

START_TEST(a_head_that_has_been_sent_stays)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = set_late;
	a->body[REQ].mode = BODY_OBSERVE;
	bench_start(b);
	b->x.request_sent = true;
	ck_assert_int_eq(bench_give(b, REQ, "x"), CHAIN_DONE);
	ck_assert_int_eq(a->calls, 1);
	bench_free(b);
}
END_TEST

static int32_t rewrite(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	char path[] = "/a/./b/../%63", query[] = "q=1";
	static char longest[9000];
	ck_assert_int_eq(h->path_set(x, (struct sluice_str){path, sizeof(path) - 1},
				 (struct sluice_str){query, sizeof(query) - 1}),
		SLUICE_OK);
	memset(path, '!', sizeof(path));
	memset(query, '!', sizeof(query));
	ck_assert_int_eq(h->path_set(x, SLUICE_STR("a"), SLUICE_STR("")), SLUICE_E_INVALID);
	ck_assert_int_eq(h->path_set(x, SLUICE_STR(""), SLUICE_STR("")), SLUICE_E_INVALID);
	ck_assert_int_eq(h->path_set(x, SLUICE_STR("/../x"), SLUICE_STR("")), SLUICE_E_INVALID);
	ck_assert_int_eq(h->path_set(x, SLUICE_STR("/x"), SLUICE_STR("a b")), SLUICE_E_INVALID);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	ck_assert_int_eq(
		h->path_set(x, (struct sluice_str){longest, sizeof(longest)}, SLUICE_STR("")),
		SLUICE_E_INVALID);
	return SLUICE_CONTINUE;
}

START_TEST(a_rewritten_path_is_canonical_and_the_exchanges_own)
{
	struct bench *b = run_head(rewrite);
	assert_str(b->request.path, "/a/c");
	assert_str(b->request.query, "q=1");
	ck_assert(b->request.has_query);
	assert_str(b->request.target, "/x");
	bench_free(b);
}
END_TEST

static int32_t set_status(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static const int32_t bad[] = {0, 100, 101, 199, 204, 304, 600, -1};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		ck_assert_int_eq(p->host->status_set(x, bad[i]), SLUICE_E_INVALID);
	ck_assert_int_eq(p->host->status(x), 200);
	ck_assert_int_eq(p->host->status_set(x, 503), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(a_status_changes_what_is_said_but_not_the_framing)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_RESPONSE_HEAD] = set_status;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_MORE);
	ck_assert_uint_eq(b->response.status, 503);
	assert_str(b->response.reason, "Service Unavailable");
	bench_free(b);
}
END_TEST

/* --- answers --------------------------------------------------------------------------------- */
static int32_t answer_error(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	const struct sluice_str ok[] = {SLUICE_STR("Retry-After"), SLUICE_STR("3")};
	const struct sluice_str framing[] = {SLUICE_STR("Content-Length"), SLUICE_STR("3")};
	const struct sluice_str split[] = {SLUICE_STR("x"), SLUICE_STR("a\r\nb: c")};
	struct sluice_str reason = SLUICE_STR("why"), text = SLUICE_STR("so \"it\" is");
	ck_assert_int_eq(h->respond(x, 199, NULL, 0, text, reason), SLUICE_E_INVALID);
	ck_assert_int_eq(h->respond(x, 600, NULL, 0, text, reason), SLUICE_E_INVALID);
	ck_assert_int_eq(h->respond(x, 400, framing, 1, text, reason), SLUICE_E_INVALID);
	ck_assert_int_eq(h->respond(x, 400, split, 1, text, reason), SLUICE_E_INVALID);
	ck_assert_ptr_null(x->answer);
	ck_assert_int_eq(h->respond_error(x, 429, ok, 1, text, reason), SLUICE_OK);
	return SLUICE_RESPONDED;
}

START_TEST(an_error_is_json_with_its_fields)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = answer_error;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_RESPONDED);
	const struct local_response *local = b->x.local;
	ck_assert_uint_eq(local->head.status, 429);
	assert_str(local->body, "{\"error\":\"so \\\"it\\\" is\"}");
	ck_assert_int_eq(local->head.content_length, (int64_t)local->body.n);
	assert_str(fields_get(&local->head.fields, STR("content-type"))->value,
		"application/json; charset=UTF-8");
	assert_str(fields_get(&local->head.fields, STR("retry-after"))->value, "3");
	assert_str(local->reason, "why");
	bench_free(b);
}
END_TEST

static int32_t answer_nothing(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(p->host->respond(x, 204, NULL, 0, SLUICE_STR("dropped"), SLUICE_STR("r")),
		SLUICE_OK);
	return SLUICE_RESPONDED;
}

START_TEST(an_answer_without_content_has_none)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = answer_nothing;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_RESPONDED);
	ck_assert(!b->x.local->head.has_content);
	ck_assert_uint_eq(b->x.local->body.n, 0);
	bench_free(b);
}
END_TEST

/* --- what is shared, and what is not --------------------------------------------------------- */
static int32_t leave_property(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	char value[] = "first";
	static char long_name[65];
	memset(long_name, 'n', sizeof(long_name));
	ck_assert_int_eq(p->host->property_set(x, SLUICE_STR("who"), SLUICE_STR("nobody")), 0);
	ck_assert_int_eq(p->host->property_set(x, SLUICE_STR("who"),
				 (struct sluice_str){value, sizeof(value) - 1}),
		SLUICE_OK);
	memset(value, '!', sizeof(value));
	ck_assert_int_eq(
		p->host->property_set(x, SLUICE_STR(""), SLUICE_STR("v")), SLUICE_E_INVALID);
	ck_assert_int_eq(p->host->property_set(x, (struct sluice_str){long_name, sizeof(long_name)},
				 SLUICE_STR("v")),
		SLUICE_E_INVALID);
	ck_assert_ptr_null(p->host->data_get(x));
	p->host->data_set(x, p);
	return SLUICE_CONTINUE;
}

static int32_t find_property(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct sluice_str value;
	ck_assert_int_eq(p->host->property_get(x, SLUICE_STR("who"), &value), SLUICE_OK);
	assert_text(value, "first");
	ck_assert_int_eq(p->host->property_get(x, SLUICE_STR("what"), &value), SLUICE_E_NOT_FOUND);
	ck_assert_ptr_null(p->host->data_get(x)); /* the other binding's is its own */
	return SLUICE_CONTINUE;
}

static int32_t find_data(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_ptr_eq(p->host->data_get(x), p);
	return SLUICE_CONTINUE;
}

START_TEST(properties_are_the_chains_and_data_a_bindings)
{
	struct bench *b = bench_new();
	struct probe *first = bench_probe(b), *second = bench_probe(b);
	first->on[CALLBACK_REQUEST_HEAD] = leave_property;
	first->on[CALLBACK_DONE] = find_data;
	second->on[CALLBACK_REQUEST_HEAD] = find_property;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	bench_finish(b);
	ck_assert_int_eq(first->calls, 2);
	bench_free(b);
}
END_TEST

static int32_t spend(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *h = p->host;
	char *last = NULL;
	for (void *block; (block = h->exchange_alloc(x, 65536)); last = block)
		ck_assert_uint_eq((uintptr_t)block % 16, 0);
	ck_assert_ptr_nonnull(last);
	ck_assert_int_eq(h->property_set(x, SLUICE_STR("a"), SLUICE_STR("b")), SLUICE_E_FULL);
	ck_assert_int_eq(
		h->field_add(x, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("b")), SLUICE_E_FULL);
	ck_assert_int_eq(
		h->respond(x, 400, NULL, 0, SLUICE_STR("b"), SLUICE_STR("r")), SLUICE_E_FULL);
	h->data_set(x, p);
	ck_assert_ptr_null(h->data_get(x));
	return SLUICE_CONTINUE;
}

START_TEST(a_spent_budget_is_an_ordinary_error)
{
	bench_free(run_head(spend));
}
END_TEST

START_TEST(the_breadcrumb_tells_who_runs)
{
	breadcrumb_word word = 0;
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	bench_start(b);
	breadcrumb_set_word(&word);
	policy_enter(&b->x, a->instance, CALLBACK_REQUEST_HEAD);
	struct breadcrumb crumb = breadcrumb_read(&word);
	ck_assert(crumb.is_inside);
	ck_assert_uint_eq(crumb.binding, 1);
	ck_assert_int_eq(crumb.callback, CALLBACK_REQUEST_HEAD);
	policy_leave();
	policy_enter(NULL, a->instance, CALLBACK_TIMER);
	ck_assert_uint_ne(breadcrumb_read(&word).sequence, crumb.sequence);
	policy_leave();
	ck_assert(!breadcrumb_read(&word).is_inside);
	breadcrumb_set_word(NULL);
	bench_free(b);
}
END_TEST

UNIT_SUITE(host, each_call_is_legal_where_it_says,
	a_handle_outside_of_its_callback_is_refused_unread, facts_tell_what_is_known,
	fields_are_read_and_changed, prepared_fields_replace_like_others,
	omitted_callbacks_never_run, framing_and_line_breaks_are_refused,
	a_head_that_has_been_sent_stays, a_rewritten_path_is_canonical_and_the_exchanges_own,
	a_status_changes_what_is_said_but_not_the_framing, an_error_is_json_with_its_fields,
	an_answer_without_content_has_none, properties_are_the_chains_and_data_a_bindings,
	a_spent_budget_is_an_ordinary_error, the_breadcrumb_tells_who_runs)
