/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin itself: its definitions, and whether its code is what they say. */
#include "testing/testing_priv.h"

#include "base/memory.h"
#include "config/config.h"
#include "config/document.h"
#include "package/package.h"
#include "policy/loader.h"
#include "policy/plugin_notes.h"
#include "services/services.h"

#include <stdio.h>
#include <stdlib.h>

struct judging {
	struct sluice_test *t;
	const char *shown; /* what messages call it */
	const struct package *package;
	struct document_set documents;
	struct plugin *plugin;
};

static void complain(struct judging *j, const char *why)
{
	struct position at = {j->shown, 0, 0};
	diagnostics_add(&j->t->diagnostics, SEVERITY_ERROR, at, "", "%s", why);
}

static struct str text(const struct node *map, const char *key)
{
	const struct node *n = node_member(map, str_of(key));
	return n && n->type == NODE_STRING ? n->u.string : STR_EMPTY;
}

static const struct node *metadata(const struct node *root)
{
	return node_member(root, STR("metadata"));
}

static void check_definitions(struct judging *j)
{
	char message[400];
	for (const struct node *n = j->documents.roots; n; n = n->next)
		if (plugin_check_policy(j->plugin, text(metadata(n), "name"),
			    text(metadata(n), "version"), message, sizeof(message)) != RC_OK)
			complain(j, message);
}

static bool is_defined(const struct judging *j, struct str policy)
{
	const struct node *n = j->documents.roots;
	while (n && !str_eq(text(metadata(n), "name"), policy))
		n = n->next;
	return n != NULL;
}

/* The other way: what nobody can bind. */
static void check_code(struct judging *j)
{
	for (size_t i = 0; i < plugin_policy_count(j->plugin); i++) {
		struct str name = plugin_policy_name(j->plugin, i);
		if (is_defined(j, name))
			continue;
		char *why =
			heap_printf("its code has the policy %.*s, which its policy.yaml does not "
				    "define",
				STR_ARG(name));
		complain(j, why);
		free(why);
	}
}

static void check_abi(struct judging *j)
{
	const struct package_abi *said = &j->package->abi;
	char message[300], abi[24] = "";
	if (said->major || said->minor)
		snprintf(abi, sizeof(abi), "%u.%u", said->major, said->minor);
	if (plugin_check_abi(j->plugin, str_of(abi), message, sizeof(message)) != RC_OK)
		complain(j, message);
}

static void judge_code(struct judging *j)
{
	char message[400];
	struct diagnostics *d = &j->t->diagnostics;
	struct registry *registry = registry_new();
	services_register(registry);
	struct str yaml = str_n(j->package->definition, j->package->definition_bytes);
	bool is_yaml = document_set_read(&j->documents, j->shown, yaml, d) == RC_OK;
	if (plugin_load(registry, j->package->path, j->package->sha256, &j->plugin, message,
		    sizeof(message)) != RC_OK) {
		complain(j, message);
	} else if (is_yaml) {
		check_abi(j);
		check_definitions(j);
		check_code(j);
	}
	document_set_deinit(&j->documents);
	registry_free(registry);
}

static void judge(struct sluice_test *t)
{
	char message[400];
	struct package package;
	bool is_here = strncmp(t->plugin, "./", 2) == 0;
	struct judging j = {.t = t, .shown = t->plugin + (is_here ? 2 : 0), .package = &package};
	if (package_read(t->plugin, &package, message, sizeof(message)) != RC_OK) {
		diagnostics_add(
			&t->diagnostics, SEVERITY_ERROR, (struct position){0}, "", "%s", message);
		return;
	}
	struct str yaml = str_n(package.definition, package.definition_bytes);
	if (config_judge_definitions(j.shown, yaml, &t->diagnostics) == RC_OK)
		judge_code(&j);
	package_deinit(&package);
}

const char *sluice_test_judge(struct sluice_test *t)
{
	if (t->is_composed) {
		testing_fail("a plugin is judged before the first request");
		return "";
	}
	judge(t);
	buffer_reset(&t->problems);
	diagnostics_print(&t->diagnostics, &t->problems);
	buffer_add_char(&t->problems, '\0');
	diagnostics_deinit(&t->diagnostics);
	diagnostics_init(&t->diagnostics);
	return t->problems.p;
}
