/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#define NAME       "compression"
#define TEXT_BYTES 200000

static char text[TEXT_BYTES + 1];

/* Words in an order that does not repeat: it shrinks, and not to nothing. */
static void write_text(void)
{
	unsigned seed = 7;
	for (size_t i = 0; i < TEXT_BYTES; i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = "etaoin shrdlu,{}:\"0"[seed >> 16 & 15];
	}
}

static struct visit *compressing(const char *config)
{
	write_text();
	return visit_policy(NAME, NAME, config);
}

static void ask(struct visit *v, const char *accept)
{
	visit_begin(v, "GET", "/");
	if (accept)
		visit_field(v, REQ, "Accept-Encoding", accept);
}

/* The answer to a GET is `n` bytes of the text. */
static enum sluice_test_outcome answer(struct visit *v, const char *type, size_t n)
{
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	visit_field(v, RSP, "Content-Type", type);
	return sluice_test_answer_bytes(v->x, 200, text, n);
}

static size_t gunzip(const char *p, size_t n, char *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n};
	ck_assert_int_eq(inflateInit2(&z, 31), Z_OK);
	z.next_out = (Bytef *)out;
	z.avail_out = TEXT_BYTES;
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	inflateEnd(&z);
	return z.total_out;
}

static size_t unbrotli(const char *p, size_t n, char *out)
{
	size_t length = TEXT_BYTES;
	ck_assert_int_eq(BrotliDecoderDecompress(n, (const uint8_t *)p, &length, (uint8_t *)out),
		BROTLI_DECODER_RESULT_SUCCESS);
	return length;
}

static size_t unzstd(const char *p, size_t n, char *out)
{
	/* The frame does not tell its length: piece by piece. */
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = {p, n, 0};
	ZSTD_outBuffer to = {out, TEXT_BYTES, 0};
	size_t left = 1;
	while (left && in.pos < in.size) {
		left = ZSTD_decompressStream(d, &to, &in);
		ck_assert(!ZSTD_isError(left));
	}
	ck_assert_uint_eq(left, 0);
	ZSTD_freeDCtx(d);
	return to.pos;
}

static size_t decode(const char *coding, const char *p, size_t n, char *out)
{
	if (strcmp(coding, "gzip") == 0)
		return gunzip(p, n, out);
	return strcmp(coding, "br") == 0 ? unbrotli(p, n, out) : unzstd(p, n, out);
}

/* What came is the text, in that coding. */
static void assert_coded(struct visit *v, const char *coding, size_t n)
{
	static char out[TEXT_BYTES];
	ck_assert_str_eq(visit_answered(v, "content-encoding"), coding);
	const char *body = sluice_test_body(v->x, RSP);
	size_t coded = sluice_test_body_bytes(v->x, RSP);
	ck_assert_uint_lt(coded, n);
	ck_assert_uint_eq(decode(coding, body, coded, out), n);
	ck_assert_mem_eq(out, text, n);
}

static void assert_plain(struct visit *v, size_t n)
{
	ck_assert_str_eq(visit_answered(v, "content-encoding"), "");
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, RSP), n);
	ck_assert_mem_eq(sluice_test_body(v->x, RSP), text, n);
}

START_TEST(each_coding_at_each_level_gives_the_content_back)
{
	static const struct {
		const char *coding, *level;
		int least, most;
	} rows[] = {{"gzip", "gzipLevel", 1, 9}, {"br", "brotliLevel", 0, 6},
		{"zstd", "zstdLevel", 1, 12}};
	static const size_t lengths[] = {1024, 5000, 70000, TEXT_BYTES};
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int level = rows[i].least; level <= rows[i].most; level++) {
			char config[64];
			snprintf(config, sizeof(config), "{%s: %d}", rows[i].level, level);
			struct visit *v = compressing(config);
			for (size_t k = 0; k < COUNT(lengths); k++) {
				ask(v, rows[i].coding);
				ck_assert_int_eq(answer(v, "text/plain", lengths[k]), PASSED);
				assert_coded(v, rows[i].coding, lengths[k]);
			}
			visit_leave(v);
		}
}
END_TEST

