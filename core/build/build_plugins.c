/* SPDX-License-Identifier: Apache-2.0 */
/* Plugins: the bytes that composition saw, by their digest, from the store; loaded once for good.
 */
#include "build/build_priv.h"

#include "package/package.h"
#include "policy/loader.h"
#include "policy/plugin_notes.h"
#include "policy/quarantine.h"

#include <errno.h>
#include <stdio.h>

/* A process that ends with its check sees one version of each: it needs no store. */
static enum rc locate(struct build *b, const char *path, const char *name,
	const uint8_t digest[SHA256_BYTES], char **stored, char *message, size_t size)
{
	if (!b->options->only_checks) {
		char *store = heap_printf("%s/plugins", b->options->state_dir);
		enum rc rc = package_store(store, path, name, digest, stored, message, size);
		free(store);
		return rc;
	}
	struct package package;
	enum rc rc = package_read(path, &package, message, size);
	if (rc != RC_OK)
		return rc;
	bool is_same = memcmp(package.sha256, digest, SHA256_BYTES) == 0;
	package_deinit(&package);
	if (is_same)
		*stored = heap_strdup(path);
	else
		snprintf(message, size, "%s has changed meanwhile", path);
	return is_same ? RC_OK : RC_INVALID;
}

/* The system has not enough of something, for now. */
static bool may_pass(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOSPC ||
	       error == EAGAIN || error == EIO;
}

static struct plugin *load(struct build *b, const struct plan_node *node, bool *is_quarantined,
	char *message, size_t size)
{
	uint8_t digest[SHA256_BYTES];
	if (sha256_from_hex(plan_string(node, "sha256", STR_EMPTY), digest) != RC_OK) {
		snprintf(message, size, "the plan has no digest of its plugin");
		return NULL;
	}
	if (quarantine_holds(quarantine_key_of_plugin(digest))) {
		*is_quarantined = true;
		snprintf(message, size,
			"it has crashed the gateway too often: it is quarantined (sluicectl "
			"quarantine lift plugin:%.*s)",
			STR_ARG(plan_string(node, "name", STR_EMPTY)));
		return NULL;
	}
	struct plugin *plugin = registry_plugin(b->options->registry, digest);
	if (plugin)
		return plugin;
	errno = 0;
	char *path = heap_strndup(plan_string(node, "path", STR_EMPTY));
	char *name = heap_strndup(plan_string(node, "name", STR_EMPTY));
	char *stored = NULL;
	if (locate(b, path, name, digest, &stored, message, size) == RC_OK &&
		plugin_load(b->options->registry, stored, digest, &plugin, message, size) != RC_OK)
		plugin = NULL;
	if (!plugin && b->options->lacked)
		*b->options->lacked |= may_pass(errno);
	free(stored);
	free(name);
	free(path);
	return plugin;
}

void build_plugins(struct build *b)
{
	const struct plan_node *list = plan_get(b->root, "plugins");
	b->plugin_count = plan_count(list);
	b->plugins = heap_zalloc((b->plugin_count + 1) * sizeof(struct built_plugin));
	for (size_t i = 0; i < b->plugin_count; i++) {
		char message[400] = "it cannot be loaded";
		struct built_plugin *p = &b->plugins[i];
		p->plugin = load(b, plan_at(list, i), &p->is_quarantined, message, sizeof(message));
		if (p->plugin && plugin_check_notes(p->plugin, plan_at(list, i), message,
					 sizeof(message)) != RC_OK)
			p->plugin = NULL;
		if (!p->plugin)
			p->error = heap_strdup(message);
	}
}
