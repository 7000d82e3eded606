/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#define NAME "grpc-web"
#define WEB  "application/grpc-web"
#define TEXT "application/grpc-web-text"

#define MESSAGE        "\0\0\0\0\2hi"
#define MESSAGE_BYTES  7
#define TRAILERS       "\x80\0\0\0\x10grpc-status: 0\r\n"
#define TRAILERS_BYTES 21

#define BIG_BYTES 300000

static const size_t splits[] = {0, 1, 2, 3, 4, 5, 7, 4096};

static struct visit *translating(void)
{
	return visit_policy(NAME, NAME, "{}");
}

static void begin(struct visit *v, const char *type, const char *accept)
{
	visit_begin(v, "POST", "/shop.Greeter/Hello");
	visit_field(v, REQ, "Content-Type", type);
	if (accept)
		visit_field(v, REQ, "Accept", accept);
}

static void assert_body(struct visit *v, enum sluice_side side, const char *bytes, size_t n)
{
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, side), n);
	ck_assert_mem_eq(sluice_test_body(v->x, side), bytes, n);
}

/* A call in binary that has reached the upstream. */
static void call(struct visit *v, const char *type, const char *accept)
{
	begin(v, type, accept);
	ck_assert_int_eq(sluice_test_send_bytes(v->x, MESSAGE, MESSAGE_BYTES), PASSED);
}

/* The upstream's answer: a message and a status of 0. */
static void answer(struct visit *v, const char *type)
{
	visit_field(v, RSP, "Content-Type", type);
	sluice_test_add(v->x, SLUICE_RESPONSE_TRAILERS, "Grpc-Status", "0");
	ck_assert_int_eq(sluice_test_answer_bytes(v->x, 200, MESSAGE, MESSAGE_BYTES), PASSED);
}

/* Groups as they come, padding in between. */
static size_t decode(const char *digits, size_t n, char *out)
{
	static const char all[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bytes = 0;
	ck_assert_uint_eq(n % 4, 0);
	for (size_t i = 0; i < n; i += 4) {
		unsigned bits = 0, pads = 0;
		for (size_t k = i; k < i + 4; k++) {
			pads += digits[k] == '=';
			const char *at = digits[k] == '=' ? all : strchr(all, digits[k]);
			ck_assert_ptr_nonnull(at);
			bits = bits << 6 | (unsigned)(at - all);
		}
		for (unsigned k = 0; k < 3 - pads; k++)
			out[bytes++] = (char)(bits >> (16 - 8 * k));
	}
	return bytes;
}

START_TEST(a_binary_call_goes_on_as_it_is_under_its_native_type)
{
	static const struct {
		const char *asked, *sent;
	} rows[] = {{WEB, "application/grpc"}, {WEB "+proto", "application/grpc+proto"},
		{"Application/gRPC-Web+json", "application/grpc+json"},
		{WEB "; charset=utf-8", "application/grpc; charset=utf-8"}};
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(rows); i++) {
		call(v, rows[i].asked, NULL);
		ck_assert_str_eq(visit_sent(v, "content-type"), rows[i].sent);
		assert_body(v, REQ, MESSAGE, MESSAGE_BYTES);
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "grpc_web_calls"), COUNT(rows));
	visit_leave(v);
}
END_TEST

START_TEST(what_is_no_grpc_web_passes_untouched)
{
	static const char *const types[] = {"application/grpc", "application/grpc-webby",
		"application/grpc-web-texts", "application/grpc-we", "application/json"};
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(types); i++) {
		call(v, types[i], NULL);
		ck_assert_str_eq(visit_sent(v, "content-type"), types[i]);
		answer(v, "application/grpc");
		ck_assert_str_eq(visit_answered(v, "content-type"), "application/grpc");
		assert_body(v, RSP, MESSAGE, MESSAGE_BYTES);
	}
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);
	assert_body(v, RSP, "ok", 2);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "grpc_web_calls"), 0);
	visit_leave(v);
}
END_TEST