START_TEST(pieces_of_any_size_give_the_content_back)
{
	static const char *const codings[] = {"gzip", "br", "zstd"};
	static const size_t sizes[] = {1, 7, 4096};
	struct visit *v = compressing("{}");
	for (size_t i = 0; i < COUNT(codings); i++)
		for (size_t k = 0; k < COUNT(sizes); k++) {
			sluice_test_split(v->t, sizes[k]);
			ask(v, codings[i]);
			ck_assert_int_eq(answer(v, "text/plain", 3000), PASSED);
			assert_coded(v, codings[i], 3000);
		}
	visit_leave(v);
}
END_TEST

START_TEST(the_clients_weights_decide_then_the_servers_order)
{
	static const struct {
		const char *accept, *coding;
	} rows[] = {{"gzip, br, zstd", "zstd"}, {"br;q=1.0, gzip", "br"},
		{"gzip, br;q=0.9", "gzip"}, {"x-gzip", "gzip"}, {"GZip", "gzip"}, {"*", "zstd"},
		{"*;q=0.5, gzip;q=0.7", "gzip"}, {"zstd;q=0, *", "br"}, {"gzip;q=0", ""},
		{"gzip;q=0.000", ""}, {"*;q=0", ""}, {"identity", ""}, {"", ""}, {NULL, ""},
		{"deflate, compress", ""}, {"gzip;q=0.5, identity", ""},
		{"gzip;q=0.5, identity;q=0.5", "gzip"}, {"gzip;q=0.001", "gzip"}, {"gzip;q=2", ""},
		{"gzip;q=1.001", ""}, {"gzip;q=", ""}, {"gzip;q=0.1234", ""}, {"gzip;level=9", ""},
		{"gzip ; Q=0.8", "gzip"}, {",, gzip,,", "gzip"}, {"gzip;q=1.000", "gzip"},
		{"gzip;q=0,5", ""}};
	struct visit *v = compressing("{}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(v, rows[i].accept);
		ck_assert_int_eq(answer(v, "text/plain", 2000), PASSED);
		ck_assert_msg(strcmp(visit_answered(v, "content-encoding"), rows[i].coding) == 0,
			"%s: %s", rows[i].accept, visit_answered(v, "content-encoding"));
		ck_assert_str_eq(visit_answered(v, "vary"), "Accept-Encoding");
	}
	visit_leave(v);
}
END_TEST

START_TEST(several_fields_are_one_list)
{
	struct visit *v = compressing("{codings: [gzip]}");
	ask(v, "br");
	visit_field(v, REQ, "Accept-Encoding", "gzip");
	ck_assert_int_eq(answer(v, "text/plain", 2000), PASSED);
	assert_coded(v, "gzip", 2000);
	visit_leave(v);
}
END_TEST

START_TEST(leaves_what_is_not_worth_it_or_may_not_be_changed)
{
	static const struct {
		const char *type, *name, *value;
		size_t bytes;
	} rows[] = {{"image/png", NULL, NULL, 5000}, {"", NULL, NULL, 5000},
		{"text/plain", NULL, NULL, 1023}, {"text/plain", "content-encoding", "br", 5000},
		{"text/plain", "cache-control", "public, No-Transform", 5000},
		{"text/plain", "content-range", "bytes 0-4999/9000", 5000},
		{"text/plain", "content-digest", "sha-256=:x:", 5000},
		{"text/plain", "digest", "x", 5000}, {"text/plain", "signature", "x", 5000},
		{"application/grpc", NULL, NULL, 5000}, {"text", NULL, NULL, 5000}};
	struct visit *v = compressing("{}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(v, "gzip");
		ck_assert_int_eq(visit_send(v, NULL), PASSED);
		visit_field(v, RSP, "Content-Type", rows[i].type);
		visit_field(v, RSP, "ETag", "\"1\"");
		if (rows[i].name)
			visit_field(v, RSP, rows[i].name, rows[i].value);
		ck_assert_int_eq(sluice_test_answer_bytes(v->x, 200, text, rows[i].bytes), PASSED);
		ck_assert_uint_eq(sluice_test_body_bytes(v->x, RSP), rows[i].bytes);
		ck_assert_str_eq(visit_answered(v, "etag"), "\"1\"");
		ck_assert_str_eq(visit_answered(v, "vary"), "");
	}
	visit_leave(v);
}
END_TEST

