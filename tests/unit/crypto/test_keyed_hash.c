/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "crypto/crypto.h"

/* The vectors of the paper's authors: key 00..0f, input 00..n-1, for the lengths 0, 1, 7, 8, 9,
 * 15, 63. That of 15 bytes also stands in the paper's appendix A. */
START_TEST(hashes_the_published_vectors)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {
		{0, 0x726fdb47dd0e0e31},
		{1, 0x74f839c593dc67fd},
		{7, 0xab0200f58b01d137},
		{8, 0x93f5f5799a932462},
		{9, 0x9e0082df0ba9e4b0},
		{15, 0xa129ca6149be45e5},
		{63, 0x958a324ceb064572},
	};
	uint8_t key[16];
	char in[64];
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	memcpy(key, in, sizeof(key));
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		ck_assert_uint_eq(keyed_hash(key, str_n(in, vectors[i].n)), vectors[i].hash);
}
END_TEST

START_TEST(another_key_is_another_hash)
{
	uint8_t key[16] = {0};
	uint64_t before = keyed_hash(key, STR("a key of a table"));
	key[15] = 1;
	ck_assert_uint_ne(keyed_hash(key, STR("a key of a table")), before);
	ck_assert_uint_ne(keyed_hash(key, STR("a key of a tablf")), before);
}
END_TEST

UNIT_SUITE(keyed_hash, hashes_the_published_vectors, another_key_is_another_hash)
