/* SPDX-License-Identifier: Apache-2.0 */
#include "package/signature.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdio.h>

#define ALGORITHM_KEY       "Ed"
#define ALGORITHM_PREHASHED "ED"
#define ALGORITHM_BYTES     2
#define KEY_BYTES           (ALGORITHM_BYTES + SIGNATURE_KEY_ID_BYTES + ED25519_KEY_BYTES)
#define LINE_BYTES          (ALGORITHM_BYTES + SIGNATURE_KEY_ID_BYTES + ED25519_SIGNATURE_BYTES)
#define UNTRUSTED           "untrusted comment: "
#define TRUSTED             "trusted comment: "

struct signature {
	uint8_t key_id[SIGNATURE_KEY_ID_BYTES];
	uint8_t of_file[ED25519_SIGNATURE_BYTES];
	struct str comment;
	uint8_t of_comment[ED25519_SIGNATURE_BYTES];
};

struct reader {
	char *message;
	size_t size;
};

static enum rc fail(const struct reader *r, enum rc rc, const char *why)
{
	snprintf(r->message, r->size, "%s", why);
	return rc;
}

static struct str str_of_bytes(const uint8_t *p, size_t n)
{
	return str_n((const char *)p, n);
}

/* Without its end, which may be that of another system. */
static struct str take_line(struct str *rest)
{
	struct str line = str_cut(rest, '\n');
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* Base64 of exactly n bytes. */
static bool decode(struct str line, uint8_t *out, size_t n)
{
	char bytes[128];
	size_t got;
	if (line.n > sizeof(bytes) || base64_decode(line, bytes, &got) != RC_OK || got != n)
		return false;
	memcpy(out, bytes, n);
	return true;
}

static void add_base64(struct buffer *out, const uint8_t *p, size_t n)
{
	char text[(LINE_BYTES + 2) / 3 * 4];
	CHECK(n <= LINE_BYTES);
	buffer_add(out, str_n(text, base64_encode(str_of_bytes(p, n), text)));
	buffer_add_char(out, '\n');
}

/* --- keys ------------------------------------------------------------------------------------ */
enum rc signature_key_read(
	struct str text, struct signature_key *out, char *message, size_t message_size)
{
	struct reader r = {message, message_size};
	uint8_t bytes[KEY_BYTES];
	struct str line = take_line(&text);
	if (str_starts(line, STR(UNTRUSTED)))
		line = take_line(&text);
	if (!decode(line, bytes, sizeof(bytes)))
		return fail(&r, RC_INVALID, "is not a public key of minisign's format");
	if (memcmp(bytes, ALGORITHM_KEY, ALGORITHM_BYTES) != 0)
		return fail(&r, RC_INVALID, "is a key of an algorithm other than Ed25519");
	memcpy(out->id, bytes + ALGORITHM_BYTES, sizeof(out->id));
	memcpy(out->point, bytes + ALGORITHM_BYTES + sizeof(out->id), sizeof(out->point));
	return RC_OK;
}

void signature_key_name(const struct signature_key *key, char out[2 * SIGNATURE_KEY_ID_BYTES + 1])
{
	for (size_t i = 0; i < SIGNATURE_KEY_ID_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02X", key->id[SIGNATURE_KEY_ID_BYTES - 1 - i]);
}

void signature_key_write(const struct signature_key *key, struct buffer *out)
{
	uint8_t bytes[KEY_BYTES];
	char name[2 * SIGNATURE_KEY_ID_BYTES + 1];
	signature_key_name(key, name);
	memcpy(bytes, ALGORITHM_KEY, ALGORITHM_BYTES);
	memcpy(bytes + ALGORITHM_BYTES, key->id, sizeof(key->id));
	memcpy(bytes + ALGORITHM_BYTES + sizeof(key->id), key->point, sizeof(key->point));
	buffer_addf(out, UNTRUSTED "minisign public key %s\n", name);
	add_base64(out, bytes, sizeof(bytes));
}

/* --- signatures ------------------------------------------------------------------------------ */
static enum rc read_signature(struct str text, struct signature *out, const struct reader *r)
{
	uint8_t bytes[LINE_BYTES];
	if (text.n > SIGNATURE_TEXT_BYTES_MAX)
		return fail(r, RC_INVALID, "the signature is too long to be one");
	bool has_comment = str_starts(take_line(&text), STR(UNTRUSTED));
	if (!has_comment || !decode(take_line(&text), bytes, sizeof(bytes)))
		return fail(r, RC_INVALID, "the signature is not of minisign's format");
	if (memcmp(bytes, ALGORITHM_KEY, ALGORITHM_BYTES) == 0)
		return fail(r, RC_INVALID,
			"the signature has the older form, of a file that is not hashed: sign "
			"again");
	if (memcmp(bytes, ALGORITHM_PREHASHED, ALGORITHM_BYTES) != 0)
		return fail(r, RC_INVALID, "the signature's algorithm is not Ed25519");
	memcpy(out->key_id, bytes + ALGORITHM_BYTES, sizeof(out->key_id));
	memcpy(out->of_file, bytes + ALGORITHM_BYTES + sizeof(out->key_id), sizeof(out->of_file));
	struct str line = take_line(&text);
	if (!str_starts(line, STR(TRUSTED)) ||
		!decode(take_line(&text), out->of_comment, sizeof(out->of_comment)))
		return fail(r, RC_INVALID, "the signature has no signed comment");
	out->comment = str_from(line, sizeof(TRUSTED) - 1);
	return RC_OK;
}

/* What the second signature is of. */
static void add_commented(
	struct buffer *out, const uint8_t of_file[ED25519_SIGNATURE_BYTES], struct str comment)
{
	buffer_init(out, SIGNATURE_TEXT_BYTES_MAX);
	buffer_add(out, str_of_bytes(of_file, ED25519_SIGNATURE_BYTES));
	buffer_add(out, comment);
	CHECK(!out->failed);
}

static enum rc check_signature(const struct signature_key *key, const struct signature *s,
	struct str file, const struct reader *r)
{
	uint8_t hash[BLAKE2B_512_BYTES];
	struct buffer commented;
	blake2b_512(file, hash);
	if (!ed25519_verify(key->point, str_of_bytes(hash, sizeof(hash)), s->of_file))
		return fail(r, RC_INVALID, "these are not the bytes that were signed");
	add_commented(&commented, s->of_file, s->comment);
	bool is_signed = ed25519_verify(key->point, buffer_str(&commented), s->of_comment);
	buffer_deinit(&commented);
	return is_signed ? RC_OK
			 : fail(r, RC_INVALID, "the comment is not the one that was signed");
}

enum rc signature_verify(const struct signature_key *keys, size_t key_count, struct str file,
	struct str text, size_t *by, struct str *comment, char *message, size_t message_size)
{
	struct reader r = {message, message_size};
	struct signature s;
	size_t i = 0;
	if (read_signature(text, &s, &r) != RC_OK)
		return RC_INVALID;
	while (i < key_count && memcmp(keys[i].id, s.key_id, sizeof(s.key_id)) != 0)
		i++;
	if (i == key_count) {
		struct signature_key unknown = {.point = {0}};
		char name[2 * SIGNATURE_KEY_ID_BYTES + 1];
		memcpy(unknown.id, s.key_id, sizeof(unknown.id));
		signature_key_name(&unknown, name);
		snprintf(message, message_size, "signed with the key %s, which is not trusted here",
			name);
		return RC_NOT_FOUND;
	}
	if (check_signature(&keys[i], &s, file, &r) != RC_OK)
		return RC_INVALID;
	if (by)
		*by = i;
	*comment = s.comment;
	return RC_OK;
}

void signature_write(
	const struct signing_key *key, struct str file, struct str comment, struct buffer *out)
{
	uint8_t hash[BLAKE2B_512_BYTES], line[LINE_BYTES], of_comment[ED25519_SIGNATURE_BYTES];
	uint8_t *of_file = line + ALGORITHM_BYTES + SIGNATURE_KEY_ID_BYTES;
	char name[2 * SIGNATURE_KEY_ID_BYTES + 1];
	struct buffer commented;
	blake2b_512(file, hash);
	memcpy(line, ALGORITHM_PREHASHED, ALGORITHM_BYTES);
	memcpy(line + ALGORITHM_BYTES, key->public_key.id, SIGNATURE_KEY_ID_BYTES);
	ed25519_sign(key->seed, str_of_bytes(hash, sizeof(hash)), of_file);
	add_commented(&commented, of_file, comment);
	ed25519_sign(key->seed, buffer_str(&commented), of_comment);
	buffer_deinit(&commented);
	signature_key_name(&key->public_key, name);
	buffer_addf(out, UNTRUSTED "signature from key %s\n", name);
	add_base64(out, line, sizeof(line));
	buffer_addf(out, TRUSTED "%.*s\n", STR_ARG(comment));
	add_base64(out, of_comment, sizeof(of_comment));
}
