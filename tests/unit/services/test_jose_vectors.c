/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of the RFCs on tokens and keys: each token with its key, with another's, and with one character of it
 * changed. */
#include "unit.h"

#include "rig.h"

#include "base/memory.h"

#include "util/jose_keys.h"

#include <stdio.h>

/* RFC 7515, appendix A: the keys, and what they signed. */
#define A1_KEY                                                                                     \
	"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZ"             \
	"H75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
#define A1_TOKEN                                                                                   \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA"             \
	"4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB9"             \
	"2K27uhbUJU1p1r_wW1gFWFOEjXk"
#define A2_KEY                                                                                     \
	"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W"             \
	"26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwO"             \
	"WvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQO"             \
	"S-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvU"             \
	"K-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQ"             \
	"AB\"}"
#define A2_TOKEN                                                                                   \
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA"             \
	"6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat"             \
	"0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t"             \
	"1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"             \
	"Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv"             \
	"Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77"             \
	"Rw"
#define A3_KEY                                                                                     \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus"             \
	"9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define A3_TOKEN                                                                                   \
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA"             \
	"6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4Ga"             \
	"wxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
#define A4_KEY                                                                                     \
	"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmP"             \
	"k06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1D"             \
	"SNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj"             \
	"2\"}"
#define A4_TOKEN                                                                                   \
	"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cw"             \
	"nZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpR"             \
	"wcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
/* Appendix A.5, which is RFC 7519, section 6.1, too. */
#define A5_TOKEN                                                                                   \
	"eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6"             \
	"Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
/* RFC 8037, appendix A.2 and A.4. */
#define ED_KEY                                                                                     \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiM"             \
	"lrwIaaPcHURo\"}"
#define ED_TOKEN                                                                                   \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnL"             \
	"WG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
/* RFC 7517, appendix A.1 and A.3. */
#define PUBLIC_SET                                                                                 \
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526"             \
	"iDZ8AiTo7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""             \
	",\"use\":\"enc\",\"kid\":\"1\"},{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJ"             \
	"XZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebW"             \
	"KRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGj"             \
	"QR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08"             \
	"qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur"             \
	"-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29"              \
	"\"}]}"
#define SECRET_SET                                                                                 \
	"{\"keys\":[{\"kty\":\"oct\",\"alg\":\"A128KW\",\"k\":\"GawgguFyGrWKav7AX4VKU"             \
	"g\"},{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1"             \
	"qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\",\"kid\":\"HMAC key used in JWS sp"             \
	"ec Appendix A.1 example\"}]}"

static const struct vector {
	const char *where, *key, *token;
	uint32_t algorithm;
} vectors[] = {
	{"RFC 7515 A.1, RFC 7519 3.1", A1_KEY, A1_TOKEN, SLUICE_HS256},
	{"RFC 7515 A.2", A2_KEY, A2_TOKEN, SLUICE_RS256},
	{"RFC 7515 A.3", A3_KEY, A3_TOKEN, SLUICE_ES256},
	{"RFC 7515 A.4", A4_KEY, A4_TOKEN, SLUICE_ES512},
	{"RFC 8037 A.4", ED_KEY, ED_TOKEN, SLUICE_EDDSA},
};

static struct rig *rig;
static const struct sluice_crypto_service *crypto;

static void open_rig(void)
{
	rig = rig_new(1);
	crypto = registry_service(rig->registry, SLUICE_CRYPTO_SERVICE);
}

static struct sluice_str text(const char *s)
{
	return (struct sluice_str){s, strlen(s)};
}

static void read_keys(const char *set, struct jose_keys *keys)
{
	const char *why = "";
	int32_t rc = jose_keys_read(crypto, text(set), keys, &why);
	ck_assert_msg(rc == SLUICE_OK, "%s", why);
}

/* What the keys say of it; SLUICE_E_INVALID for what is no token, too. */
static int32_t judge(const struct jose_keys *keys, const char *token)
{
	static char room[4096];
	struct jose_token t;
	const char *why;
	int32_t rc = jose_token_read(crypto, NULL, text(token), room, &t, &why);
	if (rc != SLUICE_OK)
		return rc;
	rc = jose_keys_check(keys, &t);
	jose_token_deinit(&t);
	return rc;
}

START_TEST(each_token_is_its_keys_and_of_its_algorithm)
{
	char room[4096];
	struct jose_keys keys;
	struct jose_token t;
	const char *why;
	open_rig();
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		read_keys(v->key, &keys);
		ck_assert_msg(judge(&keys, v->token) == SLUICE_OK, "%s", v->where);
		ck_assert_int_eq(
			jose_token_read(crypto, NULL, text(v->token), room, &t, &why), SLUICE_OK);
		ck_assert_uint_eq(t.algorithm, v->algorithm);
		jose_token_deinit(&t);
		for (size_t k = 0; k < ARRAY_COUNT(vectors); k++)
			if (k != i)
				ck_assert_msg(judge(&keys, vectors[k].token) != SLUICE_OK,
					"%s with the key of %s", vectors[k].where, v->where);
		jose_keys_deinit(&keys);
	}
	rig_free(rig);
}
END_TEST

