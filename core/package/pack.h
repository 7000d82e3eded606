/* SPDX-License-Identifier: Apache-2.0 */
/* package/pack.h - one version of a plugin, for all its machines, in one file:
 * NAME-VERSION.tar.zst.
 *
 *   manifest.json          what is in it: names, ABI, digests
 *   policy.yaml            the definition, the same bytes as every plugin's note
 *   README.md              when there is one
 *   sbom.cdx.json          CycloneDX 1.5: the plugin and the libraries that it links
 *   MACHINE/NAME.so        for each machine, as `uname -m` calls it
 *
 * The same files make the same bytes. Reading trusts no byte: after pack_read everything in the
 * manifest was compared with what is there, and no plugin was run.
 */
#pragma once

#include "package/package.h"
#include "package/tar.h"

#define PACK_BYTES_MAX (256u << 20)

struct pack_source {
	struct str name, version; /* of the definition */
	struct str readme;        /* empty: none */
	const struct str *plugins;
	size_t plugin_count;
};

struct pack {
	struct buffer tar; /* unpacked; what `files` refer to */
	struct tar_file files[TAR_FILES_MAX];
	size_t file_count;
	char *name, *version; /* owned: of the manifest */
	struct package_abi abi;
};

/* RC_INVALID with one sentence. */
MUST_USE enum rc pack_write(
	const struct pack_source *source, struct buffer *out, char *message, size_t message_size);
/* The same; `out` needs pack_deinit after RC_OK alone. */
MUST_USE enum rc pack_read(struct str bytes, struct pack *out, char *message, size_t message_size);
void pack_deinit(struct pack *p);
/* NULL: it has no such file. */
const struct tar_file *pack_find(const struct pack *p, struct str name);
