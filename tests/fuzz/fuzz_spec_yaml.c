/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links json base */
/* fuzz: compiles plugins/spec-validation/yaml.c plugins/spec-validation/memory.c */
/* fuzz: packages yaml-0.1 */
/* Any bytes as YAML. What is taken becomes JSON, at most as long as aliases may make it; what is
 * not is told with its place. JSON in, the same JSON out, but for what YAML reads
 * otherwise: line breaks beyond ASCII, control characters, keys of more than 1,024 bytes. */
#include "plugin_host.h"

#include "json/json.h"

#include "spec-validation/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define JSON_MAX (8u << 20)

static struct json_document *read_yaml(struct sluice_str yaml, struct text *json)
{
	char message[300] = "";
	struct json_document *d;
	struct json_error error;
	text_init(json, &fuzz_call, JSON_MAX);
	int rc = yaml_to_json(yaml, json, message, sizeof(message));
	if (rc != 0) {
		CHECK(message[0] != '\0');
		return NULL;
	}
	struct sluice_str text = text_str(json);
	CHECK(!json->failed && text.n <= (1u << 20) + 10 * yaml.n + 64);
	if (json_parse((struct str){text.p, text.n}, &d, &error) == RC_OK)
		return d;
	/* Its strings may hold what JSON's reader does not take. */
	CHECK(strstr(error.message, "UTF-8") || strstr(error.message, "u0000") ||
		strstr(error.message, "NUL") || strstr(error.message, "number") ||
		strstr(error.message, "big") || strstr(error.message, "64"));
	return NULL;
}

static int is_yaml_too(struct sluice_str json)
{
	for (size_t i = 0; i < json.n; i++)
		if (json.p[i] < 0x20 || json.p[i] > 0x7e)
			return 0;
	return json.n <= 1024;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct text first, second;
	if (n > 4096)
		return 0;
	struct json_document *d = read_yaml((struct sluice_str){(const char *)bytes, n}, &first);
	if (d && is_yaml_too(text_str(&first))) {
		struct json_document *again = read_yaml(text_str(&first), &second);
		CHECK(again && json_is_equal(json_root(d), json_root(again)));
		json_free(again);
		text_deinit(&second);
	}
	json_free(d);
	text_deinit(&first);
	return 0;
}
