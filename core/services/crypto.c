/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/crypto.h"

#include "crypto/crypto.h"
#include "crypto/signature.h"
#include "services/services_priv.h"

#include "base/memory.h"

static int32_t is_equal(struct sluice_str a, struct sluice_str b)
{
	return constant_time_equal(str_in(a), str_in(b));
}

static int64_t decode(struct sluice_str in, char *out)
{
	size_t n;
	return base64_decode(str_in(in), out, &n) == RC_OK ? (int64_t)n : SLUICE_E_INVALID;
}

static void digest(struct sluice_str in, uint8_t out[32])
{
	sha256(str_in(in), out);
}

static int32_t fill(void *out, size_t n)
{
	return random_bytes(out, n) == RC_OK ? SLUICE_OK : SLUICE_E_RUNTIME;
}

static uint64_t hash(const uint8_t key[16], struct sluice_str in)
{
	return keyed_hash(key, str_in(in));
}

static int64_t decode_url(struct sluice_str in, char *out)
{
	size_t n;
	return base64url_decode(str_in(in), out, &n) == RC_OK ? (int64_t)n : SLUICE_E_INVALID;
}

/* One numbering, twice, since neither of the headers may know the other. */
_Static_assert((int)SLUICE_KEY_RSA == (int)VERIFY_KEY_RSA &&
		       (int)SLUICE_KEY_SECRET == (int)VERIFY_KEY_SECRET &&
		       (int)SLUICE_HS256 == (int)SIGNATURE_HS256 &&
		       (int)SLUICE_EDDSA == (int)SIGNATURE_EDDSA,
	"the SDK's numbers are core/crypto's");

static enum rc make_key(const struct sluice_key_source *source, struct verify_key **out)
{
	struct str first = str_in(source->first), second = str_in(source->second);
	switch (source->kind) {
	case SLUICE_KEY_RSA:
		return verify_key_of_rsa(first, second, out);
	case SLUICE_KEY_P256:
	case SLUICE_KEY_P384:
	case SLUICE_KEY_P521:
		return verify_key_of_point((enum verify_key_kind)source->kind, first, second, out);
	case SLUICE_KEY_ED25519:
	case SLUICE_KEY_ED448:
		return verify_key_of_edwards((enum verify_key_kind)source->kind, first, out);
	case SLUICE_KEY_SECRET:
		return verify_key_of_secret(first, source->flags & SLUICE_KEY_SHORT_ALLOWED, out);
	case SLUICE_KEY_PEM:
		return verify_key_of_pem(first, out);
	default:
		return RC_INVALID;
	}
}

static int32_t key_new(const struct sluice_key_source *source, struct sluice_key **out)
{
	struct sluice_key_source known;
	struct verify_key *key;
	take_sized(&known, sizeof(known), source, source->size);
	if ((known.flags & ~SLUICE_KEY_SHORT_ALLOWED) || make_key(&known, &key) != RC_OK)
		return SLUICE_E_INVALID;
	*out = (struct sluice_key *)key;
	return SLUICE_OK;
}

static void key_free(struct sluice_key *key)
{
	verify_key_free((struct verify_key *)key);
}

static int32_t key_kind(const struct sluice_key *key)
{
	return (int32_t)verify_key_kind((const struct verify_key *)key);
}

static int32_t key_fits(const struct sluice_key *key, uint32_t algorithm)
{
	return signature_fits((const struct verify_key *)key, (enum signature_algorithm)algorithm);
}

static int32_t check(const struct sluice_key *key, uint32_t algorithm, struct sluice_str data,
	struct sluice_str signature)
{
	switch (signature_check((const struct verify_key *)key, (enum signature_algorithm)algorithm,
		str_in(data), str_in(signature))) {
	case RC_OK:
		return SLUICE_OK;
	case RC_UNSUPPORTED:
		return SLUICE_E_UNSUPPORTED;
	default:
		return SLUICE_E_INVALID;
	}
}

const void *services_crypto_table(void)
{
	static const struct sluice_crypto_service table = {
		.size = sizeof(table),
		.constant_time_equal = is_equal,
		.base64_decode = decode,
		.sha256 = digest,
		.random = fill,
		.keyed_hash = hash,
		.base64url_decode = decode_url,
		.key_new = key_new,
		.key_free = key_free,
		.key_kind = key_kind,
		.key_fits = key_fits,
		.signature_check = check,
	};
	return &table;
}
