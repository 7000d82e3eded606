/* SPDX-License-Identifier: Apache-2.0 */
/* package/notes.h - the ELF notes of a plugin, name "Sluice". False: the file is damaged or does
 * not have what it must have, and says so. */
#pragma once

#include "package/elf.h"
#include "package/package.h"

/* Type 1, in .note.sluice.policy: the policy definition, a view into the file; UTF-8 without NUL.
 */
MUST_USE bool note_find_definition(struct elf *e, struct str *out);
/* Type 2, in .note.sluice.abi: two 32-bit numbers of this machine's byte order, the ABI's major
 * version and the least minor one. A file without it leaves `out` as it is. */
MUST_USE bool note_find_abi(struct elf *e, struct package_abi *out);
