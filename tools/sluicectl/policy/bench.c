/* SPDX-License-Identifier: Apache-2.0 */
/* bench: hands over to sluice-policy-bench, which runs the policy; this program loads no plugin. */
#include "base/check.h"
#include "base/memory.h"
#include "package/package.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/policy/definition.h"
#include "sluicectl/policy/files.h"
#include "sluicectl/policy/policy.h"
#include "sluicectl/policy/project.h"

#include <stdlib.h>

#define ARGUMENTS_MAX (16 + 2 * POLICY_WORDS_MAX)

struct arguments {
	const char *all[ARGUMENTS_MAX];
	size_t count;
};

static void add(struct arguments *a, const char *name, const char *value)
{
	if (!value)
		return;
	if (name)
		a->all[a->count++] = name;
	a->all[a->count++] = value;
}

static int run(const struct policy_options *o, const char *policy)
{
	struct arguments a = {.count = 0};
	char *prefix = sdk_prefix();
	if (!prefix)
		return EXIT_NO;
	char *program = heap_printf("%s/bin/sluice-policy-bench", prefix);
	add(&a, NULL, program);
	add(&a, NULL, o->words[0]);
	add(&a, NULL, policy);
	add(&a, "--config", o->config);
	add(&a, "--request", o->request);
	add(&a, "--body", o->body);
	add(&a, "--count", o->count);
	for (size_t i = 0; i < o->header_count; i++)
		add(&a, "--header", o->headers[i]);
	add(&a, NULL, o->json ? "--json" : NULL);
	int ended = run_program(a.all);
	int code = ended == EXIT_YES || ended == EXIT_USAGE ? ended : EXIT_NO;
	free(program);
	free(prefix);
	return code;
}

/* The one that is asked for, or the only one. */
static int choose(const struct policy_options *o, const struct definitions *all)
{
	char *name = NULL;
	for (size_t i = 0; i < all->count; i++)
		if (o->policy ? str_eq(all->items[i].name, str_of(o->policy)) : all->count == 1)
			name = heap_strndup(all->items[i].name);
	if (!name && o->policy)
		return policy_fail("%s: has no policy '%s'", o->words[0], o->policy);
	if (!name)
		return policy_fail(
			"%s: has %zu policies; --policy says which", o->words[0], all->count);
	int code = run(o, name);
	free(name);
	return code;
}

int policy_bench(const struct policy_options *o)
{
	struct buffer bytes;
	struct package_facts facts;
	struct definitions definitions;
	char message[200];
	int code = EXIT_NO;
	if (!whole_file_read(o->words[0], PACKAGE_FILE_BYTES_MAX, &bytes)) {
		buffer_deinit(&bytes);
		return EXIT_NO;
	}
	/* It is run: what cannot be loaded here is refused with a sentence. */
	if (package_inspect(buffer_str(&bytes), PACKAGE_THIS_MACHINE, &facts, message,
		    sizeof(message)) != RC_OK) {
		policy_fail("%s: %s", o->words[0], message);
	} else {
		if (definitions_read(&definitions, o->words[0], facts.definition))
			code = choose(o, &definitions);
		definitions_deinit(&definitions);
	}
	buffer_deinit(&bytes);
	return code;
}
