/* SPDX-License-Identifier: Apache-2.0 */
#include "util/jose_keys.h"

#include "sluice/text.h"

#include <stdlib.h>

/* Of a member: RSA of 16,384 bits has 2,048, and a secret up to 4,096. */
#define MEMBER_BYTES_MAX 4096
/* Keys that a token without a kid is tried with: each costs a public-key operation. */
#define TRIES_MAX 8

/* --- one key --------------------------------------------------------------------------------- */
struct shape {
	const char *type, *curve;
	uint32_t kind;
	const char *first, *second; /* members */
};

static const struct shape *shape_of(const struct jose_value *jwk)
{
	static const struct shape shapes[] = {{"RSA", NULL, SLUICE_KEY_RSA, "n", "e"},
		{"oct", NULL, SLUICE_KEY_SECRET, "k", NULL},
		{"EC", "P-256", SLUICE_KEY_P256, "x", "y"},
		{"EC", "P-384", SLUICE_KEY_P384, "x", "y"},
		{"EC", "P-521", SLUICE_KEY_P521, "x", "y"},
		{"OKP", "Ed25519", SLUICE_KEY_ED25519, "x", NULL},
		{"OKP", "Ed448", SLUICE_KEY_ED448, "x", NULL}};
	struct sluice_str type = jose_text(jose_get(jwk, "kty"));
	struct sluice_str curve = jose_text(jose_get(jwk, "crv"));
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		const char *c = shapes[i].curve;
		if (type.p && strcmp(type.p, shapes[i].type) == 0 &&
			(!c || (curve.p && strcmp(curve.p, c) == 0)))
			return &shapes[i];
	}
	return NULL;
}

/* `use` and `key_ops` of RFC 7517 section 4.2 and 4.3, each of which may be absent. */
static int is_for_checking(const struct jose_value *jwk)
{
	const struct jose_value *use = jose_get(jwk, "use"), *ops = jose_get(jwk, "key_ops");
	if (use && (!jose_text(use).p || !sluice_equal(jose_text(use), SLUICE_STR("sig"))))
		return 0;
	for (size_t i = 0; i < jose_count(ops); i++) {
		struct sluice_str op = jose_text(jose_at(ops, i));
		if (op.p && sluice_equal(op, SLUICE_STR("verify")))
			return 1;
	}
	return !ops;
}

static int member_read(const struct sluice_crypto_service *crypto, const struct jose_value *jwk,
	const char *name, char *room, struct sluice_str *bytes)
{
	struct sluice_str text = jose_text(name ? jose_get(jwk, name) : NULL);
	if (!name)
		return 1;
	int64_t n = text.p && text.n / 4 * 3 + 2 <= MEMBER_BYTES_MAX
			    ? crypto->base64url_decode(text, room)
			    : -1;
	*bytes = (struct sluice_str){room, n < 0 ? 0 : (size_t)n};
	return n >= 0;
}

static struct sluice_key *key_of(const struct sluice_crypto_service *crypto,
	const struct jose_value *jwk, const struct shape *shape)
{
	char first[MEMBER_BYTES_MAX], second[MEMBER_BYTES_MAX];
	struct sluice_key *key = NULL;
	struct sluice_key_source source = {.size = sizeof(source), .kind = shape->kind};
	if (!member_read(crypto, jwk, shape->first, first, &source.first) ||
		!member_read(crypto, jwk, shape->second, second, &source.second) ||
		crypto->key_new(&source, &key) != SLUICE_OK)
		return NULL;
	return key;
}

/* Of keys, "ES521" is ES512: so the curve's name makes some servers write, and its points are good for nothing else. */
static uint32_t algorithm_of(struct sluice_str name)
{
	if (name.p && sluice_equal(name, SLUICE_STR("ES521")))
		return SLUICE_ES512;
	return name.p ? jose_algorithm_named(name) : 0;
}

/* 0: a key to be passed over. */
static int key_read(const struct sluice_crypto_service *crypto, const struct jose_value *jwk,
	struct jose_key *out)
{
	const struct jose_value *kid = jose_get(jwk, "kid"), *alg = jose_get(jwk, "alg");
	const struct shape *shape = shape_of(jwk);
	struct sluice_str name = jose_text(kid);
	*out = (struct jose_key){.kid_bytes = name.n, .algorithm = algorithm_of(jose_text(alg))};
	if (!shape || !is_for_checking(jwk) || (kid && !name.p) || name.n > JOSE_KID_BYTES_MAX ||
		(alg && !out->algorithm))
		return 0;
	out->key = key_of(crypto, jwk, shape);
	out->kid = out->key && kid ? strdup(name.p) : NULL;
	if (out->key && (!kid || out->kid) &&
		(!alg || crypto->key_fits(out->key, out->algorithm) == 1))
		return 1;
	crypto->key_free(out->key);
	free(out->kid);
	return 0;
}

/* --- sets ------------------------------------------------------------------------------------ */
/* Secrets among public keys: whoever publishes both has made a mistake that tells anybody how to sign. */
static int is_mixed(const struct jose_keys *keys)
{
	size_t secrets = 0;
	for (size_t i = 0; i < keys->count; i++)
		secrets += keys->crypto->key_kind(keys->items[i].key) == SLUICE_KEY_SECRET;
	return secrets > 0 && secrets < keys->count;
}

