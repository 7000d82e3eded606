/* SPDX-License-Identifier: Apache-2.0 */
/* package/package.h - plugin files: their definition without running them, and their store.
 *
 * A plugin is an ELF shared object for this machine. Its policy definition (policy.yaml) and the
 * ABI that it is built for stand in ELF notes (package/notes.h). Reading trusts no byte of the
 * file, and refuses code that could not be loaded, or would disturb the gateway if it were.
 *
 * The store is <state>/plugins/<sha256>/<name>.so, owner-only and read-only: a path that no other
 * version ever has, so that dlopen never hands back old code.
 */
#pragma once

#include "base/buffer.h"
#include "crypto/crypto.h"

#define PACKAGE_FILE_BYTES_MAX       (64u << 20)
#define PACKAGE_DEFINITION_BYTES_MAX (1u << 20)

/* 0.0: the file does not say. */
struct package_abi {
	uint32_t major;
	uint32_t minor; /* the least one that it needs */
};

/* What a file says of itself; views into its bytes. */
struct package_facts {
	struct str definition; /* YAML */
	struct package_abi abi;
	const char *machine; /* as `uname -m` calls it; static */
};

enum package_machine { PACKAGE_THIS_MACHINE, PACKAGE_ANY_MACHINE };

struct package {
	char *path;                   /* owned */
	char *name;                   /* owned: file name without .so */
	uint8_t sha256[SHA256_BYTES]; /* of the whole file */
	char *definition;             /* owned: the note's bytes (YAML), NUL-terminated */
	size_t definition_bytes;
	struct package_abi abi;
};

/* RC_NOT_FOUND: no such file; RC_INVALID: no plugin for this machine and this gateway; RC_REFUSED:
 * everybody could write to the file; RC_IO. `message` gets one sentence. */
MUST_USE enum rc package_read(
	const char *path, struct package *out, char *message, size_t message_size);
void package_deinit(struct package *p);
/* The same of a file's bytes; RC_INVALID with a sentence that begins behind the file's name. */
MUST_USE enum rc package_inspect(struct str file, enum package_machine machine,
	struct package_facts *out, char *message, size_t message_size);

/* Copies the file at `path` into the store, if it is not there yet, and checks that its bytes have
 * this digest; a file in its place with other bytes is replaced. `stored` gets the path in the
 * store (heap). `store_dir` is made when it is absent, its parent not. RC_NOT_FOUND: no file at
 * `path`; RC_INVALID: another digest, or a name that is none; RC_REFUSED: the file, or a folder
 * of the store, that others could write to; RC_IO. */
MUST_USE enum rc package_store(const char *store_dir, const char *path, const char *name,
	const uint8_t sha256[SHA256_BYTES], char **stored, char *message, size_t message_size);