START_TEST(types_are_named_by_their_beginning_or_end)
{
	static const char *const types[] = {"text/html; charset=utf-8", "application/json",
		"application/problem+json", "Application/SOAP+XML", "image/svg+xml"};
	struct visit *v = compressing("{}");
	for (size_t i = 0; i < COUNT(types); i++) {
		ask(v, "gzip");
		ck_assert_int_eq(answer(v, types[i], 2000), PASSED);
		assert_coded(v, "gzip", 2000);
	}
	visit_leave(v);
	v = compressing("{contentTypes: []}");
	ask(v, "gzip");
	ck_assert_int_eq(answer(v, "text/html", 2000), PASSED);
	assert_plain(v, 2000);
	visit_leave(v);
}
END_TEST

START_TEST(the_head_tells_what_has_changed)
{
	static const struct {
		const char *tag, *weak, *vary, *vary_after;
	} rows[] = {{"\"a\"", "W/\"a\"", "Origin", "Origin"}, {"W/\"a\"", "W/\"a\"", "*", "*"},
		{"\"b\"", "W/\"b\"", "origin, accept-ENCODING", "origin, accept-ENCODING"}};
	struct visit *v = compressing("{}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ask(v, "gzip");
		ck_assert_int_eq(visit_send(v, NULL), PASSED);
		visit_field(v, RSP, "Content-Type", "text/plain");
		visit_field(v, RSP, "ETag", rows[i].tag);
		visit_field(v, RSP, "Vary", rows[i].vary);
		visit_field(v, RSP, "Accept-Ranges", "bytes");
		ck_assert_int_eq(sluice_test_answer_bytes(v->x, 200, text, 5000), PASSED);
		assert_coded(v, "gzip", 5000);
		ck_assert_str_eq(visit_answered(v, "etag"), rows[i].weak);
		ck_assert_str_eq(visit_answered(v, "vary"), rows[i].vary_after);
		ck_assert_uint_eq(sluice_test_field_count(v->x, RSP, "vary"), i == 0 ? 2 : 1);
		ck_assert_str_eq(visit_answered(v, "accept-ranges"), "");
	}
	visit_leave(v);
}
END_TEST

START_TEST(what_goes_with_credentials_stays_as_it_is)
{
	static const struct {
		enum sluice_side side;
		const char *name;
	} rows[] = {{REQ, "Authorization"}, {REQ, "Cookie"}, {RSP, "Set-Cookie"}};
	static const char *const configs[] = {"{}", "{compressWithCredentials: true}"};
	for (size_t allowed = 0; allowed < 2; allowed++) {
		struct visit *v = compressing(configs[allowed]);
		for (size_t i = 0; i < COUNT(rows); i++) {
			ask(v, "gzip");
			if (rows[i].side == REQ)
				visit_field(v, REQ, rows[i].name, "s=1");
			ck_assert_int_eq(visit_send(v, NULL), PASSED);
			if (rows[i].side == RSP)
				visit_field(v, RSP, rows[i].name, "s=1");
			visit_field(v, RSP, "Content-Type", "text/plain");
			ck_assert_int_eq(sluice_test_answer_bytes(v->x, 200, text, 5000), PASSED);
			if (allowed)
				assert_coded(v, "gzip", 5000);
			else
				assert_plain(v, 5000);
		}
		visit_leave(v);
	}
}
END_TEST

START_TEST(a_part_of_the_content_stays_as_it_is)
{
	struct visit *v = compressing("{}");
	ask(v, "gzip");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	visit_field(v, RSP, "Content-Type", "text/plain");
	ck_assert_int_eq(sluice_test_answer_bytes(v->x, 206, text, 5000), PASSED);
	assert_plain(v, 5000);
	visit_leave(v);
}
END_TEST

