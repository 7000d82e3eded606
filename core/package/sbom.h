/* SPDX-License-Identifier: Apache-2.0 */
/* package/sbom.h - what is in a plugin and what it links, as CycloneDX 1.5 (JSON). */
#pragma once

#include "base/buffer.h"

/* Plugins that package_inspect has accepted. Without a time and a serial number: the same files
 * make the same bytes. */
void sbom_write(struct str name, struct str version, const struct str *plugins, size_t plugin_count,
	struct buffer *out);
