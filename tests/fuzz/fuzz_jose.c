/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base crypto */
/* fuzz: compiles sdk/util/jose.c sdk/util/jose_keys.c sdk/util/jose_claims.c sdk/util/jose_value.c */
/* fuzz: packages jansson */
/* A token, a line feed, and a key or a set. Each is read whole or refused with a reason; what is kept of the token is of
 * it, and a set has only keys that the (pretended) signatures were asked about with an algorithm that fits. */
#include "plugin_host.h"

#include "crypto/crypto.h"

#include "sluice/text.h"
#include "util/jose_claims.h"
#include "util/jose_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int64_t decode(struct sluice_str in, char *out)
{
	size_t n;
	return base64url_decode((struct str){in.p, in.n}, out, &n) == RC_OK ? (int64_t)n
									    : SLUICE_E_INVALID;
}

/* A key is its kind; a piece of memory of its own shows what is freed twice, or never. */
static int32_t key_new(const struct sluice_key_source *source, struct sluice_key **out)
{
	uint32_t *kind = malloc(sizeof(*kind));
	CHECK(kind && source->first.n <= 4096 && source->second.n <= 4096);
	*kind = source->kind;
	*out = (struct sluice_key *)(void *)kind;
	return SLUICE_OK;
}

static void key_free(struct sluice_key *key)
{
	free(key);
}

static int32_t key_kind(const struct sluice_key *key)
{
	return (int32_t) * (const uint32_t *)(const void *)key;
}

static int32_t key_fits(const struct sluice_key *key, uint32_t algorithm)
{
	return algorithm != 0 && algorithm % 2 == (uint32_t)key_kind(key) % 2;
}

static int32_t check(const struct sluice_key *key, uint32_t algorithm, struct sluice_str data,
	struct sluice_str signature)
{
	CHECK(key_fits(key, algorithm) && data.n && signature.n);
	return signature.p[0] == 0 ? SLUICE_OK : SLUICE_E_INVALID;
}

static const struct sluice_crypto_service crypto = {.size = sizeof(crypto),
	.base64url_decode = decode,
	.key_new = key_new,
	.key_free = key_free,
	.key_kind = key_kind,
	.key_fits = key_fits,
	.signature_check = check};

/* Fewer rules and more patience refuse nothing that more of them take. */
static void judge_claims(struct sluice_str text)
{
	static const struct sluice_str ours[] = {{"a", 1}};
	const struct jose_claims_rules lax = {.skew_s = 60}, strict = {.is_exp_required = 1,
								     .audiences = ours,
								     .audience_count = 1,
								     .issuers = ours,
								     .issuer_count = 1};
	struct jose_value *claims;
	if (jose_object_read(text, &claims) != SLUICE_OK)
		return;
	if (!jose_claims_problem(claims, &strict, 1000000))
		CHECK(!jose_claims_problem(claims, &lax, 1000000));
	jose_object_free(claims);
}

/* With the header of before, and with its own, it is what it is without. */
static void check_twice(struct sluice_str text)
{
	static struct jose_last last;
	struct jose_token known, token;
	const char *why, *again;
	char *room = malloc(2 * JOSE_ROOM_BYTES(text.n));
	CHECK(room);
	int is_token = jose_token_read(&crypto, NULL, text, room, &known, &why) == SLUICE_OK;
	for (int i = 0; i < 2; i++) {
		int is = jose_token_read(&crypto, &last, text, room + JOSE_ROOM_BYTES(text.n),
				 &token, &again) == SLUICE_OK;
		CHECK(is == is_token && again == why);
		if (!is)
			continue;
		CHECK(token.algorithm == known.algorithm && token.has_kid == known.has_kid &&
			(token.kid.p ? known.kid.p && sluice_equal(token.kid, known.kid)
				     : !known.kid.p));
		jose_token_deinit(&token);
	}
	if (is_token)
		jose_token_deinit(&known);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sluice_str set = {(const char *)bytes, n};
	struct sluice_str text = sluice_cut(&set, '\n');
	struct jose_token token;
	struct jose_keys keys;
	const char *why = NULL;
	char *room = malloc(JOSE_ROOM_BYTES(text.n));
	CHECK(room);
	check_twice(text);
	int is_token = jose_token_read(&crypto, NULL, text, room, &token, &why) == SLUICE_OK;
	CHECK(is_token == (why == NULL));
	if (is_token)
		judge_claims(token.claims_text);
	if (is_token)
		CHECK(token.data.p == text.p && token.data.n < text.n &&
			(token.algorithm == 0) == (token.signature.n == 0));
	if (set.p && jose_keys_read(&crypto, set, &keys, &why) == SLUICE_OK) {
		CHECK(keys.count > 0 && keys.count <= JOSE_KEYS_MAX);
		int32_t rc = is_token ? jose_keys_check(&keys, &token) : SLUICE_E_NOT_FOUND;
		CHECK(rc == SLUICE_OK || rc == SLUICE_E_INVALID || rc == SLUICE_E_NOT_FOUND);
		jose_keys_deinit(&keys);
	}
	if (is_token)
		jose_token_deinit(&token);
	free(room);
	return 0;
}
