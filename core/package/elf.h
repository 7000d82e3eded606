/* SPDX-License-Identifier: Apache-2.0 */
/* package/elf.h - views of an ELF file's parts.
 *
 * Every offset and count of the file is untrusted: views are cut with `elf_part`, which fails
 * instead of reading outside, and structures are copied out, since nothing says that they are
 * aligned. */
#pragma once

#include "base/rc.h"
#include "base/str.h"

#include <elf.h>

struct elf {
	struct str file; /* borrowed */
	Elf64_Ehdr header;
	struct str sections; /* the table; empty when the file has none */
	struct str segments;
	struct str section_names;
	char *message; /* of the first failure */
	size_t message_size;
};

/* Of a shared object for a machine with this one's word and byte order. */
MUST_USE bool elf_open(struct elf *e, struct str file, char *message, size_t message_size);
/* As `uname -m` calls it; NULL: not one that the gateway runs on. */
const char *elf_machine(const struct elf *e);
MUST_USE bool elf_is_for_this_machine(struct elf *e);
/* Writes the sentence, which begins behind the file's name, and returns false. */
bool elf_fail(struct elf *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `size` bytes from `offset`; false when the file has not so many. */
MUST_USE bool elf_part(struct str file, uint64_t offset, uint64_t size, struct str *out);
/* False beyond the end of their tables. */
MUST_USE bool elf_section(const struct elf *e, size_t index, Elf64_Shdr *out);
MUST_USE bool elf_segment(const struct elf *e, size_t index, Elf64_Phdr *out);
/* The text at `offset` of a table of strings; an empty view when it has no end there, or is longer
 * than ELF_STRING_BYTES_MAX. */
#define ELF_STRING_BYTES_MAX 1024u
struct str elf_string(struct str table, uint64_t offset);
