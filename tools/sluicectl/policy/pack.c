/* SPDX-License-Identifier: Apache-2.0 */
#include "package/pack.h"

#include "base/memory.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/policy/definition.h"
#include "sluicectl/policy/files.h"
#include "sluicectl/policy/judge.h"
#include "sluicectl/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define README_BYTES_MAX (1u << 20)

struct packing {
	const struct policy_options *options;
	struct buffer plugins[POLICY_WORDS_MAX];
	struct buffer readme;
	size_t read_count; /* of plugins */
};

/* NAME of folder/NAME.so. */
static struct str name_of(const char *path)
{
	return str_file_stem(path, STR(".so"));
}

static bool read_plugins(struct packing *p)
{
	const struct policy_options *o = p->options;
	for (size_t i = 0; i < o->word_count; i++) {
		if (!str_eq(name_of(o->words[i]), name_of(o->words[0]))) {
			policy_fail("%s and %s: one pack holds one plugin, under one name for each "
				    "machine",
				o->words[0], o->words[i]);
			return false;
		}
		p->read_count++;
		if (!whole_file_read(o->words[i], PACKAGE_FILE_BYTES_MAX, &p->plugins[i]))
			return false;
	}
	return true;
}

/* README.md beside the plugin, or above the folder that it was built in. Heap; NULL: there is none.
 */
static char *find_readme(const char *plugin)
{
	const char *slash = strrchr(plugin, '/');
	struct str folder = slash ? str_n(plugin, (size_t)(slash - plugin) + 1) : STR("");
	for (int up = 0; up < 2; up++) {
		char *path = heap_printf("%.*s%sREADME.md", STR_ARG(folder), up ? "../" : "");
		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static bool read_readme(struct packing *p)
{
	const struct policy_options *o = p->options;
	char *found = o->readme ? heap_strdup(o->readme) : find_readme(o->words[0]);
	bool is_read = !found || whole_file_read(found, README_BYTES_MAX, &p->readme);
	free(found);
	return is_read;
}

/* Of all policies of the plugin; printed when there is none. */
static struct str version_of(const struct definitions *d, const char *path)
{
	struct str version = d->items[0].version;
	for (size_t i = 1; i < d->count; i++)
		if (!str_eq(d->items[i].version, version)) {
			policy_fail("%s: its policies %.*s and %.*s have different versions", path,
				STR_ARG(d->items[0].name), STR_ARG(d->items[i].name));
			return STR_EMPTY;
		}
	if (version.n == 0)
		policy_fail("%s: its definition has no metadata.version", path);
	return version;
}

static int write_pack(struct packing *p, struct str version)
{
	const struct policy_options *o = p->options;
	struct str plugins[POLICY_WORDS_MAX];
	char message[300];
	struct buffer out;
	for (size_t i = 0; i < o->word_count; i++)
		plugins[i] = buffer_str(&p->plugins[i]);
	struct pack_source source = {.name = name_of(o->words[0]),
		.version = version,
		.readme = buffer_str(&p->readme),
		.plugins = plugins,
		.plugin_count = o->word_count};
	buffer_init(&out, PACK_BYTES_MAX);
	enum rc rc = pack_write(&source, &out, message, sizeof(message));
	char *path = heap_printf("%s/%.*s-%.*s.tar.zst", o->out ? o->out : ".",
		STR_ARG(source.name), STR_ARG(version));
	int code = EXIT_NO;
	if (rc != RC_OK)
		policy_fail("%s", message);
	else if (whole_file_write(path, buffer_str(&out), 0644, o->force)) {
		printf("%s\n", path);
		code = EXIT_YES;
	}
	free(path);
	buffer_deinit(&out);
	return code;
}

/* The definitions are the same in all of them, as pack_write sees to. */
static bool judge_codes(const struct packing *p)
{
	const struct policy_options *o = p->options;
	struct package_facts facts;
	char message[200];
	bool is_any = false;
	for (size_t i = 0; i < o->word_count; i++) {
		if (package_inspect(buffer_str(&p->plugins[i]), PACKAGE_THIS_MACHINE, &facts,
			    message, sizeof(message)) != RC_OK)
			continue;
		is_any = true;
		if (!judge_code(o->words[i]))
			return false;
	}
	if (!is_any)
		policy_fail("warning: no file is for this machine, so that nobody has compared the "
			    "code with the definition");
	return true;
}

static int pack(struct packing *p)
{
	char message[200];
	struct package_facts facts;
	struct definitions definitions;
	const char *path = p->options->words[0];
	if (!read_plugins(p))
		return EXIT_NO;
	if (package_inspect(buffer_str(&p->plugins[0]), PACKAGE_ANY_MACHINE, &facts, message,
		    sizeof(message)) != RC_OK)
		return policy_fail("%s: %s", path, message);
	int code = EXIT_NO;
	struct str version = definitions_read(&definitions, path, facts.definition)
				     ? version_of(&definitions, path)
				     : STR_EMPTY;
	if (version.n > 0 && judge_codes(p) && read_readme(p))
		code = write_pack(p, version);
	definitions_deinit(&definitions);
	return code;
}

int policy_pack(const struct policy_options *o)
{
	struct packing p = {.options = o};
	buffer_init(&p.readme, 1);
	int code = pack(&p);
	for (size_t i = 0; i < p.read_count; i++)
		buffer_deinit(&p.plugins[i]);
	buffer_deinit(&p.readme);
	return code;
}
