/* SPDX-License-Identifier: Apache-2.0 */
/* What sdk/util/jose refuses of tokens and keys, whatever their signatures are. Those are Wycheproof's, next door. */
#include "unit.h"

#include "rig.h"

#include "base/memory.h"
#include "crypto/crypto.h"

#include "util/jose_keys.h"

#include <dirent.h>
#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

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

/* base64url of a literal; to be freed. */
static char *encoded(const char *s)
{
	size_t n = strlen(s);
	char *out = heap_alloc((n + 2) / 3 * 4 + 1);
	size_t written = base64_encode(str_of(s), out);
	while (written && out[written - 1] == '=')
		written--;
	out[written] = 0;
	for (char *c = out; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return out;
}

/* Why a token is refused; NULL: it is read. */
static const char *refusal(const char *token, struct jose_token *out)
{
	static char room[1 << 16];
	static struct jose_last last;
	const char *why = NULL, *again = NULL;
	struct jose_token t;
	for (int i = 0; i < 2; i++) {
		if (jose_token_read(crypto, &last, text(token), room, &t, &again) == SLUICE_OK)
			jose_token_deinit(&t);
	}
	int32_t rc = jose_token_read(crypto, NULL, text(token), room, &t, &why);
	ck_assert_int_eq(rc == SLUICE_OK, why == NULL);
	ck_assert_ptr_eq(again, why); /* whatever was read before */
	if (rc == SLUICE_OK && out)
		*out = t;
	else if (rc == SLUICE_OK)
		jose_token_deinit(&t);
	return why;
}

static const char *header_refusal(const char *header, const char *signature)
{
	char *first = encoded(header);
	char *token = heap_printf("%s.e30.%s", first, signature);
	const char *why = refusal(token, NULL);
	free(first);
	free(token);
	return why;
}

/* RFC 7515, appendix A.1: with its key in a set beside others. */
#define A1_HEAD "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
#define A1_CLAIMS                                                                                  \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"
#define A1_SIGN "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define A1_KEY                                                                                     \
	"\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"                    \
	"1qS0gZH75aKtMN3Yj0iPS4hcgUuTwj"                                                           \
	"AzZr1Z9CAow\""

START_TEST(reads_and_checks_the_token_of_rfc_7515)
{
	const char *why;
	struct jose_token t;
	struct jose_keys keys;
	struct jose_value *claims;
	open_rig();
	ck_assert_ptr_null(refusal(A1_HEAD "." A1_CLAIMS "." A1_SIGN, &t));
	ck_assert_uint_eq(t.algorithm, SLUICE_HS256);
	ck_assert_uint_eq(t.has_kid, 0);
	ck_assert_int_eq(jose_keys_read(crypto, text("{" A1_KEY "}"), &keys, &why), SLUICE_OK);
	ck_assert_int_eq(jose_keys_check(&keys, &t), SLUICE_OK);
	ck_assert_int_eq(jose_object_read(t.claims_text, &claims), SLUICE_OK);
	ck_assert_double_eq(jose_number(jose_get(claims, "exp")), 1300819380);
	ck_assert_str_eq(jose_text(jose_get(claims, "iss")).p, "joe");
	ck_assert_int_eq(
		jose_type_of(jose_get(claims, "http://example.com/is_root")), JOSE_BOOLEAN);
	ck_assert_int_eq(jose_type_of(jose_get(claims, "aud")), JOSE_NOTHING);
	jose_object_free(claims);
	jose_token_deinit(&t);
	/* other claims */
	ck_assert_ptr_null(refusal(A1_HEAD ".e30." A1_SIGN, &t));
	ck_assert_int_eq(jose_keys_check(&keys, &t), SLUICE_E_INVALID);
	jose_token_deinit(&t);
	jose_keys_deinit(&keys);
	rig_free(rig);
}
END_TEST

START_TEST(refuses_what_has_not_the_compact_form)
{
	static const char *const bad[] = {"", ".", "..", "a.b", A1_HEAD "." A1_CLAIMS,
		A1_HEAD "." A1_CLAIMS "." A1_SIGN ".", A1_HEAD "." A1_CLAIMS "." A1_SIGN "..",
		A1_HEAD "=." A1_CLAIMS "." A1_SIGN, A1_HEAD "." A1_CLAIMS "." A1_SIGN "=",
		A1_HEAD "." A1_CLAIMS "." A1_SIGN "\n", " " A1_HEAD "." A1_CLAIMS "." A1_SIGN,
		A1_HEAD "." A1_CLAIMS ".+/AA", A1_HEAD "." A1_CLAIMS ".AB",
		"{\"payload\":\"e30\",\"signatures\":[]}", "bm8.e30.AA", "W10.e30.AA"};
	open_rig();
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(refusal(bad[i], NULL) != NULL, "%s", bad[i]);
	rig_free(rig);
}
END_TEST

START_TEST(refuses_headers_that_ask_for_more_than_is_done)
{
	static const char *const bad[] = {"{}", "{\"alg\":\"ES521\"}", "{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS256 \"}", "{\"alg\":256}", "{\"alg\":[\"HS256\"]}", "{\"alg\":null}",
		"{\"alg\":\"None\"}", "{\"alg\":\"nOnE\"}", "{\"alg\":\"HS256\",\"alg\":\"none\"}",
		"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "{\"alg\":\"HS256\",\"crit\":[]}",
		"{\"alg\":\"HS256\",\"b64\":false}", "{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
		"{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}", "{\"alg\":\"PBES2-HS256+A128KW\"}",
		"{\"alg\":\"HS256\",\"enc\":\"A256GCM\"}", "{\"alg\":\"HS256\",\"kid\":1}",
		"{\"alg\":\"HS256\",\"kid\":null}", "{\"alg\":\"HS256\\u0000\"}",
		"{\"alg\":\"HS256\",\"\\u0000\":1}", "{\"alg\":\"HS256\",\"a\":\"\\ud800\"}",
		"{\"alg\":\"HS256\",\"a\":\"\xff\"}", "{\"alg\":\"HS256\"}x", "\"HS256\"",
		"{\"alg\":\"HS256\",\"a\":1e999}", "\xef\xbb\xbf{\"alg\":\"HS256\"}"};
	open_rig();
	ck_assert_ptr_null(header_refusal("{\"alg\":\"HS256\",\"jku\":\"http://x/\"}", "AA"));
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(header_refusal(bad[i], "AA") != NULL, "%s", bad[i]);
	/* "none" has no signature, and all others have one */
	ck_assert_ptr_null(header_refusal("{\"alg\":\"none\"}", ""));
	ck_assert_ptr_nonnull(header_refusal("{\"alg\":\"none\"}", "AA"));
	ck_assert_ptr_nonnull(header_refusal("{\"alg\":\"HS256\"}", ""));
	rig_free(rig);
}
END_TEST

/* A token with that header, by what is remembered: whether its header was read, and what it said. */
static bool reads_header(struct jose_last *last, const char *header, const char *signature)
{
	static char room[1 << 16];
	char *first = encoded(header);
	char *token = heap_printf("%s.e30.%s", first, signature);
	struct jose_token known, t;
	const char *why;
	ck_assert_int_eq(jose_token_read(crypto, NULL, text(token), room, &known, &why), SLUICE_OK);
	ck_assert_int_eq(jose_token_read(crypto, last, text(token), room, &t, &why), SLUICE_OK);
	bool is = t.header != NULL;
	ck_assert_uint_eq(t.algorithm, known.algorithm);
	ck_assert_uint_eq(t.has_kid, known.has_kid);
	ck_assert_int_eq(t.kid.p == NULL, known.kid.p == NULL);
	ck_assert(
		t.kid.n == known.kid.n && (t.kid.n == 0 || !memcmp(t.kid.p, known.kid.p, t.kid.n)));
	jose_token_deinit(&known);
	jose_token_deinit(&t);
	free(first);
	free(token);
	return is;
}

START_TEST(the_last_header_is_not_read_again)
{
	static const char *const headers[] = {"{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"kid\":\"a\"}", "{\"alg\":\"ES256\",\"kid\":\"\"}",
		"{\"alg\":\"ES256\",\"kid\":\"b\",\"jku\":\"x\"}"};
	struct jose_last last = {.header_bytes = 0};
	struct jose_token t;
	const char *why;
	char room[64], lengthy[700];
	open_rig();
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(headers); i++) {
			ck_assert(reads_header(&last, headers[i], "AA"));
			ck_assert(!reads_header(&last, headers[i], "AAAA"));
		}
	}
	/* It says nothing of a signature. */
	ck_assert(reads_header(&last, "{\"alg\":\"none\"}", ""));
	ck_assert(!reads_header(&last, "{\"alg\":\"none\"}", ""));
	ck_assert_int_eq(
		jose_token_read(crypto, &last, text("eyJhbGciOiJub25lIn0.e30.AA"), room, &t, &why),
		SLUICE_E_INVALID);
	/* Too long, and the one before it is gone. */
	snprintf(lengthy, sizeof(lengthy), "{\"alg\":\"HS256\",\"x\":\"%0500d\"}", 0);
	ck_assert(reads_header(&last, lengthy, "AA"));
	ck_assert(reads_header(&last, lengthy, "AA"));
	ck_assert(reads_header(&last, "{\"alg\":\"none\"}", ""));
	rig_free(rig);
}
END_TEST

