/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#define PLUGIN    "compression"
#define NAME      "decompression"
#define BYTES_MAX ((size_t)9 << 20)

static char plain[BYTES_MAX], coded[BYTES_MAX + 65536];
static const char *const codings[] = {"gzip", "br", "zstd"};

static struct visit *decompressing(const char *config)
{
	return visit_policy(PLUGIN, NAME, config);
}

/* Letters, the same in every run, that shrink to about six tenths. */
static void write_letters(size_t n)
{
	unsigned seed = 7;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		plain[i] = "etaoin shrdlu,{}"[seed >> 16 & 15];
	}
}

static size_t gzip(const char *from, size_t n, char *to)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)from, .avail_in = (uInt)n};
	ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)to;
	z.avail_out = sizeof(coded) / 2;
	ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t out = z.total_out;
	deflateEnd(&z);
	return out;
}

/* The first n bytes of `plain` into `coded`. */
static size_t encode(const char *coding, size_t n)
{
	size_t out = sizeof(coded);
	if (strcmp(coding, "gzip") == 0)
		return gzip(plain, n, coded);
	if (strcmp(coding, "zstd") == 0)
		return ZSTD_compress(coded, out, plain, n, 3);
	ck_assert(BrotliEncoderCompress(
		5, 22, BROTLI_MODE_GENERIC, n, (uint8_t *)plain, &out, (uint8_t *)coded));
	return out;
}

static enum sluice_test_outcome post(struct visit *v, const char *coding, size_t n)
{
	visit_begin(v, "POST", "/");
	if (coding)
		visit_field(v, REQ, "Content-Encoding", coding);
	return sluice_test_send_bytes(v->x, coded, n);
}

static void assert_sent(struct visit *v, size_t n)
{
	ck_assert_str_eq(visit_sent(v, "content-encoding"), "");
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, REQ), n);
	ck_assert_mem_eq(sluice_test_body(v->x, REQ), plain, n);
}

START_TEST(each_coding_goes_on_as_what_it_says)
{
	static const size_t lengths[] = {0, 1, 1000, 300000}, pieces[] = {1, 1000, 0};
	struct visit *v = decompressing("{}");
	write_letters(300000);
	for (size_t i = 0; i < COUNT(codings); i++)
		for (size_t k = 0; k < COUNT(lengths); k++)
			for (size_t p = 0; p < COUNT(pieces); p++) {
				if (pieces[p] == 1 && lengths[k] > 1000)
					continue;
				sluice_test_split(v->t, pieces[p]);
				size_t n = encode(codings[i], lengths[k]);
				ck_assert_int_eq(post(v, codings[i], n), PASSED);
				assert_sent(v, lengths[k]);
			}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "decompressed_requests"), 33);
	visit_leave(v);
}
END_TEST

START_TEST(what_has_no_coding_passes_untouched)
{
	struct visit *v = decompressing("{}");
	write_letters(1000);
	memcpy(coded, plain, 1000);
	static const char *const names[] = {NULL, "identity", "", ", identity"};
	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert_int_eq(post(v, names[i], 1000), PASSED);
		ck_assert_mem_eq(sluice_test_body(v->x, REQ), plain, 1000);
	}
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "Content-Encoding", "deflate");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	visit_leave(v);
}
END_TEST

START_TEST(other_codings_and_several_are_refused)
{
	static const char *const names[] = {
		"deflate", "compress", "gzip, gzip", "br,gzip", "gzip;q=1", "aes128gcm"};
	struct visit *v = decompressing("{}");
	for (size_t i = 0; i < COUNT(names); i++) {
		ck_assert_int_eq(post(v, names[i], 100), ANSWERED);
		visit_assert_answer(v, 415, "coding_unsupported");
		ck_assert_str_eq(visit_answered(v, "accept-encoding"), "gzip, br, zstd");
	}
	visit_leave(v);
	v = decompressing("{codings: [br]}");
	ck_assert_int_eq(post(v, "gzip", 100), ANSWERED);
	visit_assert_answer(v, 415, "coding_unsupported");
	ck_assert_str_eq(visit_answered(v, "accept-encoding"), "br");
	visit_leave(v);
}
END_TEST