/* Two messages, each encoded for itself, and the padding that comes of it. */
START_TEST(a_call_in_text_is_decoded_however_it_is_cut)
{
	static const char text[] = "AAAAAAJoaQ==AAAAAAJoaQ==";
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(splits); i++) {
		sluice_test_split(v->t, splits[i]);
		begin(v, TEXT "+proto", NULL);
		ck_assert_int_eq(visit_send(v, text), PASSED);
		ck_assert_str_eq(visit_sent(v, "content-type"), "application/grpc+proto");
		assert_body(v, REQ, MESSAGE MESSAGE, 2 * (size_t)MESSAGE_BYTES);
	}
	begin(v, TEXT, NULL);
	ck_assert_int_eq(visit_send(v, ""), PASSED);
	assert_body(v, REQ, "", 0);
	visit_leave(v);
}
END_TEST

START_TEST(a_call_that_is_no_base64_is_refused)
{
	static const char *const texts[] = {
		"AAA", "AAAA A==", "A===", "AA=A", "====", "AAAA\nAAA", "AA-_", "AAAAA", "AAAA="};
	struct visit *v = translating();
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < COUNT(texts); i++) {
			sluice_test_split(v->t, k);
			begin(v, TEXT, NULL);
			ck_assert_int_eq(visit_send(v, texts[i]), ANSWERED);
			visit_assert_answer(v, 400, "grpc_web_no_base64");
		}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "grpc_web_refused"), 2 * COUNT(texts));
	visit_leave(v);
}
END_TEST

START_TEST(trailers_become_the_last_frame)
{
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(splits); i++) {
		sluice_test_split(v->t, splits[i]);
		call(v, WEB, NULL);
		answer(v, "application/grpc+proto");
		ck_assert_str_eq(visit_answered(v, "content-type"), WEB "+proto");
		assert_body(v, RSP, MESSAGE TRAILERS, MESSAGE_BYTES + TRAILERS_BYTES);
	}
	visit_leave(v);
}
END_TEST

START_TEST(an_answer_in_text_can_be_read_group_by_group)
{
	char out[256];
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(splits); i++) {
		sluice_test_split(v->t, splits[i]);
		begin(v, TEXT, NULL);
		ck_assert_int_eq(visit_send(v, "AAAAAAJoaQ=="), PASSED);
		answer(v, "application/grpc");
		ck_assert_str_eq(visit_answered(v, "content-type"), TEXT);
		size_t n =
			decode(sluice_test_body(v->x, RSP), sluice_test_body_bytes(v->x, RSP), out);
		ck_assert_uint_eq(n, MESSAGE_BYTES + TRAILERS_BYTES);
		ck_assert_mem_eq(out, MESSAGE TRAILERS, n);
	}
	/* At once: each of the two for itself. */
	sluice_test_split(v->t, 0);
	begin(v, TEXT, NULL);
	ck_assert_int_eq(visit_send(v, ""), PASSED);
	answer(v, "application/grpc");
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "AAAAAAJoaQ==gAAAABBncnBjLXN0YXR1czogMA0K");
	visit_leave(v);
}
END_TEST

START_TEST(the_client_chooses_the_form_of_its_answer)
{
	static const struct {
		const char *asked, *accept, *got;
	} rows[] = {{WEB, "*/*", WEB}, {WEB, TEXT, TEXT}, {TEXT, WEB "+proto, " TEXT, WEB},
		{TEXT, "text/html, " TEXT ";q=0.5", TEXT}, {TEXT, "application/json", TEXT}};
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(rows); i++) {
		begin(v, rows[i].asked, rows[i].accept);
		ck_assert_int_eq(visit_send(v, "AAAA"), PASSED);
		answer(v, "application/grpc");
		ck_assert_str_eq(visit_answered(v, "content-type"), rows[i].got);
	}
	visit_leave(v);
}
END_TEST

