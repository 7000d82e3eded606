/* SPDX-License-Identifier: Apache-2.0 */
/* package/signature.h - detached signatures in minisign's format.
 *
 * A public key is two lines, an untrusted comment and base64 of "Ed", the key's id and the point;
 * or the second line alone. A signature is four: an untrusted comment; base64 of "ED", the id and
 * an Ed25519 signature of the BLAKE2b-512 of the file; "trusted comment: " and a text; base64 of a
 * signature of the first signature's bytes and that text. Signatures of the file itself ("Ed") are
 * an older form and refused. Reading trusts no byte. Any thread.
 */
#pragma once

#include "base/buffer.h"
#include "crypto/crypto.h"

#define SIGNATURE_KEY_ID_BYTES   8
#define SIGNATURE_TEXT_BYTES_MAX 16384u

struct signature_key {
	uint8_t id[SIGNATURE_KEY_ID_BYTES];
	uint8_t point[ED25519_KEY_BYTES];
};

struct signing_key {
	struct signature_key public_key;
	uint8_t seed[ED25519_KEY_BYTES]; /* secret: cleanse() it */
};

/* RC_INVALID with one sentence. */
MUST_USE enum rc signature_key_read(
	struct str text, struct signature_key *out, char *message, size_t message_size);
/* The two lines. */
void signature_key_write(const struct signature_key *key, struct buffer *out);
/* As people read it: 16 digits, the last byte first, as minisign prints it. */
void signature_key_name(const struct signature_key *key, char out[2 * SIGNATURE_KEY_ID_BYTES + 1]);

/* Whether `text` is a signature of `file` by one of the keys: RC_OK, `by` (may be NULL) gets its
 * index and `comment` the trusted comment, a view into `text`; RC_NOT_FOUND: by a key that is not
 * among them; RC_INVALID: it is damaged, or the file or the comment are not those that were signed.
 */
MUST_USE enum rc signature_verify(const struct signature_key *keys, size_t key_count,
	struct str file, struct str text, size_t *by, struct str *comment, char *message,
	size_t message_size);
/* The four lines. `comment` has no line break. */
void signature_write(
	const struct signing_key *key, struct str file, struct str comment, struct buffer *out);
