/* SPDX-License-Identifier: Apache-2.0 */
#include "package/pack.h"

#include "base/check.h"
#include "base/memory.h"
#include "json/json.h"
#include "package/package_priv.h"
#include "package/sbom.h"
#include "package/zstd_frame.h"

#include <stdlib.h>

#define FORMAT             "sluice-pack/1"
#define MANIFEST           "manifest.json"
#define DEFINITION         "policy.yaml"
#define README             "README.md"
#define SBOM               "sbom.cdx.json"
#define PLUGINS_MAX        16u
#define MANIFEST_BYTES_MAX 65536u

/* --- writing --------------------------------------------------------------------------------- */
struct plugin {
	struct str bytes;
	struct package_facts facts;
};

struct draft {
	const struct pack_source *source;
	struct package_message message;
	struct tar_file files[TAR_FILES_MAX];
	size_t count;
	char *paths[PLUGINS_MAX]; /* owned */
	size_t path_count;
	struct plugin plugins[PLUGINS_MAX];
	struct package_abi abi; /* the greatest of all */
	struct buffer manifest, sbom;
};

static void add_file(struct draft *d, struct str name, struct str bytes)
{
	CHECK(d->count < TAR_FILES_MAX);
	d->files[d->count++] = (struct tar_file){name, bytes};
}

static int compare_plugins(const void *a, const void *b)
{
	const struct plugin *x = a, *y = b;
	return strcmp(x->facts.machine, y->facts.machine);
}

/* One plugin for each machine, in the order of the machines' names. */
static enum rc inspect_plugins(struct draft *d)
{
	const struct pack_source *s = d->source;
	char detail[200];
	if (s->plugin_count == 0 || s->plugin_count > PLUGINS_MAX)
		return package_fail(d->message, RC_INVALID, "%zu plugins; 1 to %u are possible",
			s->plugin_count, PLUGINS_MAX);
	for (size_t i = 0; i < s->plugin_count; i++) {
		struct plugin p = {.bytes = s->plugins[i]};
		if (package_inspect(p.bytes, PACKAGE_ANY_MACHINE, &p.facts, detail,
			    sizeof(detail)) != RC_OK)
			return package_fail(d->message, RC_INVALID, "a plugin %s", detail);
		d->plugins[i] = p;
	}
	qsort(d->plugins, s->plugin_count, sizeof(d->plugins[0]), compare_plugins);
	return RC_OK;
}

static enum rc add_plugin(struct draft *d, const struct plugin *p)
{
	const struct plugin *first = &d->plugins[0];
	if (!str_eq(p->facts.definition, first->facts.definition))
		return package_fail(d->message, RC_INVALID,
			"the plugin for %s has another definition than the one for %s",
			p->facts.machine, first->facts.machine);
	d->abi.major = p->facts.abi.major;
	if (p->facts.abi.minor > d->abi.minor)
		d->abi.minor = p->facts.abi.minor;
	char *path = heap_printf("%s/%.*s.so", p->facts.machine, STR_ARG(d->source->name));
	d->paths[d->path_count++] = path;
	add_file(d, str_of(path), p->bytes);
	return RC_OK;
}

static void write_manifest(const struct draft *d, struct buffer *out)
{
	buffer_addf(out, "{\n  \"format\": \"" FORMAT "\",\n  \"name\": ");
	buffer_add_json(out, d->source->name);
	buffer_addf(out, ",\n  \"version\": ");
	buffer_add_json(out, d->source->version);
	buffer_addf(out, ",\n  \"abi\": {\"major\": %u, \"minor\": %u},\n  \"files\": [",
		d->abi.major, d->abi.minor);
	for (size_t i = 0; i < d->count; i++) {
		uint8_t digest[SHA256_BYTES];
		char hex[2 * SHA256_BYTES];
		sha256(d->files[i].bytes, digest);
		sha256_hex(digest, hex);
		buffer_addf(out,
			"%s\n    {\"path\": \"%.*s\", \"bytes\": %zu, \"sha256\": \"%.*s\"}",
			i > 0 ? "," : "", STR_ARG(d->files[i].name), d->files[i].bytes.n,
			(int)sizeof(hex), hex);
	}
	buffer_addf(out, "\n  ]\n}\n");
}

