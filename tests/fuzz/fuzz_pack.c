/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links package */
/* The first byte chooses: files of a tar, a whole pack, a signature, or a public key. What is taken
 * as a tar is what would be written of its files; views lie within the input; a refusal says why.
 */
#include "package/pack.h"
#include "package/signature.h"

#include "base/check.h"

#include <stdlib.h>

#define MESSAGE_BYTES 300

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_tar(struct str tar)
{
	struct tar_file files[TAR_FILES_MAX];
	struct buffer again;
	size_t count;
	char message[MESSAGE_BYTES] = "";
	if (tar_read(tar, files, &count, message, sizeof(message)) != RC_OK) {
		CHECK(message[0] != '\0');
		return;
	}
	buffer_init(&again, tar.n);
	CHECK(tar_write(files, count, &again, message, sizeof(message)) == RC_OK);
	CHECK(str_eq(buffer_str(&again), tar));
	buffer_deinit(&again);
}

static void check_pack(struct str bytes)
{
	struct pack p;
	char message[MESSAGE_BYTES] = "";
	if (pack_read(bytes, &p, message, sizeof(message)) == RC_OK) {
		CHECK(p.name && p.version && p.file_count > 1);
		pack_deinit(&p);
	} else {
		CHECK(message[0] != '\0');
	}
}

static void check_signature(struct str text)
{
	static const struct signature_key key = {.id = {1}};
	struct str comment = STR_EMPTY;
	char message[MESSAGE_BYTES] = "";
	/* Nobody has the secret of this point. */
	CHECK(signature_verify(&key, 1, STR("a file"), text, NULL, &comment, message,
		      sizeof(message)) != RC_OK);
	CHECK(message[0] != '\0');
}

static void check_key(struct str text)
{
	struct signature_key key, again;
	struct buffer written;
	char message[MESSAGE_BYTES] = "";
	if (signature_key_read(text, &key, message, sizeof(message)) != RC_OK) {
		CHECK(message[0] != '\0');
		return;
	}
	buffer_init(&written, 1000);
	signature_key_write(&key, &written);
	CHECK(signature_key_read(buffer_str(&written), &again, message, sizeof(message)) == RC_OK);
	CHECK(memcmp(&key, &again, sizeof(key)) == 0);
	buffer_deinit(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static void (*const checks[])(struct str) = {
		check_tar, check_pack, check_signature, check_key};
	if (n == 0)
		return 0;
	checks[bytes[0] % ARRAY_COUNT(checks)](str_n((const char *)bytes + 1, n - 1));
	return 0;
}
