/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/policy/key_file.h"

#include "base/check.h"

#include <sodium.h>

#define COMMENT         "untrusted comment: "
#define COMMENT_WITHOUT COMMENT "minisign secret key\n"
#define COMMENT_WITH    COMMENT "minisign encrypted secret key\n"

/* The line behind the comment, base64 of it. Numbers are little-endian. */
struct line {
	uint8_t algorithm[2], derivation[2], digest[2];
	uint8_t salt[32], operations[8], memory[8];
	/* With a password these are under a key stream of scrypt's. */
	struct secret {
		uint8_t id[SIGNATURE_KEY_ID_BYTES];
		uint8_t seed[ED25519_KEY_BYTES], point[ED25519_KEY_BYTES];
		uint8_t checksum[32]; /* BLAKE2b-256 of algorithm, id, seed and point */
	} secret;
};
_Static_assert(sizeof(struct line) == 158, "as it is in files");

static void put64(uint8_t out[8], uint64_t n)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(n >> (8 * i));
}

static uint64_t take64(const uint8_t in[8])
{
	uint64_t n = 0;
	for (int i = 7; i >= 0; i--)
		n = n << 8 | in[i];
	return n;
}

static void checksum(const struct line *l, uint8_t out[32])
{
	crypto_generichash_state state;
	crypto_generichash_init(&state, NULL, 0, 32);
	crypto_generichash_update(&state, l->algorithm, sizeof(l->algorithm));
	crypto_generichash_update(
		&state, l->secret.id, sizeof(l->secret) - sizeof(l->secret.checksum));
	crypto_generichash_final(&state, out, 32);
}

/* Encrypts and decrypts. INVALID: the file wants more than scrypt's strongest here. */
static enum key_file_result apply_password(struct line *l, struct str password)
{
	uint8_t stream[sizeof(struct secret)];
	uint8_t *at = l->secret.id;
	uint64_t operations = take64(l->operations), memory = take64(l->memory);
	if (operations > crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE ||
		memory > crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE)
		return KEY_FILE_INVALID;
	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password.p, password.n,
		    l->salt, operations, (size_t)memory) != 0)
		return KEY_FILE_NO_MEMORY;
	for (size_t i = 0; i < sizeof(stream); i++)
		at[i] ^= stream[i];
	cleanse(stream, sizeof(stream));
	return KEY_FILE_OK;
}

bool key_file_write(const struct signing_key *key, struct str password, struct buffer *out)
{
	struct line l = {.algorithm = "Ed", .digest = "B2"};
	char text[(sizeof(l) + 2) / 3 * 4];
	enum key_file_result result = KEY_FILE_OK;
	CHECK(sodium_init() >= 0);
	memcpy(l.secret.id, key->public_key.id, sizeof(l.secret.id));
	memcpy(l.secret.seed, key->seed, sizeof(l.secret.seed));
	memcpy(l.secret.point, key->public_key.point, sizeof(l.secret.point));
	checksum(&l, l.secret.checksum);
	if (password.n > 0) {
		memcpy(l.derivation, "Sc", sizeof(l.derivation));
		CHECK(random_bytes(l.salt, sizeof(l.salt)) == RC_OK);
		put64(l.operations, crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_SENSITIVE);
		put64(l.memory, crypto_pwhash_scryptsalsa208sha256_MEMLIMIT_SENSITIVE);
		result = apply_password(&l, password);
	}
	buffer_add(out, password.n > 0 ? STR(COMMENT_WITH) : STR(COMMENT_WITHOUT));
	buffer_add(out, str_n(text, base64_encode(str_n((const char *)&l, sizeof(l)), text)));
	buffer_add_char(out, '\n');
	cleanse(&l, sizeof(l));
	cleanse(text, sizeof(text));
	return result == KEY_FILE_OK;
}

static bool decode(struct str text, struct line *out)
{
	char bytes[(sizeof(*out) + 2) / 3 * 3];
	size_t n;
	struct str comment = str_cut(&text, '\n'), line = str_cut(&text, '\n');
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (!str_starts(comment, STR(COMMENT)) || line.n > sizeof(bytes) / 3 * 4 ||
		base64_decode(line, bytes, &n) != RC_OK || n != sizeof(*out))
		return false;
	memcpy(out, bytes, sizeof(*out));
	cleanse(bytes, sizeof(bytes));
	return memcmp(out->algorithm, "Ed", 2) == 0 && memcmp(out->digest, "B2", 2) == 0;
}

/* That the point is the seed's says more than the checksum, which minisign leaves out of keys that
 * have no password. */
static enum key_file_result open_line(struct line *l, struct str password)
{
	uint8_t point[ED25519_KEY_BYTES];
	bool has_password = memcmp(l->derivation, "Sc", 2) == 0;
	if (!has_password && memcmp(l->derivation, "\0\0", 2) != 0)
		return KEY_FILE_INVALID;
	if (has_password && password.n == 0)
		return KEY_FILE_NEEDS_PASSWORD;
	enum key_file_result result = has_password ? apply_password(l, password) : KEY_FILE_OK;
	if (result != KEY_FILE_OK)
		return result;
	ed25519_public(l->secret.seed, point);
	if (memcmp(point, l->secret.point, sizeof(point)) == 0)
		return KEY_FILE_OK;
	return has_password ? KEY_FILE_WRONG_PASSWORD : KEY_FILE_INVALID;
}

enum key_file_result key_file_read(struct str text, struct str password, struct signing_key *out)
{
	struct line l;
	CHECK(sodium_init() >= 0);
	if (!decode(text, &l))
		return KEY_FILE_INVALID;
	enum key_file_result result = open_line(&l, password);
	if (result == KEY_FILE_OK) {
		memcpy(out->public_key.id, l.secret.id, sizeof(out->public_key.id));
		memcpy(out->public_key.point, l.secret.point, sizeof(out->public_key.point));
		memcpy(out->seed, l.secret.seed, sizeof(out->seed));
	}
	cleanse(&l, sizeof(l));
	return result;
}