START_TEST(a_token_that_is_changed_is_nobodys)
{
	struct jose_keys keys;
	open_rig();
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		char *token = heap_strdup(vectors[i].token);
		read_keys(vectors[i].key, &keys);
		for (char *c = token; *c; c += 7) {
			char was = *c;
			*c = was == 'A' ? 'B' : 'A';
			ck_assert_msg(judge(&keys, token) != SLUICE_OK, "%s, byte %td",
				vectors[i].where, c - token);
			*c = was;
			if (strlen(c) < 7)
				break;
		}
		jose_keys_deinit(&keys);
		free(token);
	}
	rig_free(rig);
}
END_TEST

START_TEST(what_is_not_signed_is_no_keys)
{
	struct jose_keys keys;
	open_rig();
	for (size_t i = 0; i < ARRAY_COUNT(vectors); i++) {
		read_keys(vectors[i].key, &keys);
		ck_assert_int_eq(judge(&keys, A5_TOKEN), SLUICE_E_NOT_FOUND);
		ck_assert_int_eq(judge(&keys, A5_TOKEN "AAAA"), SLUICE_E_INVALID);
		jose_keys_deinit(&keys);
	}
	rig_free(rig);
}
END_TEST

/* RFC 7517: of the public set one key is for encryption, of the secrets one is for wrapping keys. */
START_TEST(sets_have_the_keys_that_check)
{
	struct jose_keys keys;
	open_rig();
	read_keys(PUBLIC_SET, &keys);
	ck_assert_uint_eq(keys.count, 1);
	ck_assert_uint_eq(keys.passed_over, 1);
	ck_assert_str_eq(keys.items[0].kid, "2011-04-29");
	ck_assert_uint_eq(keys.items[0].algorithm, SLUICE_RS256);
	ck_assert_int_eq(crypto->key_kind(keys.items[0].key), SLUICE_KEY_RSA);
	jose_keys_deinit(&keys);
	read_keys(SECRET_SET, &keys);
	ck_assert_uint_eq(keys.count, 1);
	ck_assert_str_eq(keys.items[0].kid, "HMAC key used in JWS spec Appendix A.1 example");
	ck_assert_int_eq(judge(&keys, A1_TOKEN), SLUICE_OK);
	jose_keys_deinit(&keys);
	rig_free(rig);
}
END_TEST

/* RFC 7518, section 3.1, with RFC 8037, section 3.1: all that sign, and no others. */
START_TEST(algorithms_have_the_names_of_rfc_7518)
{
	static const struct {
		const char *name;
		uint32_t algorithm;
	} rows[] = {{"HS256", SLUICE_HS256}, {"HS384", SLUICE_HS384}, {"HS512", SLUICE_HS512},
		{"RS256", SLUICE_RS256}, {"RS384", SLUICE_RS384}, {"RS512", SLUICE_RS512},
		{"ES256", SLUICE_ES256}, {"ES384", SLUICE_ES384}, {"ES512", SLUICE_ES512},
		{"PS256", SLUICE_PS256}, {"PS384", SLUICE_PS384}, {"PS512", SLUICE_PS512},
		{"EdDSA", SLUICE_EDDSA}, {"none", 0}, {"ES521", 0}, {"ES256K", 0}, {"RSA1_5", 0},
		{"A128KW", 0}, {"dir", 0}, {"EDDSA", 0}, {"HS1", 0}, {"", 0}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(jose_algorithm_named(text(rows[i].name)) == rows[i].algorithm, "%s",
			rows[i].name);
}
END_TEST

/* RFC 7518, section 3.2: a secret has the length of the digest at least. Section 6.2.1.2: a coordinate has that of the
 * curve exactly. */
START_TEST(keys_have_the_lengths_of_rfc_7518)
{
	static const struct {
		const char *key;
		uint32_t longest; /* 0: no key */
	} rows[] = {
		{"{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
			SLUICE_HS256},
		{"{\"kty\":\"oct\",\"k\":"
		 "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
			SLUICE_HS384},
		{A1_KEY, SLUICE_HS512},
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		 "\"g83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA\",\"y\":"
		 "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
			0},
		{"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		 "7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
			0},
	};
	struct jose_keys keys;
	const char *why;
	open_rig();
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		int32_t rc = jose_keys_read(crypto, text(rows[i].key), &keys, &why);
		ck_assert_msg((rc == SLUICE_OK) == (rows[i].longest != 0), "row %zu", i);
		for (uint32_t a = SLUICE_HS256; rc == SLUICE_OK && a <= SLUICE_HS512; a++)
			ck_assert_msg((crypto->key_fits(keys.items[0].key, a) == 1) ==
					      (a <= rows[i].longest),
				"row %zu, %u", i, a);
		if (rc == SLUICE_OK)
			jose_keys_deinit(&keys);
	}
	rig_free(rig);
}
END_TEST

UNIT_SUITE(jose_vectors, each_token_is_its_keys_and_of_its_algorithm,
	a_token_that_is_changed_is_nobodys, what_is_not_signed_is_no_keys,
	sets_have_the_keys_that_check, algorithms_have_the_names_of_rfc_7518,
	keys_have_the_lengths_of_rfc_7518)