START_TEST(an_answer_without_content_only_varies)
{
	struct visit *v = compressing("{}");
	visit_begin(v, "HEAD", "/");
	visit_field(v, REQ, "Accept-Encoding", "gzip");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	visit_field(v, RSP, "Content-Type", "text/plain");
	ck_assert_int_eq(visit_reply(v, NULL), PASSED);
	ck_assert_str_eq(visit_answered(v, "content-encoding"), "");
	ck_assert_str_eq(visit_answered(v, "vary"), "Accept-Encoding");
	visit_leave(v);
}
END_TEST

START_TEST(the_upstream_may_be_kept_from_compressing)
{
	struct visit *v = compressing("{removeAcceptEncoding: true}");
	ask(v, "br");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_str_eq(visit_sent(v, "accept-encoding"), "");
	visit_field(v, RSP, "Content-Type", "text/plain");
	ck_assert_int_eq(sluice_test_answer_bytes(v->x, 200, text, 5000), PASSED);
	assert_coded(v, "br", 5000);
	visit_leave(v);
	v = compressing("{}");
	ask(v, "br");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_str_eq(visit_sent(v, "accept-encoding"), "br");
	visit_leave(v);
}
END_TEST

START_TEST(counts_responses_and_bytes)
{
	struct visit *v = compressing("{}");
	ask(v, "gzip");
	ck_assert_int_eq(answer(v, "text/plain", 5000), PASSED);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "compressed_responses"), 1);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "compression_bytes_in"), 5000);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "compression_bytes_out"),
		sluice_test_body_bytes(v->x, RSP));
	visit_leave(v);
}
END_TEST

START_TEST(refuses_configurations_that_make_no_sense)
{
	assert_refused(NAME, NAME, "{codings: []}", "config.codings", NULL);
	assert_refused(NAME, NAME, "{codings: [deflate]}", "config.codings[0]", NULL);
	assert_refused(NAME, NAME, "{gzipLevel: 0}", "config.gzipLevel", "at least 1");
	assert_refused(NAME, NAME, "{contentTypes: [text]}", "config.contentTypes[0]", NULL);
	assert_refused(NAME, NAME, "{contentTypes: ['*']}", "config.contentTypes[0]", NULL);
	assert_refused(NAME, NAME, "{contentType: [text/*]}", "config.contentType", "contentTypes");
}
END_TEST

/* Whatever fails, nobody takes what is cut, or not in the coding that is named, for the content. */
static void scenario(void *arg)
{
	struct visit *v = visit_try(NAME, NAME, "{codings: [gzip, br, zstd]}");
	if (!sluice_test_problems(v->t)[0]) {
		ask(v, arg);
		if (visit_send(v, NULL) == SLUICE_TEST_PASSED) {
			visit_field(v, RSP, "Content-Type", "text/plain");
			if (sluice_test_answer_bytes(v->x, 200, text, 150000) ==
				SLUICE_TEST_PASSED) {
				if (visit_answered(v, "content-encoding")[0])
					assert_coded(v, arg, 150000);
				else
					assert_plain(v, 150000);
			}
		}
	}
	visit_leave(v);
}

START_TEST(no_fault_passes_for_content)
{
	static char codings[][8] = {"gzip", "br", "zstd"};
	write_text();
	for (size_t i = 0; i < COUNT(codings); i++)
		assert_faults(scenario, codings[i]);
}
END_TEST

UNIT_SUITE(compression, each_coding_at_each_level_gives_the_content_back,
	pieces_of_any_size_give_the_content_back, the_clients_weights_decide_then_the_servers_order,
	several_fields_are_one_list, leaves_what_is_not_worth_it_or_may_not_be_changed,
	types_are_named_by_their_beginning_or_end, the_head_tells_what_has_changed,
	what_goes_with_credentials_stays_as_it_is, a_part_of_the_content_stays_as_it_is,
	an_answer_without_content_only_varies, the_upstream_may_be_kept_from_compressing,
	counts_responses_and_bytes, refuses_configurations_that_make_no_sense,
	no_fault_passes_for_content)
