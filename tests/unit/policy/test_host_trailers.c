/* SPDX-License-Identifier: Apache-2.0 */
/* The fields behind the content, as policies see and change them. */
#include "unit.h"

#include "support.h"

#include "base/check.h"
#include "observe/log.h"

#define REQ CHAIN_REQUEST
#define RSP CHAIN_RESPONSE

static const struct sluice_host *host;
static enum sluice_side side;

static void give_trailer(struct bench *b, enum chain_direction d)
{
	struct fields *f = arena_zalloc(&b->arena, sizeof(*f));
	fields_init(f, &b->arena);
	ck_assert_int_eq(fields_add(f, STR("x-sum"), STR("17")), RC_OK);
	b->x.trailers[d] = f;
}

static const char *read_trailer(struct sluice_exchange *x, const char *name)
{
	static char text[64];
	struct sluice_str value;
	if (host->field_get(x, side, (struct sluice_str){name, strlen(name)}, &value) != SLUICE_OK)
		return "";
	ck_assert_uint_lt(value.n, sizeof(text));
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return text;
}

/* --- reading --------------------------------------------------------------------------------- */
static int ends_seen;

static int32_t read_at_end(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	uint32_t at = 0;
	struct sluice_str name, value;
	host = p->host;
	bool is_there = body->end;
	ck_assert_str_eq(read_trailer(x, "X-Sum"), is_there ? "17" : "");
	ck_assert_int_eq(host->field_next(x, side, SLUICE_STR(""), &at, &name, &value),
		is_there ? SLUICE_OK : SLUICE_E_NOT_FOUND);
	ends_seen += is_there;
	return SLUICE_CONTINUE;
}

static int32_t read_later(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	host = p->host;
	ck_assert_str_eq(read_trailer(x, "x-sum"), "17");
	ends_seen++;
	return SLUICE_CONTINUE;
}

static void assert_read(enum chain_direction d, enum body_mode mode)
{
	bool is_request = d == REQ;
	struct bench *b = bench_new();
	struct probe *p = bench_probe(b);
	p->on[is_request ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY] = read_at_end;
	p->on[is_request ? CALLBACK_REQUEST_END : CALLBACK_RESPONSE_END] = read_later;
	p->on[CALLBACK_LOG] = read_later;
	p->body[d].mode = mode;
	side = is_request ? SLUICE_REQUEST_TRAILERS : SLUICE_RESPONSE_TRAILERS;
	ends_seen = 0;
	bench_start(b);
	if (!is_request)
		ck_assert_int_eq(bench_give(b, REQ, "q"), CHAIN_DONE);
	bench_feed(b, d, "one");
	ck_assert_int_eq(bench_step(b, d), CHAIN_MORE);
	give_trailer(b, d);
	ck_assert_int_eq(bench_give(b, d, "two"), CHAIN_DONE);
	/* Behind a body that was collected there is still a place for them. */
	ck_assert_int_eq(is_request ? b->request.content_length : b->response.content_length,
		CONTENT_LENGTH_UNKNOWN);
	bench_finish(b);
	ck_assert_int_eq(ends_seen, 3);
	bench_free(b);
}

START_TEST(trailers_are_read_where_the_message_ends)
{
	assert_read(REQ, BODY_OBSERVE);
	assert_read(REQ, BODY_STREAM);
	assert_read(REQ, BODY_BUFFER);
	assert_read(RSP, BODY_OBSERVE);
	assert_read(RSP, BODY_BUFFER);
}
END_TEST

/* --- changing -------------------------------------------------------------------------------- */
static int32_t change(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	host = p->host;
	const struct sluice_str sum = SLUICE_STR("x-sum"), more = SLUICE_STR("grpc-status");
	if (body && !body->end) {
		ck_assert_int_eq(host->field_set(x, side, sum, SLUICE_STR("0")),
			SLUICE_E_WRONG_CALLBACK);
		return SLUICE_CONTINUE;
	}
	ck_assert_int_eq(host->field_add(x, side, more, SLUICE_STR("0")), SLUICE_OK);
	ck_assert_int_eq(host->field_set(x, side, sum, SLUICE_STR("18")), SLUICE_OK);
	static const char *const refused[] = {"content-length", "transfer-encoding", "host",
		"authorization", "set-cookie", "content-type", "cache-control", "x-forwarded-for",
		"trailer", ":path", "a b", "x_forwarded_for", "x-sluice-reason"};
	for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
		struct sluice_str name = {refused[i], strlen(refused[i])};
		ck_assert_msg(host->field_set(x, side, name, SLUICE_STR("1")) == SLUICE_E_INVALID,
			"%s", refused[i]);
	}
	ck_assert_int_eq(host->field_set(x, side, sum, SLUICE_STR("a\nb")), SLUICE_E_INVALID);
	return SLUICE_CONTINUE;
}

