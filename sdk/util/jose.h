/* SPDX-License-Identifier: Apache-2.0 */
/* util/jose.h - JSON Web Tokens in the compact form of RFC 7515, read strictly.
 *
 * Three parts of base64url without padding. A header that asks for what is not done here is refused instead of passed
 * over: `crit`, `b64`, `zip`, `enc`. What a header says about keys (`jku`, `jwk`, `x5u`, `x5c`) is never looked at.
 * Claims stay text, to be read behind the check of the signature: who has no key costs no more than the header.
 *
 * Threads      pure; a token belongs to who read it.
 */
#pragma once

#include "util/jose_value.h"

#include "sluice/crypto.h"

#define JOSE_KID_BYTES_MAX 256
/* What jose_token_read writes for a token of n bytes. */
#define JOSE_ROOM_BYTES(n) ((n) + 8)

struct jose_token {
	uint32_t algorithm; /* enum sluice_algorithm; 0: "none", and no signature */
	uint32_t has_kid;
	struct sluice_str kid;         /* a view of the header */
	struct sluice_str data;        /* what is signed: a view of the token */
	struct sluice_str signature;   /* bytes in the room */
	struct sluice_str claims_text; /* bytes in the room; may be anything */
	struct jose_value *header;     /* owned */
};

/* 0: there is no such algorithm, "none" among them. */
uint32_t jose_algorithm_named(struct sluice_str name);

/* `room` has JOSE_ROOM_BYTES(text.n). SLUICE_E_INVALID: that is no token; `why` is told in a few words, and nothing is
 * to be freed. `crypto` has base64url_decode. */
int32_t jose_token_read(const struct sluice_crypto_service *crypto, struct sluice_str text,
	char *room, struct jose_token *token, const char **why);
void jose_token_deinit(struct jose_token *token);