START_TEST(nesting_and_kids_have_bounds)
{
	char deep[2 * JOSE_DEPTH_MAX + 32], kid[JOSE_KID_BYTES_MAX + 2];
	open_rig();
	for (size_t over = 0; over < 2; over++) {
		size_t n = JOSE_DEPTH_MAX - 1 + over;
		memset(kid, 'k', sizeof(kid));
		kid[JOSE_KID_BYTES_MAX + over] = 0;
		memset(deep, '[', n);
		memset(deep + n, ']', n);
		deep[2 * n] = 0;
		char *a = heap_printf("{\"alg\":\"ES256\",\"x\":%s}", deep);
		char *b = heap_printf("{\"alg\":\"ES256\",\"x\":\"[\\\"[\",\"kid\":\"%s\"}", kid);
		ck_assert_int_eq(header_refusal(a, "AA") != NULL, over != 0);
		ck_assert_int_eq(header_refusal(b, "AA") != NULL, over != 0);
		free(a);
		free(b);
	}
	rig_free(rig);
}
END_TEST

/* --- key sets -------------------------------------------------------------------------------- */
#define ED                                                                                         \
	"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"                               \
	"7TyWQHOg7hcvPapiMlrwIaaPcHURo\""

/* RFC 7520 section 3.1. */
#define P521                                                                                       \
	"\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y-C-"                 \
	"U88c3v13nmGZx6sYl_"                                                                       \
	"oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\",\"y\":"                                         \
	"\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6p"                                            \
	"V5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1\""

