/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/package/support.h - small ELF files in memory, and a folder for a test.
 *
 * The file of elf_of: header, one segment (PT_NOTE), notes, names of sections, and three sections
 * (null, notes, names), in this order. What a test wants otherwise it changes afterwards. */
#pragma once

#include "base/buffer.h"

#include <elf.h>

struct fake_elf {
	struct buffer bytes;
	size_t notes_at, names_at, sections_at;
};

/* A shared object for this machine whose only note holds the text. */
void fake_elf_of(struct fake_elf *e, struct str definition);
/* The same around notes that are there already. */
void fake_elf_around(struct fake_elf *e, struct str notes);
void fake_elf_deinit(struct fake_elf *e);
Elf64_Ehdr *fake_elf_header(struct fake_elf *e);
Elf64_Phdr *fake_elf_segment(struct fake_elf *e);
/* 1: notes, 2: names. */
Elf64_Shdr *fake_elf_section(struct fake_elf *e, size_t index);

void add_note(struct buffer *b, struct str name, uint32_t type, struct str text);

/* A fresh folder; folder_free removes it with all it holds. */
char *folder_new(void);
void folder_free(char *folder);
/* Writes folder/name and returns its path; free() it. */
char *file_new(const char *folder, const char *name, struct str bytes);
