/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "package/signature.h"

#include <stdio.h>

/* RFC 8032, 7.1, TEST 2: a seed, its public key, and the signature of the byte 0x72. */
static const uint8_t SEED[ED25519_KEY_BYTES] = {0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda,
	0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e, 0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6,
	0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8, 0xa6, 0xfb};
static const uint8_t POINT[ED25519_KEY_BYTES] = {0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a,
	0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96,
	0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c};
static const uint8_t SIGNATURE[ED25519_SIGNATURE_BYTES] = {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca,
	0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f, 0x64, 0x25, 0x40, 0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50,
	0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda, 0x08, 0x5a, 0xc1, 0xe4, 0x3e,
	0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c, 0x38, 0x7b, 0x2e, 0xae,
	0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00};

START_TEST(ed25519_is_that_of_rfc_8032)
{
	uint8_t point[ED25519_KEY_BYTES], signature[ED25519_SIGNATURE_BYTES];
	ed25519_public(SEED, point);
	ck_assert_mem_eq(point, POINT, sizeof(POINT));
	ed25519_sign(SEED, STR("\x72"), signature);
	ck_assert_mem_eq(signature, SIGNATURE, sizeof(SIGNATURE));
	ck_assert(ed25519_verify(POINT, STR("\x72"), SIGNATURE));
	ck_assert(!ed25519_verify(POINT, STR("\x73"), SIGNATURE));
}
END_TEST

START_TEST(blake2b_is_that_of_rfc_7693)
{
	static const uint8_t start[] = {0xba, 0x80, 0xa5, 0x3f, 0x98, 0x1c, 0x4d, 0x0d};
	uint8_t out[BLAKE2B_512_BYTES];
	blake2b_512(STR("abc"), out);
	ck_assert_mem_eq(out, start, sizeof(start));
}
END_TEST

static struct signing_key key(uint8_t id)
{
	struct signing_key k = {.public_key.id = {id, 2, 3, 4, 5, 6, 7, 8}};
	memcpy(k.seed, SEED, sizeof(SEED));
	k.seed[0] = id;
	ed25519_public(k.seed, k.public_key.point);
	return k;
}

static struct buffer signature_of(const struct signing_key *k, struct str file)
{
	struct buffer out;
	buffer_init(&out, SIGNATURE_TEXT_BYTES_MAX);
	signature_write(k, file, STR("for the test"), &out);
	return out;
}

static enum rc verify(const struct signing_key *k, struct str file, struct str text, char *message)
{
	struct str comment;
	return signature_verify(&k->public_key, 1, file, text, NULL, &comment, message, 200);
}

START_TEST(one_of_several_keys_has_signed)
{
	struct signing_key a = key(1), b = key(0xab);
	struct signature_key keys[] = {a.public_key, b.public_key};
	struct buffer text = signature_of(&b, STR("the file"));
	struct str comment;
	size_t by = 9;
	char message[200] = "";
	ck_assert_int_eq(signature_verify(keys, 2, STR("the file"), buffer_str(&text), &by,
				 &comment, message, sizeof(message)),
		RC_OK);
	ck_assert_uint_eq(by, 1);
	assert_str(comment, "for the test");
	ck_assert_int_eq(verify(&a, STR("the file"), buffer_str(&text), message), RC_NOT_FOUND);
	ck_assert_str_eq(
		message, "signed with the key 08070605040302AB, which is not trusted here");
	ck_assert_int_eq(verify(&b, STR("the File"), buffer_str(&text), message), RC_INVALID);
	ck_assert_str_eq(message, "these are not the bytes that were signed");
	buffer_deinit(&text);
}
END_TEST

/* Behind the first line, which nobody signs, no bit can be another and no byte be missing. */
START_TEST(a_changed_signature_is_none)
{
	struct signing_key k = key(1);
	struct buffer text = signature_of(&k, STR("the file"));
	char message[200];
	size_t from = str_index(buffer_str(&text), '\n') + 1, accepted = 0;
	for (size_t i = from; i + 1 < text.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			text.p[i] = (char)(text.p[i] ^ (1 << bit));
			accepted +=
				verify(&k, STR("the file"), buffer_str(&text), message) == RC_OK;
			text.p[i] = (char)(text.p[i] ^ (1 << bit));
		}
	for (size_t n = 0; n + 1 < text.n; n++)
		accepted += verify(&k, STR("the file"), str_n(text.p, n), message) == RC_OK;
	ck_assert_uint_eq(accepted, 0);
	ck_assert_int_eq(verify(&k, STR("the file"), buffer_str(&text), message), RC_OK);
	buffer_deinit(&text);
}
END_TEST

START_TEST(a_signature_of_the_older_form_says_so)
{
	char message[200];
	struct signing_key k = key(1);
	struct buffer text = signature_of(&k, STR("the file"));
	size_t from = str_index(buffer_str(&text), '\n') + 1;
	/* "ED" in base64 is "RU" and 4 bits more, "Ed" is "RW". */
	ck_assert_int_eq(text.p[from + 1], 'U');
	text.p[from + 1] = 'W';
	ck_assert_int_eq(verify(&k, STR("the file"), buffer_str(&text), message), RC_INVALID);
	ck_assert_str_eq(message,
		"the signature has the older form, of a file that is not hashed: sign again");
	buffer_deinit(&text);
}
END_TEST

START_TEST(a_public_key_is_read_with_its_comment_and_without)
{
	struct signing_key k = key(7);
	struct signature_key read = {.id = {0}};
	struct buffer text;
	char message[200] = "";
	buffer_init(&text, 1000);
	signature_key_write(&k.public_key, &text);
	struct str line = buffer_str(&text);
	assert_str(str_cut(&line, '\n'), "untrusted comment: minisign public key 0807060504030207");
	ck_assert_int_eq(signature_key_read(buffer_str(&text), &read, message, 200), RC_OK);
	ck_assert_mem_eq(&read, &k.public_key, sizeof(read));
	memset(&read, 0, sizeof(read));
	ck_assert_int_eq(signature_key_read(line, &read, message, 200), RC_OK);
	ck_assert_mem_eq(&read, &k.public_key, sizeof(read));
	ck_assert_int_eq(signature_key_read(STR("hello"), &read, message, 200), RC_INVALID);
	ck_assert_str_eq(message, "is not a public key of minisign's format");
	buffer_deinit(&text);
}
END_TEST

UNIT_SUITE(signature, ed25519_is_that_of_rfc_8032, blake2b_is_that_of_rfc_7693,
	one_of_several_keys_has_signed, a_changed_signature_is_none,
	a_signature_of_the_older_form_says_so, a_public_key_is_read_with_its_comment_and_without)