START_TEST(passes_over_keys_that_check_nothing)
{
	static const struct {
		const char *set;
		size_t count; /* 0: refused */
	} rows[] = {
		{"{" ED "}", 1},
		{"{\"keys\":[{" ED "}]}", 1},
		{"{\"keys\":[{" ED ",\"use\":\"sig\",\"alg\":\"EdDSA\"},{\"kty\":\"XX\"},7]}", 1},
		{"{\"keys\":[{" ED "},{" A1_KEY "}]}", 0},
		{"{\"keys\":[{" ED ",\"kid\":\"a\"},{" ED ",\"kid\":\"b\"}]}", 2},
		{"{\"keys\":[{" A1_KEY ",\"kid\":\"a\",\"alg\":\"HS256\"},{" A1_KEY
		 ",\"kid\":\"a\",\"alg\":\"HS512\"}]}",
			2},
		{"{\"keys\":[{" A1_KEY ",\"kid\":\"a\",\"alg\":\"HS256\"},{" A1_KEY
		 ",\"kid\":\"a\"}]}",
			0},
		{"{\"keys\":[{" ED ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"}]}", 0},
		{"{" ED ",\"use\":\"enc\"}", 0},
		{"{" ED ",\"use\":1}", 0},
		{"{" ED ",\"key_ops\":[\"sign\"]}", 0},
		{"{" ED ",\"key_ops\":[]}", 0},
		{"{" ED ",\"key_ops\":\"verify\"}", 0},
		{"{" ED ",\"key_ops\":[\"sign\",\"verify\"]}", 1},
		{"{" ED ",\"alg\":\"ES256\"}", 0},
		{"{" ED ",\"alg\":\"none\"}", 0},
		{"{" ED ",\"alg\":\"ES521\"}", 0},
		{"{" P521 ",\"alg\":\"ES521\"}", 1},
		{"{\"keys\":[{" P521 ",\"kid\":\"a\",\"alg\":\"ES521\"},{" P521
		 ",\"kid\":\"a\",\"alg\":\"ES512\"}]}",
			0},
		{"{" ED ",\"kid\":7}", 0},
		{"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}", 0},
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", 0},
		{"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", 0},
		{"{\"kty\":\"RSA\"}", 0},
		{"{\"keys\":[]}", 0},
		{"{\"keys\":{}}", 0},
		{"{}", 0},
		{"[]", 0},
		{"", 0},
	};
	open_rig();
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct jose_keys keys;
		const char *why;
		int32_t rc = jose_keys_read(crypto, text(rows[i].set), &keys, &why);
		ck_assert_msg((rc == SLUICE_OK) == (rows[i].count > 0) &&
				      (why != NULL) == (rc != SLUICE_OK),
			"row %zu", i);
		if (rc == SLUICE_OK) {
			ck_assert_msg(keys.count == rows[i].count, "row %zu: %zu", i, keys.count);
			jose_keys_deinit(&keys);
		}
	}
	rig_free(rig);
}
END_TEST