START_TEST(digests_of_what_was_sent_go)
{
	struct visit *v = decompressing("{}");
	write_letters(10);
	size_t n = encode("gzip", 10);
	visit_begin(v, "POST", "/");
	visit_field(v, REQ, "Content-Encoding", "gzip");
	visit_field(v, REQ, "Content-Digest", "sha-256=:x:");
	ck_assert_int_eq(sluice_test_send_bytes(v->x, coded, n), PASSED);
	ck_assert_str_eq(visit_sent(v, "content-digest"), "");
	visit_leave(v);
}
END_TEST

/* Zeros: a thousand to one by gzip, more by the others. */
START_TEST(bombs_are_refused_by_their_density)
{
	struct visit *v = decompressing("{maximumBytes: 1073741824}");
	memset(plain, 0, BYTES_MAX);
	for (size_t i = 0; i < COUNT(codings); i++) {
		ck_assert_int_eq(post(v, codings[i], encode(codings[i], BYTES_MAX)), ANSWERED);
		visit_assert_answer(v, 413, "decompression_bomb");
		/* 64 KiB may be as dense as they like. */
		ck_assert_int_eq(post(v, codings[i], encode(codings[i], 65536)), PASSED);
		assert_sent(v, 65536);
	}
	visit_leave(v);
}
END_TEST

START_TEST(the_largest_content_passes_and_no_larger)
{
	struct visit *v = decompressing("{maximumBytes: 5000}");
	write_letters(5001);
	for (size_t i = 0; i < COUNT(codings); i++) {
		ck_assert_int_eq(post(v, codings[i], encode(codings[i], 5000)), PASSED);
		assert_sent(v, 5000);
		ck_assert_int_eq(post(v, codings[i], encode(codings[i], 5001)), ANSWERED);
		visit_assert_answer(v, 413, "decompressed_too_large");
	}
	visit_leave(v);
}
END_TEST

START_TEST(content_that_is_cut_or_damaged_is_refused)
{
	struct visit *v = decompressing("{}");
	write_letters(20000);
	for (size_t i = 0; i < COUNT(codings); i++) {
		size_t n = encode(codings[i], 20000);
		for (size_t cut = 1; cut < n; cut += 997) {
			ck_assert_int_eq(post(v, codings[i], cut), ANSWERED);
			visit_assert_answer(v, 400, "coding_damaged");
		}
		coded[n] = 'x';
		ck_assert_int_eq(post(v, codings[i], n + 1), ANSWERED);
		visit_assert_answer(v, 400, "coding_damaged");
		memset(coded, '{', 100);
		ck_assert_int_eq(post(v, codings[i], 100), ANSWERED);
		visit_assert_answer(v, 400, "coding_damaged");
	}
	visit_leave(v);
}
END_TEST

START_TEST(a_checksum_that_is_wrong_is_damage)
{
	struct visit *v = decompressing("{}");
	write_letters(20000);
	size_t n = encode("gzip", 20000);
	coded[n - 8] ^= 1;
	ck_assert_int_eq(post(v, "gzip", n), ANSWERED);
	visit_assert_answer(v, 400, "coding_damaged");
	visit_leave(v);
}
END_TEST

START_TEST(members_follow_one_another)
{
	struct visit *v = decompressing("{}");
	size_t n = 0;
	write_letters(300);
	for (size_t i = 0; i < 300; i += 100)
		n += gzip(plain + i, 100, coded + n);
	n += gzip(plain, 0, coded + n);
	for (size_t split = 0; split < 3; split++) {
		sluice_test_split(v->t, split);
		ck_assert_int_eq(post(v, "gzip", n), PASSED);
		assert_sent(v, 300);
	}
	n = 0;
	for (size_t i = 0; i < 300; i += 100)
		n += ZSTD_compress(coded + n, 1000, plain + i, 100, 3);
	ck_assert_int_eq(post(v, "zstd", n), PASSED);
	assert_sent(v, 300);
	visit_leave(v);
}
END_TEST

