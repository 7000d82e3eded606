/* SPDX-License-Identifier: Apache-2.0 */
/* MACs of tokens, and who judges them. That the comparison takes the same time wherever texts differ is libcrypto's
 * promise of CRYPTO_memcmp, and no clock is needed to see that nothing else is asked: this file puts its own in the
 * place of it, which may lie. */
#include "unit.h"

#include "crypto/crypto.h"
#include "crypto/signature.h"

#include "base/check.h"

#include <openssl/crypto.h>

static struct {
	size_t calls, bytes;
	bool lies;
} judge;

int CRYPTO_memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;
	int differences = 0;
	judge.calls++;
	judge.bytes = n;
	for (size_t i = 0; i < n; i++)
		differences |= x[i] ^ y[i];
	return judge.lies ? !differences : differences;
}

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Of "abc", by another program (openssl). */
static const struct {
	enum signature_algorithm algorithm;
	size_t bytes;
	const char *mac;
} rows[] = {
	{SIGNATURE_HS256, 32, "QJTpVL2j+geYJrmhNTiG7WgO5FV3x0BaGK1ABFYvLjM="},
	{SIGNATURE_HS384, 48, "+uGPXAWXshuuTxJY6p/lLxEThEKiaSQUTrQ0qFZ13fAFB8YiV+qp6RAcHey8CDER"},
	{SIGNATURE_HS512, 64,
		"pHbV3fOy8VRrMH90iqEJEUPZSkARS8myQ7FLcYlWbRTabGj5XkEiRrMZTdbcq8qeKpsBNJX/k6iDu/"
		"mREyZC3w=="},
};

static struct str mac_of(size_t row, char out[100])
{
	size_t n;
	ck_assert_int_eq(base64_decode(str_of(rows[row].mac), out, &n), RC_OK);
	ck_assert_uint_eq(n, rows[row].bytes);
	return str_n(out, n);
}

static struct verify_key *key_of(const char *secret)
{
	struct verify_key *key;
	ck_assert_int_eq(verify_key_of_secret(str_of(secret), false, &key), RC_OK);
	return key;
}

/* What was prepared for one text knows nothing of the one before. */
START_TEST(a_secret_is_prepared_once_for_many_texts)
{
	struct verify_key *key = key_of(KEY), *other = key_of(KEY "0");
	char room[100];
	for (int i = 0; i < 3; i++) {
		for (size_t row = 0; row < ARRAY_COUNT(rows); row++) {
			struct str mac = mac_of(row, room);
			enum signature_algorithm a = rows[row].algorithm;
			ck_assert_int_eq(signature_check(key, a, STR("abc"), mac), RC_OK);
			ck_assert_int_eq(signature_check(key, a, STR("abd"), mac), RC_INVALID);
			ck_assert_int_eq(signature_check(key, a, STR_EMPTY, mac), RC_INVALID);
			ck_assert_int_eq(signature_check(other, a, STR("abc"), mac), RC_INVALID);
		}
	}
	verify_key_free(key);
	verify_key_free(other);
}
END_TEST

/* All bytes, by one call; and what that says is what counts, even where it lies. */
START_TEST(a_mac_is_judged_by_the_comparison_in_constant_time_alone)
{
	struct verify_key *key = key_of(KEY);
	for (size_t i = 0; i < 3 * ARRAY_COUNT(rows); i++) {
		char room[100];
		size_t row = i / 3, bytes = rows[row].bytes;
		struct str mac = mac_of(row, room);
		const size_t wrong_at[] = {0, bytes / 2, bytes - 1};
		judge.calls = 0;
		ck_assert_int_eq(signature_check(key, rows[row].algorithm, STR("abc"), mac), RC_OK);
		room[wrong_at[i % 3]] ^= 1;
		ck_assert_int_eq(
			signature_check(key, rows[row].algorithm, STR("abc"), mac), RC_INVALID);
		judge.lies = true;
		ck_assert_int_eq(signature_check(key, rows[row].algorithm, STR("abc"), mac), RC_OK);
		room[wrong_at[i % 3]] ^= 1;
		ck_assert_int_eq(
			signature_check(key, rows[row].algorithm, STR("abc"), mac), RC_INVALID);
		judge.lies = false;
		ck_assert_uint_eq(judge.calls, 4);
		ck_assert_uint_eq(judge.bytes, bytes);
	}
	verify_key_free(key);
}
END_TEST

/* As policies have it (sluice.crypto/1). */
START_TEST(texts_are_judged_by_it_too)
{
	judge.calls = 0;
	ck_assert(!constant_time_equal(STR("secret"), STR("Secret")));
	judge.lies = true;
	ck_assert(constant_time_equal(STR("secret"), STR("Secret")));
	ck_assert(!constant_time_equal(STR("secret"), STR("secret")));
	judge.lies = false;
	ck_assert_uint_eq(judge.calls, 3);
	ck_assert_uint_eq(judge.bytes, 6);
}
END_TEST

UNIT_SUITE(signature, a_secret_is_prepared_once_for_many_texts,
	a_mac_is_judged_by_the_comparison_in_constant_time_alone, texts_are_judged_by_it_too)
