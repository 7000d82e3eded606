/* SPDX-License-Identifier: Apache-2.0 */
#include "util/jose.h"

#include "sluice/text.h"

#define NOT_ENCODED "it is not in base64url"

uint32_t jose_algorithm_named(struct sluice_str name)
{
	static const char names[][6] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
		"PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};
	for (uint32_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (name.n == 5 && memcmp(name.p, names[i], 5) == 0)
			return i + 1;
	return 0;
}

/* Decodes to *room, and moves it on. */
static int decode(const struct sluice_crypto_service *crypto, struct sluice_str part, char **room,
	struct sluice_str *bytes)
{
	int64_t n = crypto->base64url_decode(part, *room);
	if (n < 0)
		return 0;
	*bytes = (struct sluice_str){*room, (size_t)n};
	*room += n;
	return 1;
}

static const char *header_problem(struct jose_token *t)
{
	static const char *const refused[] = {"crit", "b64", "zip", "enc"};
	const struct jose_value *kid = jose_get(t->header, "kid");
	struct sluice_str name = jose_text(jose_get(t->header, "alg"));
	t->kid = jose_text(kid);
	t->has_kid = kid != NULL;
	t->algorithm = jose_algorithm_named(name);
	if (t->algorithm == 0 && !sluice_equal(name, SLUICE_STR("none")))
		return "its algorithm is not known";
	if (kid && (!t->kid.p || t->kid.n > JOSE_KID_BYTES_MAX))
		return "its kid is no text, or too long";
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (jose_get(t->header, refused[i]))
			return "its header asks for an extension";
	return NULL;
}

static int is_last(const struct jose_last *last, struct sluice_str header)
{
	return last && header.n && header.n == last->header_bytes &&
	       memcmp(header.p, last->header, header.n) == 0;
}

static void keep(struct jose_last *last, struct sluice_str header, const struct jose_token *t)
{
	last->header_bytes = header.n <= JOSE_LAST_BYTES_MAX ? header.n : 0;
	last->algorithm = t->algorithm;
	last->has_kid = t->has_kid;
	last->kid_bytes = t->kid.n;
	memcpy(last->header, header.p, last->header_bytes);
	if (t->kid.n)
		memcpy(last->kid, t->kid.p, t->kid.n);
}

/* NULL: it is read. */
static const char *header_read(const struct sluice_crypto_service *crypto, struct jose_last *last,
	struct sluice_str header, char *room, struct jose_token *t)
{
	struct sluice_str bytes;
	if (is_last(last, header)) {
		t->algorithm = last->algorithm;
		t->has_kid = last->has_kid;
		t->kid = (struct sluice_str){last->has_kid ? last->kid : NULL, last->kid_bytes};
		return NULL;
	}
	if (!decode(crypto, header, &room, &bytes))
		return NOT_ENCODED;
	if (jose_object_read(bytes, &t->header) != SLUICE_OK)
		return "its header is no JSON object";
	const char *problem = header_problem(t);
	if (!problem && last)
		keep(last, header, t);
	return problem;
}

int32_t jose_token_read(const struct sluice_crypto_service *crypto, struct jose_last *last,
	struct sluice_str text, char *room, struct jose_token *token, const char **why)
{
	struct sluice_str rest = text;
	struct sluice_str header = sluice_cut(&rest, '.');
	struct sluice_str claims = rest.p ? sluice_cut(&rest, '.') : rest;
	*token = (struct jose_token){.data = {text.p, header.n + 1 + claims.n}};
	*why = "it has not three parts";
	if (!rest.p || (rest.n && memchr(rest.p, '.', rest.n)))
		return SLUICE_E_INVALID;
	*why = NOT_ENCODED;
	if (!decode(crypto, claims, &room, &token->claims_text) ||
		!decode(crypto, rest, &room, &token->signature))
		return SLUICE_E_INVALID;
	*why = header_read(crypto, last, header, room, token);
	/* "none" in disguise, and a signature that nobody would look at */
	if (!*why && (token->algorithm == 0) != (token->signature.n == 0))
		*why = "its algorithm and its signature do not go together";
	if (!*why)
		return SLUICE_OK;
	jose_token_deinit(token);
	return SLUICE_E_INVALID;
}

void jose_token_deinit(struct jose_token *token)
{
	jose_object_free(token->header);
	token->header = NULL;
}
