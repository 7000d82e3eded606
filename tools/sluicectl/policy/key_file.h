/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/policy/key_file.h - a secret key in minisign's format, with a password or without. */
#pragma once

#include "package/signature.h"

/* `password` is empty: none. The key's text, to be wiped by the caller. False: scrypt takes 1 GiB
 * for a password, which is not to be had. */
MUST_USE bool key_file_write(
	const struct signing_key *key, struct str password, struct buffer *out);

enum key_file_result {
	KEY_FILE_OK,
	KEY_FILE_INVALID,        /* no secret key, or damaged */
	KEY_FILE_NEEDS_PASSWORD, /* it has one, and `password` is empty */
	KEY_FILE_WRONG_PASSWORD,
	KEY_FILE_NO_MEMORY /* for its password */
};
enum key_file_result key_file_read(struct str text, struct str password, struct signing_key *out);
