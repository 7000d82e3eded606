/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/prng.h"

#include <stdio.h>

/* The first outputs of the published reference implementation for the state 1, 2, 3, 4. */
START_TEST(is_xoshiro256_starstar)
{
	static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
	struct prng r = {{1, 2, 3, 4}};
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(prng_next(&r), expected[i]);
}
END_TEST

START_TEST(two_seeds_differ)
{
	struct prng a, b;
	prng_seed(&a);
	prng_seed(&b);
	ck_assert(memcmp(&a, &b, sizeof(a)) != 0);
	ck_assert_uint_ne(prng_next(&a), prng_next(&b));
}
END_TEST

START_TEST(uuids_have_the_form_of_version_4)
{
	struct prng r;
	char last[UUID_BYTES] = {0};
	prng_seed(&r);
	for (int i = 0; i < 1000; i++) {
		char id[UUID_BYTES];
		prng_uuid(&r, id);
		for (int k = 0; k < UUID_BYTES; k++) {
			bool is_dash = k == 8 || k == 13 || k == 18 || k == 23;
			ck_assert(
				is_dash ? id[k] == '-' : strchr("0123456789abcdef", id[k]) != NULL);
		}
		ck_assert_int_eq(id[14], '4');
		ck_assert(strchr("89ab", id[19]) != NULL);
		ck_assert(memcmp(id, last, UUID_BYTES) != 0);
		memcpy(last, id, UUID_BYTES);
	}
}
END_TEST

START_TEST(uuids_are_the_random_bits_in_hexadecimal)
{
	for (uint64_t seed = 1; seed < 300; seed++) {
		struct prng r = {{seed * 0x9e3779b97f4a7c15, seed, ~seed, seed << 32}}, same = r;
		char id[UUID_BYTES], expected[UUID_BYTES + 1];
		prng_uuid(&r, id);
		uint64_t high = prng_next(&same), low = prng_next(&same);
		snprintf(expected, sizeof(expected), "%08x-%04x-4%03x-%04x-%012llx",
			(unsigned)(high >> 32), (unsigned)(high >> 16) & 0xffff,
			(unsigned)high & 0xfff, ((unsigned)(low >> 48) & 0x3fff) | 0x8000,
			(unsigned long long)low & 0xffffffffffff);
		ck_assert_mem_eq(id, expected, UUID_BYTES);
	}
}
END_TEST

UNIT_SUITE(prng, is_xoshiro256_starstar, two_seeds_differ, uuids_have_the_form_of_version_4,
	uuids_are_the_random_bits_in_hexadecimal)
