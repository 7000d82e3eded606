/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links json base */
/* fuzz: compiles plugins/json-threat-protection/scan.c */
/* The first byte chooses limits; the rest is a text. The scanner takes what the gateway's own
 * reader of JSON takes, and more only where that one is narrower: deep nesting, long numbers, NUL.
 * Its verdict does not depend on what it scanned before. */
#include "plugin_host.h"

#include "json/json.h"

#include "json-threat-protection/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* No randomness: what is found has to be found again. */
static int32_t no_random(void *out, size_t n)
{
	memset(out, 7, n);
	return SLUICE_OK;
}

static uint64_t plain_hash(const uint8_t key[16], struct sluice_str bytes)
{
	return str_hash((struct str){bytes.p, bytes.n});
}

static const struct sluice_crypto_service crypto = {
	.size = sizeof(crypto), .random = no_random, .keyed_hash = plain_hash};

static enum scan_verdict scan_alone(const struct scan_limits *limits, struct sluice_str text)
{
	struct scanner s;
	size_t at = 0;
	CHECK(scanner_init(&s, &fuzz_call, &crypto) == 0);
	enum scan_verdict v = scan(&s, limits, text, &at);
	CHECK(at <= text.n);
	scanner_deinit(&s);
	return v;
}

/* The same scanner, behind another text. */
static enum scan_verdict scan_behind(const struct scan_limits *limits, struct sluice_str text)
{
	struct scanner s;
	size_t at = 0;
	CHECK(scanner_init(&s, &fuzz_call, &crypto) == 0);
	scan(&s, limits, SLUICE_STR("{\"a\":[{\"b\":{}}],\"c\":\"\\u0041\"}"), &at);
	scan(&s, limits, text, &at);
	enum scan_verdict v = scan(&s, limits, text, &at);
	scanner_deinit(&s);
	return v;
}

static void compare(struct sluice_str text, enum scan_verdict strict)
{
	struct json_document *d;
	struct json_error error;
	enum rc rc = json_parse((struct str){text.p, text.n}, &d, &error);
	if (rc == RC_OK) {
		CHECK(strict == SCAN_OK);
		json_free(d);
		return;
	}
	bool is_narrower = strstr(error.message, "deep") || strstr(error.message, "number") ||
			   strstr(error.message, "big") || strstr(error.message, "NUL") ||
			   strstr(error.message, "u0000") || strstr(error.message, "64");
	CHECK(strict != SCAN_OK || is_narrower);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct scan_limits wide = {-1, -1, -1, -1, -1, -1, 1};
	static const struct scan_limits all[] = {{-1, -1, -1, -1, -1, -1, 0}, {2, 2, 3, 3, 4, 5, 1},
		{1, 0, 0, 0, 0, 1, 0}, {10, 20, 30, 40, 50, 60, 1}};
	if (n < 1 || n > 4096)
		return 0;
	char *exact = malloc(n);
	CHECK(exact);
	memcpy(exact, bytes + 1, n - 1);
	struct sluice_str text = {exact, n - 1};
	const struct scan_limits *limits = &all[bytes[0] % 4];
	enum scan_verdict v = scan_alone(limits, text);
	CHECK(scan_behind(limits, text) == v);
	enum scan_verdict strict = scan_alone(&wide, text);
	if (v == SCAN_OK && limits->unique_names)
		CHECK(strict == SCAN_OK);
	if (strict == SCAN_OK)
		CHECK(v != SCAN_INVALID && v != SCAN_DUPLICATE);
	compare(text, strict);
	free(exact);
	return 0;
}
