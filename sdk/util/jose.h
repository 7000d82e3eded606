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
#define JOSE_ROOM_BYTES(n)  ((n) + 8)
#define JOSE_LAST_BYTES_MAX 512

/* What the last header said that was read without a fault: who signs writes the same one before all tokens, and to read it
 * costs a third of all reading. Of zeros in the beginning. */
struct jose_last {
	uint32_t algorithm, has_kid;
	size_t header_bytes, kid_bytes; /* of the header none: there was none, or it was too long */
	char header[JOSE_LAST_BYTES_MAX]; /* in base64url */
	char kid[JOSE_KID_BYTES_MAX];
};

struct jose_token {
	uint32_t algorithm; /* enum sluice_algorithm; 0: "none", and no signature */
	uint32_t has_kid;
	struct sluice_str kid;         /* a view of the header, or of `last` */
	struct sluice_str data;        /* what is signed: a view of the token */
	struct sluice_str signature;   /* bytes in the room */
	struct sluice_str claims_text; /* bytes in the room; may be anything */
	struct jose_value *header;     /* owned; NULL: it is the last one */
};

/* 0: there is no such algorithm, "none" among them. */
uint32_t jose_algorithm_named(struct sluice_str name);

/* `room` has JOSE_ROOM_BYTES(text.n). SLUICE_E_INVALID: that is no token; `why` is told in a few words, and nothing is
 * to be freed. `crypto` has base64url_decode; `last` may be NULL, and outlives the token. */
int32_t jose_token_read(const struct sluice_crypto_service *crypto, struct jose_last *last,
	struct sluice_str text, char *room, struct jose_token *token, const char **why);
void jose_token_deinit(struct jose_token *token);
