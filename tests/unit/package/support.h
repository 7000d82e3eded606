/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/package/support.h - small ELF files in memory, and a folder for a test.
 *
 * The file of elf_of: header, one segment (PT_NOTE), notes, names of sections, and three sections
 * (null, notes, names), in this order. What a test wants otherwise it changes afterwards. */
#pragma once

#include "base/buffer.h"

#include <elf.h>

struct elf {
	struct buffer bytes;
	size_t notes_at, names_at, sections_at;
};

/* A shared object for this machine whose only note holds the text. */
void elf_of(struct elf *e, struct str definition);
/* The same around notes that are there already. */
void elf_around(struct elf *e, struct str notes);
void elf_deinit(struct elf *e);
Elf64_Ehdr *elf_header(struct elf *e);
Elf64_Phdr *elf_segment(struct elf *e);
/* 1: notes, 2: names. */
Elf64_Shdr *elf_section(struct elf *e, size_t index);

void add_note(struct buffer *b, struct str name, uint32_t type, struct str text);

/* A fresh folder; folder_free removes it with all it holds. */
char *folder_new(void);
void folder_free(char *folder);
/* Writes folder/name and returns its path; free() it. */
char *file_new(const char *folder, const char *name, struct str bytes);
