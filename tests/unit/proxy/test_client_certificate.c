/* SPDX-License-Identifier: Apache-2.0 */
#include "client_certificate.h"

#include "base/pool.h"
#include "proxy/client_certificate.h"

static struct pool *pool;
static struct arena arena;

static void assert_field(const struct generation_listener *port, const struct http_stream *s,
	const char *received, const char *expected)
{
	pool = pool_new();
	arena_init(&arena, pool, 1 << 18);
	struct str field = client_certificate_field(port, s, str_of(received), &arena);
	ck_assert_msg(str_eq(field, str_of(expected)), "%.*s", STR_ARG(field));
	arena_reset(&arena);
	pool_free(pool);
}

#define HASH "Hash=" CLIENT_CERTIFICATE_SHA256

START_TEST(each_mode_does_as_it_says)
{
	static const struct {
		enum client_cert_mode mode;
		const char *shown, *none; /* with a certificate of the client, and without */
	} rows[] = {
		{CLIENT_CERT_SANITIZE, "", ""},
		{CLIENT_CERT_FORWARD_ONLY, "Hash=1", ""},
		{CLIENT_CERT_APPEND_FORWARD, "Hash=1," HASH, ""},
		{CLIENT_CERT_SANITIZE_SET, HASH, ""},
		{CLIENT_CERT_ALWAYS_FORWARD_ONLY, "Hash=1", "Hash=1"},
	};
	struct http_stream with = {.tls_certificate = client_certificate_der()}, without = {0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct generation_listener port = {.client_cert_mode = rows[i].mode};
		assert_field(&port, &with, "Hash=1", rows[i].shown);
		assert_field(&port, &without, "Hash=1", rows[i].none);
	}
	struct generation_listener port = {.client_cert_mode = CLIENT_CERT_APPEND_FORWARD};
	assert_field(&port, &with, "", HASH);
}
END_TEST

START_TEST(says_what_is_wanted_in_its_order)
{
	struct http_stream s = {.tls_certificate = client_certificate_der()};
	struct generation_listener port = {.client_cert_mode = CLIENT_CERT_SANITIZE_SET,
		.client_cert_details = CLIENT_CERT_SUBJECT | CLIENT_CERT_URI | CLIENT_CERT_DNS};
	assert_field(&port, &s, "",
		HASH ";Subject=\"CN=till 7,OU=Tills,O=B\xc3\xbc"
		     "cher & Co\";URI=spiffe://shop.example/till/7;DNS=till-7.shop.example");
}
END_TEST

/* The texts that OpenSSL would have written, byte by byte. */
START_TEST(whole_certificates_are_encoded_pem)
{
	struct str der = client_certificate_der();
	struct http_stream s = {.tls_certificate = der, .tls_chain = der};
	struct generation_listener port = {.client_cert_mode = CLIENT_CERT_SANITIZE_SET,
		.client_cert_details = CLIENT_CERT_CERT | CLIENT_CERT_CHAIN};
	pool = pool_new();
	arena_init(&arena, pool, 1 << 18);
	struct str field = client_certificate_field(&port, &s, STR_EMPTY, &arena);
	const char *begin = "\"-----BEGIN%20CERTIFICATE-----%0AMIICAjCCAamgAwIBAgIFChssPU4w";
	const char *end = "sl7kJdArU%3D%0A-----END%20CERTIFICATE-----%0A\"";
	size_t cert = str_find(field, STR(";Cert=")), chain = str_find(field, STR(";Chain="));
	ck_assert(cert < chain && chain < field.n);
	struct str first = str_slice(field, cert + 6, chain - cert - 6),
		   both = str_from(field, chain + 7);
	ck_assert(str_starts(first, str_of(begin)) && str_ends(first, str_of(end)));
	ck_assert(str_starts(both, str_of(begin)) && str_ends(both, str_of(end)));
	ck_assert_uint_eq(both.n, 2 * first.n - 2); /* two, in one pair of quotes */
	arena_reset(&arena);
	pool_free(pool);
}
END_TEST

UNIT_SUITE(proxy_client_certificate, each_mode_does_as_it_says, says_what_is_wanted_in_its_order,
	whole_certificates_are_encoded_pem)
