/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "crypto/crypto.h"

/* RFC 4648 section 10, and bytes above 127. */
static const struct {
	struct str plain, encoded;
} pairs[] = {
	{STR(""), STR("")},
	{STR("f"), STR("Zg==")},
	{STR("fo"), STR("Zm8=")},
	{STR("foo"), STR("Zm9v")},
	{STR("foob"), STR("Zm9vYg==")},
	{STR("fooba"), STR("Zm9vYmE=")},
	{STR("foobar"), STR("Zm9vYmFy")},
	{STR("\xff\xef\xbe\xfb\xff"), STR("/+++"
					  "+/8=")},
};

START_TEST(encodes_and_decodes_the_published_vectors)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char out[16];
		size_t n = base64_encode(pairs[i].plain, out);
		ck_assert(str_eq(str_n(out, n), pairs[i].encoded));
		ck_assert_int_eq(base64_decode(pairs[i].encoded, out, &n), RC_OK);
		ck_assert(str_eq(str_n(out, n), pairs[i].plain));
	}
}
END_TEST

START_TEST(refuses_everything_but_the_one_encoding)
{
	static const struct str bad[] = {STR("Z"), STR("Zg"), STR("Zg="), STR("Zm9v="), STR("===="),
		STR("Z==="), STR("=g=="), STR("Z=g="), STR("Zg==Zg=="), STR("Zm8=Zm9v"),
		STR("Zm9 "), STR("Zm9\n"), STR("Zm9v\n"), STR("Zm-_"), STR("Zm9\0"), STR("Zm9\xc3"),
		/* bits that belong to no byte */
		STR("Zh=="), STR("Zv=="), STR("Zm9="), STR("Zm+=")};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char out[8];
		size_t n = 77;
		ck_assert_msg(base64_decode(bad[i], out, &n) == RC_INVALID, "accepted \"%.*s\"",
			STR_ARG(bad[i]));
		ck_assert_uint_eq(n, 77);
	}
}
END_TEST

START_TEST(reads_the_alphabet_for_urls)
{
	static const struct {
		struct str encoded, plain;
	} good[] = {{STR(""), STR("")}, {STR("Zg"), STR("f")}, {STR("Zm8"), STR("fo")},
		{STR("Zm9v"), STR("foo")}, {STR("-_-_"), STR("\xfb\xff\xbf")}};
	static const struct str bad[] = {STR("Z"), STR("Zm9vZ"), STR("Zg=="), STR("Zm8="),
		STR("+_-_"), STR("-/-_"), STR("Zm9v\n"), STR(" Zm9"), STR("Zm9v."), STR("Zh"),
		STR("Zm9"), STR("Zg\0\0")};
	char out[16];
	size_t n = 77;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(base64url_decode(bad[i], out, &n) == RC_INVALID && n == 77,
			"accepted \"%.*s\"", STR_ARG(bad[i]));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(base64url_decode(good[i].encoded, out, &n), RC_OK);
		ck_assert(str_eq(str_n(out, n), good[i].plain));
	}
}
END_TEST

START_TEST(every_single_byte_survives)
{
	size_t wrong = 0;
	for (int c = 0; c < 256; c++) {
		char byte = (char)c, encoded[4], decoded[3];
		size_t n = base64_encode(str_n(&byte, 1), encoded);
		wrong += base64_decode(str_n(encoded, n), decoded, &n) != RC_OK || n != 1 ||
			 decoded[0] != byte;
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(a_character_counts_in_its_own_alphabet)
{
	const struct str both =
		STR("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
	size_t wrong = 0, n;
	for (int c = 0; c < 256; c++) {
		if (c == '=')
			continue; /* it stands for none */
		char text[4] = {'A', 'A', 'A', (char)c}, standard[3], url[3];
		size_t value = str_index(both, (char)c);
		bool is_standard = value < both.n || c == '+' || c == '/';
		bool is_url = value < both.n || c == '-' || c == '_';
		value = value < both.n ? value : c == '+' || c == '-' ? 62 : 63;
		wrong += (base64_decode(str_n(text, 4), standard, &n) == RC_OK) != is_standard;
		wrong += (base64url_decode(str_n(text, 4), url, &n) == RC_OK) != is_url;
		wrong += is_standard && standard[2] != (char)value;
		wrong += is_url && url[2] != (char)value;
	}
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

UNIT_SUITE(base64, encodes_and_decodes_the_published_vectors,
	refuses_everything_but_the_one_encoding, reads_the_alphabet_for_urls,
	every_single_byte_survives, a_character_counts_in_its_own_alphabet)
