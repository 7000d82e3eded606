/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/loader.h"

#include "sluice/sluice.h"

#include <dlfcn.h>
#include <stdio.h>

typedef const struct sluice_plugin *plugin_fn(void);

static enum rc fail(enum rc rc, char *message, size_t message_size, const char *why)
{
	snprintf(message, message_size, "%s", why ? why : "the dynamic loader failed");
	return rc;
}

enum rc plugin_load(struct registry *r, const char *path, const uint8_t sha256[32],
	struct plugin **out, char *message, size_t message_size)
{
	struct plugin *known = registry_plugin(r, sha256);
	if (known) {
		*out = known;
		return RC_OK;
	}
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
