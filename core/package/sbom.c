/* SPDX-License-Identifier: Apache-2.0 */
#include "package/sbom.h"

#include "crypto/crypto.h"
#include "package/code.h"

#include <stdlib.h>

#define LIBRARIES_MAX 64u

struct libraries {
	struct str names[LIBRARIES_MAX]; /* views into the plugins */
	size_t count;
};

static void add_library(void *arg, struct str name)
{
	struct libraries *all = arg;
	for (size_t i = 0; i < all->count; i++)
		if (str_eq(all->names[i], name))
			return;
	if (all->count < LIBRARIES_MAX)
		all->names[all->count++] = name;
}

static int compare_names(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void add_component(struct buffer *out, struct str name, struct str version,
	struct str plugin, const char *machine)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES];
	sha256(plugin, digest);
	sha256_hex(digest, hex);
	buffer_addf(out, "{\"type\": \"library\", \"name\": ");
	buffer_add_json(out, name);
	buffer_addf(out, ", \"version\": ");
	buffer_add_json(out, version);
	buffer_addf(out,
		", \"description\": \"for %s\", \"hashes\": [{\"alg\": \"SHA-256\", \"content\": "
		"\"%.*s\"}]}",
		machine, (int)sizeof(hex), hex);
}

void sbom_write(struct str name, struct str version, const struct str *plugins, size_t plugin_count,
	struct buffer *out)
{
	struct libraries libraries = {.count = 0};
	buffer_addf(out, "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  "
			 "\"version\": 1,\n"
			 "  \"metadata\": {\"component\": {\"type\": \"library\", \"name\": ");
	buffer_add_json(out, name);
	buffer_addf(out, ", \"version\": ");
	buffer_add_json(out, version);
	buffer_addf(out, "}},\n  \"components\": [");
	for (size_t i = 0; i < plugin_count; i++) {
		struct elf e;
		char unread[200];
		if (!elf_open(&e, plugins[i], unread, sizeof(unread)))
			continue;
		code_each_library(&e, add_library, &libraries);
		buffer_addf(out, "%s\n    ", i > 0 ? "," : "");
		add_component(out, name, version, plugins[i], elf_machine(&e));
	}
	qsort(libraries.names, libraries.count, sizeof(*libraries.names), compare_names);
	for (size_t i = 0; i < libraries.count; i++) {
		buffer_addf(out, ",\n    {\"type\": \"library\", \"name\": ");
		buffer_add_json(out, libraries.names[i]);
		buffer_addf(out, "}");
	}
	buffer_addf(out, "\n  ]\n}\n");
}
