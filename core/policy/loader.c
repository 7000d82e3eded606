/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/loader.h"

#include "handover/trail.h"
#include "policy/policy_priv.h"
#include "policy/quarantine.h"

#include "sluice/sluice.h"

#include <dlfcn.h>
#include <stdio.h>

typedef const struct sluice_plugin *plugin_fn(void);

static enum rc fail(enum rc rc, char *message, size_t message_size, const char *why)
{
	snprintf(message, message_size, "%s", why ? why : "the dynamic loader failed");
	return rc;
}

static enum rc load(struct registry *r, const char *path, const uint8_t sha256[32],
	struct plugin **out, char *message, size_t message_size)
{
	/* Without a slash the loader would search folders that are not ours. */
	if (!strchr(path, '/'))
		return fail(RC_INVALID, message, message_size, "its path names no folder");
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return fail(RC_INVALID, message, message_size, dlerror());
	void *symbol = dlsym(handle, "sluice_plugin_v1");
	if (!symbol)
		return fail(RC_INVALID, message, message_size,
			"it does not export sluice_plugin_v1, so it is no plugin of this gateway");
	/* POSIX promises that a void pointer holds a function; ISO C has no cast for it. */
	plugin_fn *describe;
	_Static_assert(sizeof(describe) == sizeof(symbol), "pointers of one size");
	memcpy(&describe, &symbol, sizeof(describe));
	return registry_add_plugin(r, describe(), sha256, out, message, message_size);
}

/* "plugin:NAME", of its file. */
static uint32_t take_breadcrumb(const char *path, const uint8_t sha256[32])
{
	char label[TRAIL_LABEL_BYTES];
	struct str name = str_file_stem(path, STR(".so"));
	snprintf(label, sizeof(label), "plugin:%.*s", STR_ARG(name));
	return breadcrumb_take(quarantine_key_of_plugin(sha256), 0, str_of(label));
}

enum rc plugin_load(struct registry *r, const char *path, const uint8_t sha256[32],
	struct plugin **out, char *message, size_t message_size)
{
	struct plugin *known = registry_plugin(r, sha256);
	if (known) {
		*out = known;
		return RC_OK;
	}
	uint32_t breadcrumb = take_breadcrumb(path, sha256);
	policy_enter_plugin(breadcrumb);
	enum rc rc = load(r, path, sha256, out, message, message_size);
	policy_leave();
	if (rc == RC_OK)
		(*out)->label = breadcrumb; /* it stays as long as the plugin does */
	else
		breadcrumb_give_back(breadcrumb);
	return rc;
}
