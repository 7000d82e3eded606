/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "crypto/crypto.h"

START_TEST(compares_all_bytes)
{
	ck_assert(constant_time_equal(STR("secret"), STR("secret")));
	ck_assert(constant_time_equal(STR_EMPTY, STR("")));
	ck_assert(!constant_time_equal(STR("secret"), STR("Secret")));
	ck_assert(!constant_time_equal(STR("secret"), STR("secreT")));
	ck_assert(!constant_time_equal(STR("secret"), STR("secre")));
	ck_assert(!constant_time_equal(STR("secret"), STR_EMPTY));
}
END_TEST

START_TEST(random_bytes_differ_each_time)
{
	uint8_t a[300] = {0}, b[300] = {0};
	ck_assert_int_eq(random_bytes(a, sizeof(a)), RC_OK);
	ck_assert_int_eq(random_bytes(b, sizeof(b)), RC_OK);
	ck_assert_mem_ne(a, b, sizeof(a));
	/* The last bytes as well: 44 zeros by chance are out of the question. */
	ck_assert_mem_ne(a + 256, (uint8_t[44]){0}, 44);
	ck_assert_int_eq(random_bytes(a, 0), RC_OK);
}
END_TEST

START_TEST(cleansed_memory_is_not_what_it_was)
{
	char secret[] = "a password";
	cleanse(secret, sizeof(secret) - 1);
	for (size_t i = 0; i < sizeof(secret); i++)
		ck_assert_int_eq(secret[i], 0);
}
END_TEST

UNIT_SUITE(secret, compares_all_bytes, random_bytes_differ_each_time,
	cleansed_memory_is_not_what_it_was)