static enum rc draft(struct draft *d)
{
	const struct pack_source *s = d->source;
	struct str plugins[PLUGINS_MAX];
	if (inspect_plugins(d) != RC_OK)
		return RC_INVALID;
	for (size_t i = 0; i < s->plugin_count; i++) {
		plugins[i] = d->plugins[i].bytes;
		if (add_plugin(d, &d->plugins[i]) != RC_OK)
			return RC_INVALID;
	}
	add_file(d, STR(DEFINITION), d->plugins[0].facts.definition);
	if (s->readme.n > 0)
		add_file(d, STR(README), s->readme);
	sbom_write(s->name, s->version, plugins, s->plugin_count, &d->sbom);
	add_file(d, STR(SBOM), buffer_str(&d->sbom));
	write_manifest(d, &d->manifest);
	add_file(d, STR(MANIFEST), buffer_str(&d->manifest));
	return RC_OK;
}

static enum rc write_draft(struct draft *d, struct buffer *out)
{
	struct buffer tar;
	buffer_init(&tar, PACK_BYTES_MAX);
	enum rc rc = tar_write(d->files, d->count, &tar, d->message.text, d->message.size);
	if (rc == RC_OK && tar.failed)
		rc = package_fail(d->message, RC_INVALID, "has more than %u bytes", PACK_BYTES_MAX);
	if (rc == RC_OK)
		zstd_compress(buffer_str(&tar), out);
	buffer_deinit(&tar);
	return rc;
}

enum rc pack_write(
	const struct pack_source *source, struct buffer *out, char *message, size_t message_size)
{
	struct draft d = {.source = source, .message = {message, message_size}};
	buffer_init(&d.manifest, MANIFEST_BYTES_MAX);
	buffer_init(&d.sbom, MANIFEST_BYTES_MAX);
	enum rc rc = draft(&d) == RC_OK ? write_draft(&d, out) : RC_INVALID;
	for (size_t i = 0; i < d.path_count; i++)
		free(d.paths[i]);
	buffer_deinit(&d.manifest);
	buffer_deinit(&d.sbom);
	return rc;
}

/* --- reading --------------------------------------------------------------------------------- */
static struct str string_of(const struct json_value *v, struct str key)
{
	const struct json_value *found = json_get(v, key);
	return found && found->type == JSON_STRING ? found->u.string : STR_EMPTY;
}

static uint32_t number_of(const struct json_value *v, struct str key)
{
	const struct json_value *found = json_get(v, key);
	bool is_number = found && found->type == JSON_INTEGER && found->u.integer >= 0 &&
			 found->u.integer <= UINT32_MAX;
	return is_number ? (uint32_t)found->u.integer : UINT32_MAX;
}

static bool has_digest(struct str bytes, struct str hex)
{
	uint8_t expected[SHA256_BYTES], digest[SHA256_BYTES];
	sha256(bytes, digest);
	return sha256_from_hex(hex, expected) == RC_OK &&
	       memcmp(expected, digest, sizeof(digest)) == 0;
}

/* Every file but the manifest is in its list, once, with its digest. */
static enum rc check_files(
	const struct pack *p, const struct json_value *files, struct package_message m)
{
	bool is_list = files && files->type == JSON_ARRAY;
	if (!is_list || files->u.array.count + 1 != p->file_count)
		return package_fail(m, RC_INVALID, "has other files than its manifest lists");
	for (uint32_t i = 0; i < files->u.array.count; i++) {
		struct str path = string_of(&files->u.array.items[i], STR("path"));
		const struct tar_file *f = pack_find(p, path);
		for (uint32_t k = 0; f && k < i; k++)
			if (str_eq(string_of(&files->u.array.items[k], STR("path")), path))
				f = NULL;
		if (!f || str_eq(path, STR(MANIFEST)))
			return package_fail(
				m, RC_INVALID, "has other files than its manifest lists");
		if (!has_digest(f->bytes, string_of(&files->u.array.items[i], STR("sha256"))))
			return package_fail(m, RC_INVALID,
				"is damaged: %.*s has another digest than the manifest says",
				STR_ARG(path));
	}
	return RC_OK;
}

