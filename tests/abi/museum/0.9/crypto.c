/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/crypto.h"

/* RFC 8037, appendix A.4: key, what was signed, signature. */
static const char key_x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
static const char signed_text[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char signature_text[] =
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
	"hVsPt9g7sVvpAr_MuM0KAg";

static void see_signatures(
	const struct sluice_call *call, const struct sluice_crypto_service *c)
{
	char x[48], signature[80];
	struct sluice_key *key = NULL;
	struct sluice_key_source source = {.size = sizeof(source), .kind = SLUICE_KEY_ED25519};
	SEE(SLUICE_HAS(c, signature_check));
	SEE(c->base64url_decode(SLUICE_STR(key_x), x) == 32);
	SEE(c->base64url_decode(SLUICE_STR("YWJj="), signature) == SLUICE_E_INVALID);
	SEE(c->base64url_decode(SLUICE_STR(signature_text), signature) == 64);
	source.first = (struct sluice_str){x, 31};
	SEE(c->key_new(&source, &key) == SLUICE_E_INVALID);
	source.first.n = 32;
	SEE(c->key_new(&source, &key) == SLUICE_OK);
	SEE(c->key_kind(key) == SLUICE_KEY_ED25519);
	SEE(c->key_fits(key, SLUICE_EDDSA) == 1 && c->key_fits(key, SLUICE_HS256) == 0);
	SEE(c->signature_check(key, SLUICE_EDDSA, SLUICE_STR(signed_text),
		    (struct sluice_str){signature, 64}) == SLUICE_OK);
	SEE(c->signature_check(key, SLUICE_EDDSA, SLUICE_STR("another"),
		    (struct sluice_str){signature, 64}) == SLUICE_E_INVALID);
	SEE(c->signature_check(key, SLUICE_RS256, SLUICE_STR(signed_text),
		    (struct sluice_str){signature, 64}) == SLUICE_E_UNSUPPORTED);
	c->key_free(key);
}

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
	see_signatures(call, c);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "crypto",
	.version = "1.0.0",
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("crypto", SLUICE_CRYPTO_SERVICE, NULL)
