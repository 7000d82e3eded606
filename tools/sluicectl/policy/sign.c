/* SPDX-License-Identifier: Apache-2.0 */
/* keygen, sign and verify. */
#include "package/pack.h"
#include "package/signature.h"

#include "base/memory.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/policy/files.h"
#include "sluicectl/policy/key_file.h"
#include "sluicectl/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_FILE_BYTES_MAX 4096u

static void wipe(struct buffer *secret)
{
	cleanse(secret->p, secret->n);
	buffer_deinit(secret);
}

/* The first line of --password-file; empty without it. `file` keeps it, and is to be wiped. */
static bool read_password(const struct policy_options *o, struct buffer *file, struct str *password)
{
	*password = STR_EMPTY;
	buffer_init(file, KEY_FILE_BYTES_MAX);
	if (!o->password_file)
		return true;
	if (!whole_file_read(o->password_file, KEY_FILE_BYTES_MAX, file))
		return false;
	struct str text = buffer_str(file);
	*password = str_cut(&text, '\n');
	if (password->n == 0)
		policy_fail("%s: its first line is empty", o->password_file);
	return password->n > 0;
}

/* --- keygen ---------------------------------------------------------------------------------- */
static bool write_public(const struct policy_options *o, const struct signing_key *key)
{
	struct buffer text;
	char *path = heap_printf("%s.pub", o->out);
	buffer_init(&text, KEY_FILE_BYTES_MAX);
	signature_key_write(&key->public_key, &text);
	bool is_written = whole_file_write(path, buffer_str(&text), 0644, o->force);
	if (is_written)
		printf("%s\n", path);
	buffer_deinit(&text);
	free(path);
	return is_written;
}

static bool write_secret(
	const struct policy_options *o, const struct signing_key *key, struct str password)
{
	struct buffer text;
	buffer_init(&text, KEY_FILE_BYTES_MAX);
	bool is_made = key_file_write(key, password, &text);
	if (!is_made)
		policy_fail("a key with a password takes 1 GiB of memory, which is not to be had");
	bool is_written = is_made && whole_file_write(o->out, buffer_str(&text), 0600, o->force);
	if (is_written)
		printf("%s\n", o->out);
	wipe(&text);
	return is_written;
}

int policy_keygen(const struct policy_options *o)
{
	struct signing_key key;
	struct buffer file;
	struct str password;
	int code = EXIT_NO;
	if (random_bytes(key.public_key.id, sizeof(key.public_key.id)) != RC_OK ||
		random_bytes(key.seed, sizeof(key.seed)) != RC_OK)
		return policy_fail("the system gives no random bytes");
	ed25519_public(key.seed, key.public_key.point);
	if (read_password(o, &file, &password) && write_secret(o, &key, password) &&
		write_public(o, &key))
		code = EXIT_YES;
	wipe(&file);
	cleanse(&key, sizeof(key));
	return code;
}

/* --- sign ------------------------------------------------------------------------------------ */
static bool read_secret(const struct policy_options *o, struct signing_key *key)
{
	static const char *const why[] = {
		[KEY_FILE_INVALID] = "is not a secret key of minisign's format",
		[KEY_FILE_NEEDS_PASSWORD] = "has a password: --password-file says which",
		[KEY_FILE_WRONG_PASSWORD] = "has another password",
		[KEY_FILE_NO_MEMORY] =
			"takes 1 GiB of memory for its password, which is not to be had",
	};
	struct buffer file, text;
	struct str password;
	enum key_file_result result = KEY_FILE_INVALID;
	bool is_read = read_password(o, &file, &password);
	bool has_text = whole_file_read(o->keys[0], KEY_FILE_BYTES_MAX, &text);
	if (is_read && has_text) {
		result = key_file_read(buffer_str(&text), password, key);
		if (result != KEY_FILE_OK)
			policy_fail("%s: %s", o->keys[0], why[result]);
	}
	wipe(&file);
	wipe(&text);
	return result == KEY_FILE_OK;
}

static struct str comment_of(const struct policy_options *o)
{
	const char *slash = strrchr(o->words[0], '/');
	if (o->comment)
		return str_of(o->comment);
	return str_of(slash ? slash + 1 : o->words[0]);
}

static int sign(const struct policy_options *o, const struct signing_key *key, struct str file)
{
	struct buffer text;
	char *path = heap_printf("%s.minisig", o->words[0]);
	buffer_init(&text, SIGNATURE_TEXT_BYTES_MAX);
	signature_write(key, file, comment_of(o), &text);
	bool is_written = whole_file_write(path, buffer_str(&text), 0644, o->force);
	if (is_written)
		printf("%s\n", path);
	buffer_deinit(&text);
	free(path);
	return is_written ? EXIT_YES : EXIT_NO;
}

