/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "sluice/crypto.h"

static const struct sluice_crypto_service *crypto_of(struct rig *r)
{
	const struct sluice_crypto_service *c =
		registry_service(r->registry, SLUICE_CRYPTO_SERVICE);
	ck_assert(SLUICE_HAS(c, keyed_hash));
	return c;
}

START_TEST(digests_compares_and_decodes)
{
	struct rig *r = rig_new(1);
	const struct sluice_crypto_service *c = crypto_of(r);
	uint8_t digest[32];
	c->sha256(SLUICE_STR("abc"), digest);
	static const uint8_t start[] = {0xba, 0x78, 0x16, 0xbf}; /* FIPS 180-2, B.1 */
	ck_assert_int_eq(memcmp(digest, start, sizeof(start)), 0);
	ck_assert_int_eq(c->constant_time_equal(SLUICE_STR("abc"), SLUICE_STR("abc")), 1);
	ck_assert_int_eq(c->constant_time_equal(SLUICE_STR("abc"), SLUICE_STR("abd")), 0);
	ck_assert_int_eq(c->constant_time_equal(SLUICE_STR("abc"), SLUICE_STR("abcd")), 0);
	char out[16];
	ck_assert_int_eq(c->base64_decode(SLUICE_STR("YW5uOng="), out), 5);
	ck_assert_int_eq(memcmp(out, "ann:x", 5), 0);
	ck_assert_int_eq(c->base64_decode(SLUICE_STR("YW5uOng"), out), SLUICE_E_INVALID);
	ck_assert_int_eq(c->base64_decode(SLUICE_STR("%%%%"), out), SLUICE_E_INVALID);
	rig_free(r);
}
END_TEST

START_TEST(hashes_with_a_key_and_gives_random_bytes)
{
	struct rig *r = rig_new(1);
	const struct sluice_crypto_service *c = crypto_of(r);
	/* The first vector of SipHash's reference implementation: key 00..0f, no input. */
	uint8_t key[16], a[16], b[16];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	ck_assert_uint_eq(c->keyed_hash(key, SLUICE_STR("")), UINT64_C(0x726fdb47dd0e0e31));
	ck_assert_int_eq(c->random(a, sizeof(a)), SLUICE_OK);
	ck_assert_int_eq(c->random(b, sizeof(b)), SLUICE_OK);
	ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
	rig_free(r);
}
END_TEST

UNIT_SUITE(crypto, digests_compares_and_decodes, hashes_with_a_key_and_gives_random_bytes)