/* The signature of A.1 is over its header, so what is asked here is whether any key is for a token. */
static int32_t ask(const char *set, const char *header)
{
	char *first = encoded(header);
	char *token = heap_printf("%s.e30.AA", first);
	struct jose_keys keys;
	struct jose_token t;
	const char *why;
	ck_assert_int_eq(jose_keys_read(crypto, text(set), &keys, &why), SLUICE_OK);
	ck_assert_ptr_null(refusal(token, &t));
	int32_t rc = jose_keys_check(&keys, &t);
	jose_token_deinit(&t);
	jose_keys_deinit(&keys);
	free(first);
	free(token);
	return rc;
}

START_TEST(a_kid_chooses_and_the_key_decides)
{
	static const struct {
		const char *set, *header;
		int is_asked;
	} rows[] = {
		{"{" A1_KEY ",\"kid\":\"a\"}", "{\"alg\":\"HS256\",\"kid\":\"a\"}", 1},
		{"{" A1_KEY ",\"kid\":\"a\"}", "{\"alg\":\"HS256\",\"kid\":\"A\"}", 0},
		{"{" A1_KEY ",\"kid\":\"a\"}", "{\"alg\":\"HS256\",\"kid\":\"../a\"}", 0},
		{"{" A1_KEY ",\"kid\":\"a\"}", "{\"alg\":\"HS256\",\"kid\":\"\"}", 0},
		{"{" A1_KEY ",\"kid\":\"a\"}", "{\"alg\":\"HS256\"}", 1},
		{"{" A1_KEY "}", "{\"alg\":\"HS256\",\"kid\":\"a\"}", 0},
		{"{" A1_KEY ",\"alg\":\"HS256\"}", "{\"alg\":\"HS384\"}", 0},
		{"{" A1_KEY ",\"alg\":\"HS384\"}", "{\"alg\":\"HS384\"}", 1},
		{"{" ED "}", "{\"alg\":\"HS256\"}", 0},
		{"{" ED "}", "{\"alg\":\"RS256\"}", 0},
		{"{" ED "}", "{\"alg\":\"EdDSA\"}", 1},
		{"{" P521 ",\"alg\":\"ES521\"}", "{\"alg\":\"ES512\"}", 1},
	};
	open_rig();
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_msg(ask(rows[i].set, rows[i].header) ==
				      (rows[i].is_asked ? SLUICE_E_INVALID : SLUICE_E_NOT_FOUND),
			"row %zu", i);
	rig_free(rig);
}
END_TEST

/* The one key of a configuration is for every token, and "none" has no key at all. */
START_TEST(a_key_of_its_own_is_for_every_kid)
{
	struct sluice_key_source source = {.size = sizeof(source),
		.kind = SLUICE_KEY_SECRET,
		.first = SLUICE_STR("0123456789abcdef0123456789abcdef")};
	struct sluice_key *key;
	struct jose_keys keys;
	struct jose_token t;
	open_rig();
	ck_assert_int_eq(crypto->key_new(&source, &key), SLUICE_OK);
	ck_assert_int_eq(jose_keys_of(crypto, key, &keys), SLUICE_OK);
	char *header = encoded("{\"alg\":\"HS256\",\"kid\":\"any\"}");
	char *token = heap_printf("%s.e30.AA", header);
	ck_assert_ptr_null(refusal(token, &t));
	ck_assert_int_eq(jose_keys_check(&keys, &t), SLUICE_E_INVALID);
	jose_token_deinit(&t);
	ck_assert_ptr_null(refusal("eyJhbGciOiJub25lIn0.e30.", &t));
	ck_assert_uint_eq(t.algorithm, 0);
	ck_assert_int_eq(jose_keys_check(&keys, &t), SLUICE_E_NOT_FOUND);
	jose_token_deinit(&t);
	jose_keys_deinit(&keys);
	free(header);
	free(token);
	rig_free(rig);
}
END_TEST

