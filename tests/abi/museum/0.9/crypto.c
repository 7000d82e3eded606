/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/crypto.h"

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	const struct sluice_crypto_service *c = call->host->service(SLUICE_CRYPTO_SERVICE);
	uint8_t digest[32];
	char text[8];
	SEE(SLUICE_HAS(c, keyed_hash));
	SEE(c->constant_time_equal(SLUICE_STR("same"), SLUICE_STR("same")) == 1);
	SEE(c->constant_time_equal(SLUICE_STR("same"), SLUICE_STR("sane")) == 0);
	SEE(c->base64_decode(SLUICE_STR("YWJj"), text) == 3 && memcmp(text, "abc", 3) == 0);
	SEE(c->base64_decode(SLUICE_STR("YWJ"), text) == SLUICE_E_INVALID);
	c->sha256(SLUICE_STR("abc"), digest); /* FIPS 180-2, B.1 */
	SEE(digest[0] == 0xba && digest[1] == 0x78 && digest[31] == 0xad);
	SEE(c->random(digest, sizeof(digest)) == SLUICE_OK);
	/* The paper's vector: 15 bytes, 0 to 14. */
	SEE(c->keyed_hash(key, (struct sluice_str){(const char *)key, 15}) == 0xa129ca6149be45e5);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "crypto",
	.version = "1.0.0",
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("crypto", SLUICE_CRYPTO_SERVICE, NULL)