static enum rc check_plugin(
	const struct pack *p, const struct tar_file *f, struct package_message m)
{
	struct package_facts facts;
	char detail[200];
	const struct tar_file *definition = pack_find(p, STR(DEFINITION));
	if (package_inspect(f->bytes, PACKAGE_ANY_MACHINE, &facts, detail, sizeof(detail)) != RC_OK)
		return package_fail(m, RC_INVALID, "%.*s %s", STR_ARG(f->name), detail);
	char *path = heap_printf("%s/%s.so", facts.machine, p->name);
	bool is_place = str_eq(f->name, str_of(path));
	free(path);
	if (!is_place)
		return package_fail(
			m, RC_INVALID, "%.*s is a plugin for %s", STR_ARG(f->name), facts.machine);
	if (!definition || !str_eq(facts.definition, definition->bytes))
		return package_fail(m, RC_INVALID, "%.*s has another definition than " DEFINITION,
			STR_ARG(f->name));
	if (facts.abi.major != p->abi.major || facts.abi.minor > p->abi.minor)
		return package_fail(m, RC_INVALID, "%.*s needs another ABI than the manifest says",
			STR_ARG(f->name));
	return RC_OK;
}

static enum rc check_plugins(const struct pack *p, struct package_message m)
{
	size_t found = 0;
	for (size_t i = 0; i < p->file_count; i++) {
		if (!str_ends(p->files[i].name, STR(".so")))
			continue;
		if (check_plugin(p, &p->files[i], m) != RC_OK)
			return RC_INVALID;
		found++;
	}
	return found > 0 ? RC_OK : package_fail(m, RC_INVALID, "holds no plugin");
}

static enum rc check_manifest(
	struct pack *p, const struct json_value *root, struct package_message m)
{
	const struct json_value *abi = json_get(root, STR("abi"));
	struct str name = string_of(root, STR("name")), version = string_of(root, STR("version"));
	if (!str_eq(string_of(root, STR("format")), STR(FORMAT)))
		return package_fail(m, RC_INVALID, "is of another format than " FORMAT);
	if (name.n == 0 || version.n == 0)
		return package_fail(m, RC_INVALID, "has no name or no version in its manifest");
	p->name = heap_strndup(name);
	p->version = heap_strndup(version);
	p->abi = (struct package_abi){number_of(abi, STR("major")), number_of(abi, STR("minor"))};
	enum rc rc = check_files(p, json_get(root, STR("files")), m);
	return rc == RC_OK ? check_plugins(p, m) : rc;
}

static enum rc read_manifest(struct pack *p, struct package_message m)
{
	struct json_document *d;
	struct json_error error;
	const struct tar_file *manifest = pack_find(p, STR(MANIFEST));
	if (!manifest || manifest->bytes.n > MANIFEST_BYTES_MAX)
		return package_fail(m, RC_INVALID, "has no " MANIFEST);
	if (json_parse(manifest->bytes, &d, &error) != RC_OK)
		return package_fail(m, RC_INVALID, MANIFEST ":%u:%u: %s", error.line, error.column,
			error.message);
	enum rc rc = check_manifest(p, json_root(d), m);
	json_free(d);
	return rc;
}

enum rc pack_read(struct str bytes, struct pack *out, char *message, size_t message_size)
{
	struct package_message m = {message, message_size};
	struct pack p = {.file_count = 0};
	buffer_init(&p.tar, PACK_BYTES_MAX);
	enum rc rc = zstd_decompress(bytes, &p.tar, message, message_size);
	if (rc == RC_OK)
		rc = tar_read(buffer_str(&p.tar), p.files, &p.file_count, message, message_size);
	if (rc == RC_OK)
		rc = read_manifest(&p, m);
	if (rc == RC_OK)
		*out = p;
	else
		pack_deinit(&p);
	return rc;
}

void pack_deinit(struct pack *p)
{
	buffer_deinit(&p->tar);
	free(p->name);
	free(p->version);
	*p = (struct pack){.file_count = 0};
}

const struct tar_file *pack_find(const struct pack *p, struct str name)
{
	for (size_t i = 0; i < p->file_count; i++)
		if (str_eq(p->files[i].name, name))
			return &p->files[i];
	return NULL;
}