/* Twenty bytes each by gzip, nine by zstd: they cost what is read of them, and nothing comes out. */
START_TEST(members_may_be_empty)
{
	struct visit *v = decompressing("{}");
	size_t n = 0, one = gzip(plain, 0, coded);
	write_letters(100);
	for (; n < 10000 * one; n += one)
		memmove(coded + n, coded, one);
	n += gzip(plain, 100, coded + n);
	ck_assert_int_eq(post(v, "gzip", n), PASSED);
	assert_sent(v, 100);
	for (n = 0, one = ZSTD_compress(coded, 1000, plain, 0, 3); n < 10000 * one; n += one)
		memmove(coded + n, coded, one);
	ck_assert_int_eq(post(v, "zstd", n), PASSED);
	assert_sent(v, 0);
	visit_leave(v);
}
END_TEST

/* One layer is taken off: what is below is content, whatever it looks like. */
START_TEST(what_is_coded_twice_is_decoded_once)
{
	static char inner[4096];
	struct visit *v = decompressing("{}");
	write_letters(1000);
	size_t n = gzip(plain, 1000, inner);
	memcpy(plain, inner, n);
	ck_assert_int_eq(post(v, "gzip", gzip(inner, n, coded)), PASSED);
	assert_sent(v, n);
	visit_leave(v);
}
END_TEST

/* What the library would read beyond RFC 8878: alone, and behind a magic number that breaks off. */
START_TEST(frames_of_before_the_standard_are_damaged)
{
	static const char *const frames[] = {"\x25\xb5\x2f\xfd\x04\xc3\x2a\xc8",
		"\x28\x25\xb5\x2f\xfd\x04\xc3\x2a\xc8",
		"\x28\xb5\x2f\x27\xb5\x2f\xfd\x04\xc3\x2a\xc8"};
	struct visit *v = decompressing("{}");
	for (size_t i = 0; i < COUNT(frames) * 3; i++) {
		const char *frame = frames[i / 3];
		sluice_test_split(v->t, i % 3);
		memcpy(coded, frame, strlen(frame));
		ck_assert_int_eq(post(v, "zstd", strlen(frame)), ANSWERED);
		ck_assert_int_eq(sluice_test_status(v->x), 400);
	}
	visit_leave(v);
}
END_TEST

/* Frames to be skipped say nothing, wherever they stand. */
START_TEST(frames_to_be_skipped_are_skipped)
{
	static const char skipped[] = "\x5f\x2a\x4d\x18\x03\0\0\0xyz";
	struct visit *v = decompressing("{}");
	size_t n = sizeof(skipped) - 1;
	write_letters(100);
	memcpy(coded, skipped, n);
	n += ZSTD_compress(coded + n, 1000, plain, 100, 3);
	memcpy(coded + n, skipped, sizeof(skipped) - 1);
	n += sizeof(skipped) - 1;
	for (size_t split = 0; split < 3; split++) {
		sluice_test_split(v->t, split);
		ck_assert_int_eq(post(v, "zstd", n), PASSED);
		assert_sent(v, 100);
	}
	visit_leave(v);
}
END_TEST

/* A frame that says it needs 512 MiB to be read. */
START_TEST(a_window_that_is_too_large_is_refused)
{
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\x98\x01\x00\x00";
	struct visit *v = decompressing("{}");
	memcpy(coded, frame, sizeof(frame) - 1);
	ck_assert_int_eq(post(v, "zstd", sizeof(frame) - 1), ANSWERED);
	ck_assert_int_ge(sluice_test_status(v->x), 400);
	ck_assert_int_lt(sluice_test_status(v->x), 500);
	visit_leave(v);
}
END_TEST

