/* SPDX-License-Identifier: Apache-2.0 */
#include "client_certificate.h"

#include "base/pool.h"
#include "crypto/certificate.h"

static struct pool *pool;
static struct arena arena;

static void open_arena(size_t bytes)
{
	pool = pool_new();
	arena_init(&arena, pool, bytes);
}

static void close_arena(void)
{
	arena_reset(&arena);
	pool_free(pool);
}

static void assert_name(
	const struct certificate_facts *f, size_t i, enum certificate_name_kind kind, const char *value)
{
	ck_assert_int_eq(f->names[i].kind, kind);
	ck_assert(str_eq(f->names[i].value, str_of(value)));
}

START_TEST(tells_who_it_is_of)
{
	struct certificate_facts f;
	open_arena(1 << 16);
	ck_assert_int_eq(certificate_read(client_certificate_der(), &arena, &f), RC_OK);
	ck_assert(str_eq(f.subject, STR("CN=till 7,OU=Tills,O=B\xc3\xbc"
					"cher & Co")));
	ck_assert(str_eq(f.issuer, f.subject));
	ck_assert(str_eq(f.common_name, STR("till 7")));
	ck_assert(str_eq(f.serial, STR("0A1B2C3D4E")));
	ck_assert(str_eq(f.fingerprint, STR(CLIENT_CERTIFICATE_SHA256)));
	ck_assert_int_eq(f.not_before_s, 1795945098);
	ck_assert_int_eq(f.not_after_s, 2111305098);
	ck_assert_uint_eq(f.name_count, 5);
	assert_name(&f, 0, CERTIFICATE_DNS, "till-7.shop.example");
	assert_name(&f, 1, CERTIFICATE_URI, "spiffe://shop.example/till/7");
	assert_name(&f, 2, CERTIFICATE_EMAIL, "till7@shop.example");
	assert_name(&f, 3, CERTIFICATE_ADDRESS, "192.0.2.7");
	assert_name(&f, 4, CERTIFICATE_ADDRESS, "2001:db8::7");
	close_arena();
}
END_TEST

START_TEST(refuses_what_is_not_one_certificate)
{
	struct certificate_facts f = {.name_count = 77};
	struct str der = client_certificate_der();
	char longer[1024];
	open_arena(1 << 20);
	memcpy(longer, der.p, der.n);
	longer[der.n] = 0;
	ck_assert_int_eq(certificate_read(str_n(longer, der.n + 1), &arena, &f), RC_INVALID);
	for (size_t n = 0; n < der.n; n++)
		ck_assert_int_eq(certificate_read(str_n(der.p, n), &arena, &f), RC_INVALID);
	ck_assert_uint_eq(f.name_count, 77);
	close_arena();
}
END_TEST

START_TEST(a_spent_arena_is_an_error)
{
	struct certificate_facts f = {.name_count = 77};
	open_arena(64);
	ck_assert_int_eq(certificate_read(client_certificate_der(), &arena, &f), RC_FULL);
	ck_assert_uint_eq(f.name_count, 77);
	close_arena();
}
END_TEST

UNIT_SUITE(certificate, tells_who_it_is_of, refuses_what_is_not_one_certificate,
	a_spent_arena_is_an_error)
