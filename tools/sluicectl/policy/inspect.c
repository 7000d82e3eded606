/* SPDX-License-Identifier: Apache-2.0 */
#include "package/package.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/policy/definition.h"
#include "sluicectl/policy/files.h"
#include "sluicectl/policy/policy.h"

#include <stdio.h>

struct inspection {
	const char *path;
	struct str bytes;
	struct package_facts facts;
	struct definitions definitions;
};

static void print_definition(const struct definition *d)
{
	printf("policy:    %.*s %.*s", STR_ARG(d->name), STR_ARG(d->version));
	if (d->title.n > 0)
		printf("  (%.*s)", STR_ARG(d->title));
	printf("\n  stage:   %.*s\n", STR_ARG(d->stage));
	printf("  bodies:  request %.*s, response %.*s\n", STR_ARG(d->request_body),
		STR_ARG(d->response_body));
}

static void print_text(const struct inspection *i)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES];
	sha256(i->bytes, digest);
	sha256_hex(digest, hex);
	printf("file:      %s\nmachine:   %s\n", i->path, i->facts.machine);
	if (i->facts.abi.major || i->facts.abi.minor)
		printf("abi:       %u.%u or later\n", i->facts.abi.major, i->facts.abi.minor);
	else
		printf("abi:       it does not say\n");
	printf("sha256:    %.*s\n", (int)sizeof(hex), hex);
	for (size_t k = 0; k < i->definitions.count; k++)
		print_definition(&i->definitions.items[k]);
	printf("definition:\n%.*s", STR_ARG(i->facts.definition));
}

static void add_member(struct buffer *out, const char *key, struct str value)
{
	buffer_addf(out, "\"%s\":", key);
	buffer_add_json(out, value);
}

static void add_policies(struct buffer *out, const struct definitions *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct definition *d = &all->items[i];
		buffer_addf(out, "%s{", i > 0 ? "," : "");
		add_member(out, "name", d->name);
		buffer_add_char(out, ',');
		add_member(out, "version", d->version);
		buffer_add_char(out, ',');
		add_member(out, "stage", d->stage);
		buffer_add_char(out, ',');
		add_member(out, "requestBody", d->request_body);
		buffer_add_char(out, ',');
		add_member(out, "responseBody", d->response_body);
		buffer_add_char(out, '}');
	}
}

static void print_json(const struct inspection *i)
{
	struct buffer out;
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES];
	sha256(i->bytes, digest);
	sha256_hex(digest, hex);
	buffer_init(&out, 8u << 20);
	buffer_addf(&out, "{\"machine\":\"%s\",\"abi\":{\"major\":%u,\"minor\":%u},",
		i->facts.machine, i->facts.abi.major, i->facts.abi.minor);
	add_member(&out, "sha256", str_n(hex, sizeof(hex)));
	buffer_addf(&out, ",\"policies\":[");
	add_policies(&out, &i->definitions);
	buffer_addf(&out, "],");
	add_member(&out, "definition", i->facts.definition);
	buffer_addf(&out, "}\n");
	fwrite(out.p, 1, out.n, stdout);
	buffer_deinit(&out);
}

static int inspect(struct inspection *i, bool json)
{
	char message[200];
	if (package_inspect(i->bytes, PACKAGE_ANY_MACHINE, &i->facts, message, sizeof(message)) !=
		RC_OK)
		return policy_fail("%s: %s", i->path, message);
	bool is_read = definitions_read(&i->definitions, i->path, i->facts.definition);
	if (is_read && json)
		print_json(i);
	else if (is_read)
		print_text(i);
	definitions_deinit(&i->definitions);
	return is_read ? EXIT_YES : EXIT_NO;
}

int policy_inspect(const struct policy_options *o)
{
	struct buffer bytes;
	struct inspection i = {.path = o->words[0]};
	int code = EXIT_NO;
	if (whole_file_read(i.path, PACKAGE_FILE_BYTES_MAX, &bytes)) {
		i.bytes = buffer_str(&bytes);
		code = inspect(&i, o->json);
	}
	buffer_deinit(&bytes);
	return code;
}