static int32_t remove_it(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(p->host->field_remove(x, side, SLUICE_STR("X-SUM")), 1);
	return SLUICE_CONTINUE;
}

static void assert_changed(enum chain_direction d, bool has_some)
{
	bool is_request = d == REQ;
	struct bench *b = bench_new();
	struct probe *p = bench_probe(b), *q = bench_probe(b);
	struct probe *first = is_request ? p : q, *second = is_request ? q : p;
	first->on[is_request ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY] = change;
	first->body[d].mode = BODY_STREAM;
	second->on[is_request ? CALLBACK_REQUEST_END : CALLBACK_RESPONSE_END] = remove_it;
	side = is_request ? SLUICE_REQUEST_TRAILERS : SLUICE_RESPONSE_TRAILERS;
	bench_start(b);
	if (!is_request)
		ck_assert_int_eq(bench_give(b, REQ, "q"), CHAIN_DONE);
	bench_feed(b, d, "one");
	ck_assert_int_eq(bench_step(b, d), CHAIN_MORE);
	b->x.request_sent = b->x.response_sent = true;
	if (has_some)
		give_trailer(b, d);
	ck_assert_int_eq(bench_give(b, d, "two"), CHAIN_DONE);
	const struct fields *f = b->x.trailers[d];
	ck_assert_uint_eq(f->count, 1);
	assert_str(f->items[0].name, "grpc-status");
	bench_free(b);
}

START_TEST(trailers_are_changed_at_the_end_and_the_next_policy_sees_it)
{
	log_start_queue(1 << 20, NULL, NULL);
	assert_changed(REQ, true);
	assert_changed(REQ, false);
	assert_changed(RSP, true);
	assert_changed(RSP, false);
	log_stop_queue();
}
END_TEST

static int32_t expected_code;

static int32_t try_to_add(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(
		p->host->field_add(x, side, SLUICE_STR("x-sum"), SLUICE_STR("1")), expected_code);
	return SLUICE_CONTINUE;
}

START_TEST(a_declared_length_leaves_a_place_only_where_the_head_waits)
{
	for (int collects = 0; collects < 2; collects++) {
		struct bench *b = bench_new();
		struct probe *p = bench_probe(b);
		p->on[CALLBACK_REQUEST_BODY] = try_to_add;
		p->body[REQ].mode = collects ? BODY_BUFFER : BODY_OBSERVE;
		side = SLUICE_REQUEST_TRAILERS;
		expected_code = collects ? SLUICE_OK : SLUICE_E_INVALID;
		bench_start(b);
		b->request.content_length = 3;
		ck_assert_int_eq(bench_give(b, REQ, "abc"), CHAIN_DONE);
		ck_assert_int_eq(
			b->request.content_length, collects ? CONTENT_LENGTH_UNKNOWN : 3);
		bench_free(b);
	}
}
END_TEST

START_TEST(without_content_there_is_no_place)
{
	struct bench *b = bench_new();
	struct probe *p = bench_probe(b);
	p->on[CALLBACK_REQUEST_END] = try_to_add;
	expected_code = SLUICE_E_INVALID;
	side = SLUICE_REQUEST_TRAILERS;
	bench_start(b);
	b->request.content_length = CONTENT_LENGTH_NONE;
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	bench_free(b);
	b = bench_new();
	bench_probe(b)->on[CALLBACK_RESPONSE_END] = try_to_add;
	side = SLUICE_RESPONSE_TRAILERS;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	b->response.has_content = false;
	ck_assert_int_eq(bench_give(b, RSP, ""), CHAIN_DONE);
	bench_free(b);
}
END_TEST

START_TEST(heads_cannot_change_them)
{
	log_start_queue(1 << 20, NULL, NULL);
	struct bench *b = bench_new();
	struct probe *p = bench_probe(b);
	p->on[CALLBACK_REQUEST_HEAD] = p->on[CALLBACK_RESPONSE_END] = try_to_add;
	expected_code = SLUICE_E_WRONG_CALLBACK;
	side = SLUICE_REQUEST_TRAILERS;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert_int_eq(bench_give(b, RSP, "s"), CHAIN_DONE);
	bench_free(b);
	log_stop_queue();
}
END_TEST

UNIT_SUITE(host_trailers, trailers_are_read_where_the_message_ends,
	trailers_are_changed_at_the_end_and_the_next_policy_sees_it,
	a_declared_length_leaves_a_place_only_where_the_head_waits, without_content_there_is_no_place,
	heads_cannot_change_them)