START_TEST(refuses_configurations_that_make_no_sense)
{
	assert_refused(PLUGIN, NAME, "{codings: [deflate]}", "config.codings[0]", NULL);
	assert_refused(PLUGIN, NAME, "{maximumBytes: 0}", "config.maximumBytes", "at least 1");
	assert_refused(PLUGIN, NAME, "{maximumRatio: 0}", "config.maximumRatio", "at least 1");
	assert_refused(PLUGIN, NAME, "{maxRatio: 5}", "config.maxRatio", NULL);
	assert_refused(PLUGIN, NAME, "{requests: false}", "config.requests", "nothing");
}
END_TEST

/* --- responses ------------------------------------------------------------------------------- */
#define RESPONSES "{requests: false, responses: true}"

static void ask(struct visit *v, const char *method, const char *accept)
{
	visit_begin(v, method, "/");
	if (accept)
		visit_field(v, REQ, "Accept-Encoding", accept);
}

/* The answer to a GET: `n` bytes that say they are of that coding. */
static enum sluice_test_outcome answer(struct visit *v, int status, const char *coding, size_t n)
{
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	visit_field(v, RSP, "Content-Encoding", coding);
	visit_field(v, RSP, "ETag", "\"1\"");
	return sluice_test_answer_bytes(v->x, status, coded, n);
}

static void assert_answered(struct visit *v, size_t n)
{
	ck_assert_str_eq(visit_answered(v, "content-encoding"), "");
	ck_assert_str_eq(visit_answered(v, "etag"), "W/\"1\"");
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, RSP), n);
	ck_assert_mem_eq(sluice_test_body(v->x, RSP), plain, n);
}

START_TEST(responses_come_as_what_they_say)
{
	struct visit *v = decompressing(RESPONSES);
	write_letters(300000);
	for (size_t i = 0; i < COUNT(codings); i++)
		for (size_t split = 0; split < 2000; split += 999) {
			sluice_test_split(v->t, split);
			size_t n = encode(codings[i], 300000);
			ask(v, "GET", NULL);
			ck_assert_int_eq(answer(v, 200, codings[i], n), PASSED);
			assert_answered(v, 300000);
		}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "decompressed_responses"), 9);
	/* Requests are not its business. */
	ck_assert_int_eq(post(v, "deflate", 100), PASSED);
	visit_leave(v);
}
END_TEST

START_TEST(upstreams_are_asked_for_what_can_be_read)
{
	static const struct {
		const char *method, *range, *accept, *sent;
	} rows[] = {
		{"GET", NULL, NULL, ""},
		{"GET", NULL, "gzip, deflate, br;q=0.5, *;q=0.1", "gzip, br;q=0.5"},
		{"GET", NULL, "deflate, identity;q=0", "identity"},
		{"GET", NULL, "", "identity"},
		{"GET", "bytes=0-9", "gzip", "identity"},
		{"HEAD", NULL, "gzip", "identity"},
	};
	struct visit *v = decompressing(RESPONSES);
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(v, rows[i].method, rows[i].accept);
		if (rows[i].range)
			visit_field(v, REQ, "Range", rows[i].range);
		ck_assert_int_eq(visit_send(v, NULL), PASSED);
		ck_assert_str_eq(visit_sent(v, "accept-encoding"), rows[i].sent);
	}
	visit_leave(v);
}
END_TEST