START_TEST(members_can_be_visited_and_written)
{
	static const char *const written[] = {"x y", "[1,\"a\"]", "null"};
	struct jose_value *o;
	const struct jose_value *v;
	struct sluice_str name;
	void *at = NULL;
	size_t n = 0;
	ck_assert_int_eq(jose_object_read(text("{\"a\":\"x y\",\"b\":[1, \"a\"],\"c\":null}"), &o),
		SLUICE_OK);
	for (; jose_next(o, &at, &name, &v); n++) {
		char *s = jose_write(v);
		ck_assert_int_eq(name.p[0], (char)('a' + n));
		ck_assert_str_eq(s, written[n]);
		free(s);
	}
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(jose_count(jose_get(o, "b")), 2);
	ck_assert_int_eq(jose_type_of(jose_at(jose_get(o, "b"), 2)), JOSE_NOTHING);
	jose_object_free(o);
}
END_TEST

/* --- JSONTestSuite --------------------------------------------------------------------------- */
#define SUITE SHARED_DATA "/json-test-suite"

/* Valid JSON that is refused all the same: NUL in a text, and members that come twice. */
static int is_refused_on_purpose(const char *name)
{
	static const char *const names[] = {"y_string_null_escape.json",
		"y_object_escaped_null_in_key.json", "y_object_duplicated_key.json",
		"y_object_duplicated_key_and_value.json"};
	for (size_t i = 0; i < COUNT(names); i++)
		if (strcmp(name, names[i]) == 0)
			return 1;
	return 0;
}

/* As the value of a member: most of the files are no objects. */
static int is_read(const char *name)
{
	static char bytes[1 << 20];
	struct jose_value *o;
	char *path = heap_printf("%s/%s", SUITE, name);
	FILE *f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	memcpy(bytes, "{\"a\":", 5);
	size_t n = 5 + fread(bytes + 5, 1, sizeof(bytes) - 6, f);
	ck_assert_msg(feof(f), "%s is too long", path);
	fclose(f);
	free(path);
	bytes[n++] = '}';
	if (jose_object_read((struct sluice_str){bytes, n}, &o) != SLUICE_OK)
		return 0;
	jose_object_free(o);
	return 1;
}

START_TEST(keeps_the_json_test_suite)
{
	size_t taken = 0, refused = 0, on_purpose = 0;
	const struct dirent *entry;
	DIR *d = opendir(SUITE);
	if (!d) {
		printf("skipped: there is no %s\n", SUITE);
		return;
	}
	while ((entry = readdir(d))) {
		const char *name = entry->d_name;
		if (strncmp(name, "y_", 2) != 0 && strncmp(name, "n_", 2) != 0)
			continue;
		int is_good = name[0] == 'y' && !is_refused_on_purpose(name);
		ck_assert_msg(is_read(name) == is_good, "%s", name);
		taken += is_good;
		refused += name[0] == 'n';
		on_purpose += name[0] == 'y' && !is_good;
	}
	closedir(d);
	ck_assert_uint_eq(on_purpose, 4);
	ck_assert_uint_eq(taken, 91);
	ck_assert_uint_eq(refused, 188);
}
END_TEST

UNIT_SUITE(jose, keeps_the_json_test_suite, reads_and_checks_the_token_of_rfc_7515,
	refuses_what_has_not_the_compact_form, refuses_headers_that_ask_for_more_than_is_done,
	the_last_header_is_not_read_again, nesting_and_kids_have_bounds,
	passes_over_keys_that_check_nothing, a_kid_chooses_and_the_key_decides,
	a_key_of_its_own_is_for_every_kid, members_can_be_visited_and_written)
