/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secret_digest.h"

#include "base/buffer.h"

void secret_digest(
	struct str owner, struct str name, struct str secret, uint8_t out[SHA256_BYTES])
{
	struct buffer salt;
	buffer_init(&salt, SIZE_MAX);
	buffer_addf(&salt, "%.*s\n%.*s", STR_ARG(owner), STR_ARG(name));
	hmac_sha256(buffer_str(&salt), secret, out);
	buffer_deinit(&salt);
}