START_TEST(an_upstream_is_refused_for_what_a_client_would_be)
{
	struct visit *v = decompressing("{responses: true}");
	write_letters(20000);
	memset(plain + 20000, 0, BYTES_MAX - 20000);
	for (size_t i = 0; i < COUNT(codings); i++) {
		ask(v, "GET", NULL);
		ck_assert_int_eq(
			answer(v, 200, codings[i], encode(codings[i], 20000) / 2), ANSWERED);
		visit_assert_answer(v, 502, "coding_damaged");
		ask(v, "GET", NULL);
		ck_assert_int_eq(
			answer(v, 200, codings[i], encode(codings[i], BYTES_MAX)), ANSWERED);
		visit_assert_answer(v, 502, "decompression_bomb");
		ck_assert_ptr_null(sluice_test_violation(v->x));
	}
	static const char *const others[] = {"deflate", "gzip, gzip", "aes128gcm"};
	for (size_t i = 0; i < COUNT(others); i++) {
		ask(v, "GET", NULL);
		ck_assert_int_eq(answer(v, 200, others[i], 100), ANSWERED);
		visit_assert_answer(v, 502, "coding_unsupported");
		ck_assert_str_eq(visit_answered(v, "accept-encoding"), "");
	}
	visit_leave(v);
}
END_TEST

START_TEST(parts_and_empty_answers_stay_as_they_are)
{
	static const int statuses[] = {204, 206, 304};
	struct visit *v = decompressing(RESPONSES);
	write_letters(100);
	for (size_t i = 0; i < COUNT(statuses); i++) {
		ask(v, "GET", NULL);
		size_t n = statuses[i] == 206 ? encode("gzip", 100) / 2 : 0;
		ck_assert_int_eq(answer(v, statuses[i], "gzip", n), PASSED);
		ck_assert_str_eq(visit_answered(v, "content-encoding"), "gzip");
		ck_assert_uint_eq(sluice_test_body_bytes(v->x, RSP), n);
	}
	ask(v, "HEAD", NULL);
	ck_assert_int_eq(answer(v, 200, "gzip", 0), PASSED);
	ck_assert_str_eq(visit_answered(v, "content-encoding"), "gzip");
	visit_leave(v);
}
END_TEST

/* Whatever fails, what goes on is all that was said, or nothing passes. */
static void scenario(void *arg)
{
	struct visit *v = visit_try(PLUGIN, NAME, "{}");
	if (!sluice_test_problems(v->t)[0]) {
		size_t n = encode(arg, 50000);
		if (post(v, arg, n) == SLUICE_TEST_PASSED)
			assert_sent(v, 50000);
	}
	visit_leave(v);
}

static void scenario_of_responses(void *arg)
{
	struct visit *v = visit_try(PLUGIN, NAME, RESPONSES);
	if (!sluice_test_problems(v->t)[0]) {
		size_t n = encode(arg, 50000);
		ask(v, "GET", "gzip, br, zstd");
		if (visit_send(v, NULL) == SLUICE_TEST_PASSED) {
			visit_field(v, RSP, "Content-Encoding", arg);
			visit_field(v, RSP, "ETag", "\"1\"");
			if (sluice_test_answer_bytes(v->x, 200, coded, n) == SLUICE_TEST_PASSED)
				assert_answered(v, 50000);
		}
	}
	visit_leave(v);
}

START_TEST(no_fault_passes_for_content)
{
	static char names[][8] = {"gzip", "br", "zstd"};
	write_letters(50000);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_faults(scenario, names[i]);
		assert_faults(scenario_of_responses, names[i]);
	}
}
END_TEST

UNIT_SUITE(decompression, each_coding_goes_on_as_what_it_says, what_has_no_coding_passes_untouched,
	other_codings_and_several_are_refused, digests_of_what_was_sent_go,
	bombs_are_refused_by_their_density, the_largest_content_passes_and_no_larger,
	content_that_is_cut_or_damaged_is_refused, a_checksum_that_is_wrong_is_damage,
	members_follow_one_another, members_may_be_empty, what_is_coded_twice_is_decoded_once,
	frames_of_before_the_standard_are_damaged, frames_to_be_skipped_are_skipped,
	a_window_that_is_too_large_is_refused, responses_come_as_what_they_say,
	upstreams_are_asked_for_what_can_be_read, an_upstream_is_refused_for_what_a_client_would_be,
	parts_and_empty_answers_stay_as_they_are, refuses_configurations_that_make_no_sense,
	no_fault_passes_for_content)