static int is_same(const struct jose_value *a, const struct jose_value *b, const char *name)
{
	struct sluice_str x = jose_text(jose_get(a, name)), y = jose_text(jose_get(b, name));
	return x.p && y.p && sluice_equal(x, y);
}

static int is_same_algorithm(const struct jose_value *a, const struct jose_value *b)
{
	uint32_t known = algorithm_of(jose_text(jose_get(a, "alg")));
	return is_same(a, b, "alg") ||
	       (known && known == algorithm_of(jose_text(jose_get(b, "alg"))));
}

/* Whether nothing says which of the key and one before it is meant, even if one of them is broken. */
static int is_ambiguous(const struct jose_value *list, size_t n)
{
	const struct jose_value *a = jose_at(list, n);
	for (size_t i = 0; i < n; i++) {
		const struct jose_value *b = jose_at(list, i);
		int is_open = !jose_get(a, "alg") || !jose_get(b, "alg") || is_same_algorithm(a, b);
		if (is_open && is_same(a, b, "kid") && is_same(a, b, "kty") && is_for_checking(a) &&
			is_for_checking(b))
			return 1;
	}
	return 0;
}

static int32_t set_read(
	struct jose_keys *keys, const struct jose_value *list, size_t n, const char **why)
{
	*why = "it has no keys, or too many";
	if (n == 0 || n > JOSE_KEYS_MAX || !(keys->items = calloc(n, sizeof(*keys->items))))
		return SLUICE_E_INVALID;
	*why = "a kid names two keys of one kind";
	for (size_t i = 0; i < n; i++) {
		if (is_ambiguous(list, i))
			return SLUICE_E_INVALID;
		if (key_read(keys->crypto, jose_at(list, i), &keys->items[keys->count]))
			keys->count++;
		else
			keys->passed_over++;
	}
	*why = "it has secrets among public keys";
	if (is_mixed(keys))
		return SLUICE_E_INVALID;
	*why = "none of its keys checks signatures";
	return keys->count ? SLUICE_OK : SLUICE_E_INVALID;
}

static int32_t single_read(struct jose_keys *keys, const struct jose_value *jwk, const char **why)
{
	*why = "it is no set of keys, and no key that checks signatures";
	keys->items = calloc(1, sizeof(*keys->items));
	keys->count = keys->items && key_read(keys->crypto, jwk, keys->items);
	return keys->count ? SLUICE_OK : SLUICE_E_INVALID;
}

int32_t jose_keys_read(const struct sluice_crypto_service *crypto, struct sluice_str text,
	struct jose_keys *keys, const char **why)
{
	struct jose_value *object;
	*keys = (struct jose_keys){.crypto = crypto};
	*why = "it is no JSON object";
	if (jose_object_read(text, &object) != SLUICE_OK)
		return SLUICE_E_INVALID;
	const struct jose_value *list = jose_get(object, "keys");
	int32_t rc =
		list ? set_read(keys, list, jose_count(list), why) : single_read(keys, object, why);
	jose_object_free(object);
	if (rc == SLUICE_OK)
		*why = NULL;
	else
		jose_keys_deinit(keys);
	return rc;
}

int32_t jose_keys_of(
	const struct sluice_crypto_service *crypto, struct sluice_key *key, struct jose_keys *keys)
{
	*keys = (struct jose_keys){.crypto = crypto, .items = calloc(1, sizeof(*keys->items))};
	if (!keys->items) {
		crypto->key_free(key);
		return SLUICE_E_FULL;
	}
	keys->items[keys->count++].key = key;
	keys->is_for_any_kid = 1;
	return SLUICE_OK;
}

void jose_keys_deinit(struct jose_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++) {
		keys->crypto->key_free(keys->items[i].key);
		free(keys->items[i].kid);
	}
	free(keys->items);
	keys->items = NULL;
	keys->count = 0;
}

/* --- checking -------------------------------------------------------------------------------- */
static int is_for(
	const struct jose_keys *keys, const struct jose_key *k, const struct jose_token *token)
{
	if (keys->crypto->key_fits(k->key, token->algorithm) != 1 ||
		(k->algorithm && k->algorithm != token->algorithm))
		return 0;
	return !token->has_kid || keys->is_for_any_kid ||
	       (k->kid && sluice_equal(token->kid, (struct sluice_str){k->kid, k->kid_bytes}));
}

int32_t jose_keys_check(const struct jose_keys *keys, const struct jose_token *token)
{
	size_t tries = 0;
	for (size_t i = 0; i < keys->count && tries < TRIES_MAX; i++) {
		if (!is_for(keys, &keys->items[i], token))
			continue;
		tries++;
		if (keys->crypto->signature_check(keys->items[i].key, token->algorithm, token->data,
			    token->signature) == SLUICE_OK)
			return SLUICE_OK;
	}
	return tries ? SLUICE_E_INVALID : SLUICE_E_NOT_FOUND;
}