START_TEST(a_status_in_the_head_stays_there)
{
	struct visit *v = translating();
	call(v, WEB, NULL);
	visit_field(v, RSP, "Content-Type", "application/grpc");
	visit_field(v, RSP, "grpc-status", "5");
	ck_assert_int_eq(visit_reply(v, NULL), PASSED);
	ck_assert_str_eq(visit_answered(v, "content-type"), WEB);
	ck_assert_str_eq(visit_answered(v, "grpc-status"), "5");
	assert_body(v, RSP, "", 0);
	visit_leave(v);
}
END_TEST

START_TEST(an_answer_that_is_no_grpc_passes)
{
	static const char *const types[] = {"text/html", WEB, "application/grpcs"};
	struct visit *v = translating();
	for (size_t i = 0; i < COUNT(types); i++) {
		call(v, WEB, NULL);
		answer(v, types[i]);
		ck_assert_str_eq(visit_answered(v, "content-type"), types[i]);
		assert_body(v, RSP, MESSAGE, MESSAGE_BYTES);
	}
	visit_leave(v);
}
END_TEST

/* More than any buffer of the policy, in the content and behind it. */
START_TEST(large_messages_and_trailers_pass_whole)
{
	static char big[BIG_BYTES], out[2 * BIG_BYTES], details[5001];
	struct visit *v = translating();
	for (size_t i = 0; i < BIG_BYTES; i++)
		big[i] = (char)(i * 7);
	memset(details, 'd', sizeof(details) - 1);
	begin(v, WEB, TEXT);
	ck_assert_int_eq(sluice_test_send_bytes(v->x, big, BIG_BYTES), PASSED);
	assert_body(v, REQ, big, BIG_BYTES);
	visit_field(v, RSP, "Content-Type", "application/grpc");
	sluice_test_add(v->x, SLUICE_RESPONSE_TRAILERS, "grpc-status-details-bin", details);
	ck_assert_int_eq(sluice_test_answer_bytes(v->x, 200, big, BIG_BYTES), PASSED);
	size_t n = decode(sluice_test_body(v->x, RSP), sluice_test_body_bytes(v->x, RSP), out);
	ck_assert_mem_eq(out, big, BIG_BYTES);
	ck_assert_uint_eq(n, BIG_BYTES + 5 + 25 + 5000 + 2);
	ck_assert_mem_eq(out + BIG_BYTES, "\x80\0\0\x13\xa3grpc-status-details-bin: ddd", 33);
	ck_assert_mem_eq(out + n - 3, "d\r\n", 3);

	begin(v, TEXT, NULL);
	char *text = out + BIG_BYTES;
	memset(text, 'A', BIG_BYTES);
	ck_assert_int_eq(sluice_test_send_bytes(v->x, text, BIG_BYTES), PASSED);
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, REQ), BIG_BYTES / 4 * 3);
	visit_leave(v);
}
END_TEST

START_TEST(it_has_no_parameters)
{
	assert_refused(NAME, NAME, "{text: true}", "config.text", NULL);
}
END_TEST

/* Whatever fails, what goes on is the call, or nothing passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, "{}");
	if (!sluice_test_problems(v->t)[0]) {
		begin(v, TEXT, NULL);
		if (visit_send(v, "AAAAAAJoaQ==") == SLUICE_TEST_PASSED) {
			assert_body(v, REQ, MESSAGE, MESSAGE_BYTES);
			visit_field(v, RSP, "Content-Type", "application/grpc");
			if (visit_reply(v, "abc") == SLUICE_TEST_PASSED)
				assert_body(v, RSP, "YWJj", 4);
		}
	}
	visit_leave(v);
}

START_TEST(no_fault_passes_for_a_call)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(grpc_web, a_binary_call_goes_on_as_it_is_under_its_native_type,
	what_is_no_grpc_web_passes_untouched, a_call_in_text_is_decoded_however_it_is_cut,
	a_call_that_is_no_base64_is_refused, trailers_become_the_last_frame,
	an_answer_in_text_can_be_read_group_by_group, the_client_chooses_the_form_of_its_answer,
	a_status_in_the_head_stays_there, an_answer_that_is_no_grpc_passes,
	large_messages_and_trailers_pass_whole, it_has_no_parameters, no_fault_passes_for_a_call)