int policy_sign(const struct policy_options *o)
{
	struct signing_key key;
	struct buffer file;
	int code = EXIT_NO;
	struct str comment = comment_of(o);
	if (o->key_count > 1)
		return policy_fail("one key signs");
	if (str_index(comment, '\n') < comment.n || comment.n > 1024)
		return policy_fail("a comment is one line of at most 1,024 bytes");
	bool has_file = whole_file_read(o->words[0], PACK_BYTES_MAX, &file);
	if (has_file && read_secret(o, &key))
		code = sign(o, &key, buffer_str(&file));
	cleanse(&key, sizeof(key));
	buffer_deinit(&file);
	return code;
}

/* --- verify ---------------------------------------------------------------------------------- */
static bool read_keys(const struct policy_options *o, struct signature_key *keys)
{
	char message[160];
	for (size_t i = 0; i < o->key_count; i++) {
		struct buffer text;
		bool is_read = whole_file_read(o->keys[i], KEY_FILE_BYTES_MAX, &text);
		enum rc rc = is_read ? signature_key_read(buffer_str(&text), &keys[i], message,
					       sizeof(message))
				     : RC_IO;
		if (is_read && rc != RC_OK)
			policy_fail("%s: %s", o->keys[i], message);
		buffer_deinit(&text);
		if (rc != RC_OK)
			return false;
	}
	return true;
}

static void print_pack(const struct pack *p, const char *key, struct str comment)
{
	printf("%s %s, for plugin ABI %u.%u or later\nsigned by %s: %.*s\n", p->name, p->version,
		p->abi.major, p->abi.minor, key, STR_ARG(comment));
	for (size_t i = 0; i < p->file_count; i++)
		printf("  %.*s  %zu\n", STR_ARG(p->files[i].name), p->files[i].bytes.n);
}

static void print_pack_json(const struct pack *p, const char *key, struct str comment)
{
	struct buffer out;
	buffer_init(&out, 1u << 20);
	buffer_addf(&out, "{\"name\":");
	buffer_add_json(&out, str_of(p->name));
	buffer_addf(&out, ",\"version\":");
	buffer_add_json(&out, str_of(p->version));
	buffer_addf(
		&out, ",\"abi\":{\"major\":%u,\"minor\":%u},\"key\":", p->abi.major, p->abi.minor);
	buffer_add_json(&out, str_of(key));
	buffer_addf(&out, ",\"comment\":");
	buffer_add_json(&out, comment);
	buffer_addf(&out, ",\"files\":[");
	for (size_t i = 0; i < p->file_count; i++) {
		buffer_addf(&out, "%s{\"path\":", i > 0 ? "," : "");
		buffer_add_json(&out, p->files[i].name);
		buffer_addf(&out, ",\"bytes\":%zu}", p->files[i].bytes.n);
	}
	buffer_addf(&out, "]}\n");
	fwrite(out.p, 1, out.n, stdout);
	buffer_deinit(&out);
}

/* The signature first: nothing of a pack is read that nobody has signed. */
static int verify(const struct policy_options *o, struct str file, struct str signature)
{
	struct signature_key keys[POLICY_WORDS_MAX];
	struct str comment;
	struct pack pack;
	char message[300], name[2 * SIGNATURE_KEY_ID_BYTES + 1];
	size_t by;
	if (!read_keys(o, keys))
		return EXIT_NO;
	if (signature_verify(keys, o->key_count, file, signature, &by, &comment, message,
		    sizeof(message)) != RC_OK ||
		pack_read(file, &pack, message, sizeof(message)) != RC_OK)
		return policy_fail("%s: %s", o->words[0], message);
	signature_key_name(&keys[by], name);
	if (o->json)
		print_pack_json(&pack, name, comment);
	else
		print_pack(&pack, name, comment);
	pack_deinit(&pack);
	return EXIT_YES;
}

int policy_verify(const struct policy_options *o)
{
	struct buffer file, signature;
	char *path = heap_printf("%s.minisig", o->words[0]);
	bool has_file = whole_file_read(o->words[0], PACK_BYTES_MAX, &file);
	bool has_signature = whole_file_read(path, SIGNATURE_TEXT_BYTES_MAX, &signature);
	int code = has_file && has_signature ? verify(o, buffer_str(&file), buffer_str(&signature))
					     : EXIT_NO;
	buffer_deinit(&file);
	buffer_deinit(&signature);
	free(path);
	return code;
}
