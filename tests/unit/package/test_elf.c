/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/memory.h"
#include "package/package.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFINITION "kind: PolicyDefinition\n"

static void assert_finds(struct fake_elf *e, const char *expected)
{
	struct package_facts found = {0};
	char message[160] = "";
	enum rc rc = package_inspect(
		buffer_str(&e->bytes), PACKAGE_THIS_MACHINE, &found, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	ck_assert_msg(str_eq(found.definition, str_of(expected)), "got \"%.*s\"",
		STR_ARG(found.definition));
	fake_elf_deinit(e);
}

static void assert_refuses(struct fake_elf *e, const char *expected)
{
	struct package_facts found = {.definition = {"untouched", 9}};
	char message[160] = "";
	enum rc rc = package_inspect(
		buffer_str(&e->bytes), PACKAGE_THIS_MACHINE, &found, message, sizeof(message));
	ck_assert_int_eq(rc, RC_INVALID);
	ck_assert_str_eq(message, expected);
	assert_str(found.definition, "untouched");
	fake_elf_deinit(e);
}

static struct fake_elf plugin(void)
{
	struct fake_elf e;
	fake_elf_of(&e, STR(DEFINITION));
	return e;
}

START_TEST(finds_the_note_by_its_section)
{
	struct fake_elf e = plugin();
	fake_elf_header(&e)->e_phnum = 0;
	assert_finds(&e, DEFINITION);
}
END_TEST

START_TEST(finds_the_note_of_a_file_without_sections)
{
	struct fake_elf e = plugin();
	fake_elf_header(&e)->e_shnum = 0;
	assert_finds(&e, DEFINITION);
	/* and of one whose section has another name */
	e = plugin();
	e.bytes.p[e.names_at + 7] = 'x';
	assert_finds(&e, DEFINITION);
}
END_TEST

START_TEST(other_notes_are_passed_over)
{
	struct buffer notes;
	struct fake_elf e;
	buffer_init(&notes, 1000);
	add_note(&notes, STR("GNU"), 3, STR("a build id"));
	add_note(&notes, STR("Sluice"), 9, STR("another type"));
	add_note(&notes, STR("Sluic"), 1, STR("another name"));
	add_note(&notes, STR("Sluice"), 1, STR(DEFINITION));
	add_note(&notes, STR("Sluice"), 1, STR("a second one"));
	fake_elf_around(&e, buffer_str(&notes));
	assert_finds(&e, DEFINITION);
	buffer_deinit(&notes);
}
END_TEST

START_TEST(notes_may_be_aligned_to_eight)
{
	struct buffer notes;
	struct fake_elf e;
	buffer_init(&notes, 1000);
	/* 12 + 4 + 4, then up to 24 */
	add_note(&notes, STR("GNU"), 5, STR("prop"));
	buffer_add(&notes, STR("\0\0\0\0"));
	/* 12 + 7, then up to 24 */
	Elf64_Nhdr h = {7, sizeof(DEFINITION) - 1, 1};
	buffer_add(&notes, str_n((const char *)&h, sizeof(h)));
	buffer_add(&notes, STR("Sluice\0\0\0\0\0\0" DEFINITION));
	fake_elf_around(&e, buffer_str(&notes));
	fake_elf_header(&e)->e_shnum = 0;
	fake_elf_segment(&e)->p_align = 8;
	assert_finds(&e, DEFINITION);
	buffer_deinit(&notes);
}
END_TEST

START_TEST(files_for_other_machines_are_refused)
{
	struct fake_elf e = plugin();
	fake_elf_header(&e)->e_ident[EI_CLASS] = ELFCLASS32;
	assert_refuses(&e, "is not for a 64-bit machine");
	e = plugin();
	fake_elf_header(&e)->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_refuses(&e, "is for a machine with another byte order");
	e = plugin();
	fake_elf_header(&e)->e_ident[EI_VERSION] = 2;
	assert_refuses(&e, "has an unknown ELF version");
	e = plugin();
	fake_elf_header(&e)->e_type = ET_EXEC;
	assert_refuses(&e, "is not a shared object");
	e = plugin();
	uint16_t machine = fake_elf_header(&e)->e_machine;
	char expected[100];
	fake_elf_header(&e)->e_machine = EM_SPARCV9;
	snprintf(expected, sizeof(expected),
		"is for another machine: ELF machine 43, this one is %u", machine);
	assert_refuses(&e, expected);
}
END_TEST

START_TEST(what_is_no_elf_file_is_refused)
{
	struct fake_elf e;
	buffer_init(&e.bytes, 100);
	assert_refuses(&e, "is not an ELF file");
	buffer_init(&e.bytes, 100);
	buffer_add(&e.bytes, STR("#!/bin/sh\n"));
	assert_refuses(&e, "is not an ELF file");
	buffer_init(&e.bytes, 100);
	buffer_add(&e.bytes, STR("\x7f"
				 "ELF\2\1\1"));
	assert_refuses(&e, "is cut short");
}
END_TEST

START_TEST(tables_outside_of_the_file_are_refused)
{
	struct fake_elf e = plugin();
	fake_elf_header(&e)->e_shoff = e.bytes.n - 2 * sizeof(Elf64_Shdr);
	assert_refuses(&e, "is cut short: its sections lie outside of it");
	e = plugin();
	fake_elf_header(&e)->e_shoff = UINT64_MAX - 10;
	assert_refuses(&e, "is cut short: its sections lie outside of it");
	e = plugin();
	fake_elf_header(&e)->e_shentsize = 63;
	assert_refuses(&e, "is damaged: sections of 63 bytes");
	e = plugin();
	fake_elf_section(&e, 2)->sh_size = UINT64_MAX;
	assert_refuses(&e, "is damaged: the names of its sections lie outside of it");
	e = plugin();
	fake_elf_section(&e, 1)->sh_offset = UINT64_MAX - 3;
	assert_refuses(&e, "is damaged: a note lies outside of it");
	e = plugin();
	fake_elf_header(&e)->e_shnum = 0;
	fake_elf_header(&e)->e_phoff = e.bytes.n;
	assert_refuses(&e, "is cut short: its segments lie outside of it");
	e = plugin();
	fake_elf_header(&e)->e_shnum = 0;
	fake_elf_header(&e)->e_phentsize = 32;
	assert_refuses(&e, "is damaged: segments of 32 bytes");
	e = plugin();
	fake_elf_header(&e)->e_shnum = 0;
	fake_elf_segment(&e)->p_filesz = e.bytes.n;
	assert_refuses(&e, "is damaged: a note lies outside of it");
}
END_TEST

START_TEST(a_file_without_the_note_is_refused)
{
	const char *none = "holds no policy definition: no ELF note .note.sluice.policy";
	struct fake_elf e = plugin();
	fake_elf_header(&e)->e_shnum = 0;
	fake_elf_header(&e)->e_phnum = 0;
	assert_refuses(&e, none);
	fake_elf_around(&e, STR_EMPTY);
	assert_refuses(&e, none);
	/* a text that is longer than its note */
	e = plugin();
	((Elf64_Nhdr *)(void *)(e.bytes.p + e.notes_at))->n_descsz = UINT32_MAX;
	assert_refuses(&e, none);
	e = plugin();
	((Elf64_Nhdr *)(void *)(e.bytes.p + e.notes_at))->n_namesz = UINT32_MAX;
	assert_refuses(&e, none);
}
END_TEST

START_TEST(a_definition_is_a_text_of_some_length)
{
	struct fake_elf e;
	fake_elf_of(&e, STR_EMPTY);
	assert_refuses(&e, "has an empty policy definition");
	fake_elf_of(&e, STR("a\0b"));
	assert_refuses(&e, "has a policy definition that is no UTF-8 text");
	fake_elf_of(&e, STR("a\xff"));
	assert_refuses(&e, "has a policy definition that is no UTF-8 text");
	char *large = heap_alloc(PACKAGE_DEFINITION_BYTES_MAX + 1);
	memset(large, '#', PACKAGE_DEFINITION_BYTES_MAX + 1);
	fake_elf_of(&e, str_n(large, PACKAGE_DEFINITION_BYTES_MAX + 1));
	assert_refuses(&e, "has a policy definition of 1048577 bytes; 1048576 are the most");
	fake_elf_of(&e, str_n(large, PACKAGE_DEFINITION_BYTES_MAX));
	struct package_facts found;
	char message[160];
	ck_assert_int_eq(package_inspect(buffer_str(&e.bytes), PACKAGE_THIS_MACHINE, &found,
				 message, sizeof(message)),
		RC_OK);
	ck_assert_uint_eq(found.definition.n, PACKAGE_DEFINITION_BYTES_MAX);
	fake_elf_deinit(&e);
	free(large);
}
END_TEST

START_TEST(notes_that_overlap_are_refused)
{
	struct fake_elf e;
	struct buffer notes;
	buffer_init(&notes, 1u << 20);
	for (int i = 0; i < 100; i++)
		add_note(&notes, STR("GNU"), 3, STR("not this one, and this text is long"));
	fake_elf_around(&e, buffer_str(&notes));
	buffer_deinit(&notes);
	/* Two segments over the same notes: together more than the file has. */
	fake_elf_header(&e)->e_shnum = 0;
	fake_elf_header(&e)->e_phnum = 2;
	Elf64_Phdr *segment = fake_elf_segment(&e);
	segment[1] = segment[0];
	segment[0].p_filesz -= 100;
	assert_refuses(&e, "is damaged: its notes overlap");
}
END_TEST

/* Cut at each byte, in a heap block of that size: refused, and never read beyond. */
START_TEST(a_file_cut_anywhere_is_refused)
{
	struct fake_elf e = plugin();
	size_t accepted = 0;
	for (size_t n = 0; n < e.bytes.n; n++) {
		struct package_facts found;
		char message[160];
		char *copy = heap_alloc(n);
		memcpy(copy, e.bytes.p, n);
		accepted += package_inspect(str_n(copy, n), PACKAGE_THIS_MACHINE, &found, message,
				    sizeof(message)) == RC_OK;
		free(copy);
	}
	ck_assert_uint_eq(accepted, 0);
	fake_elf_deinit(&e);
}
END_TEST

/* Whatever one byte is changed to: no definition, or one that lies within the file. */
START_TEST(a_changed_byte_never_leads_outside)
{
	struct fake_elf e = plugin();
	size_t outside = 0;
	for (size_t i = 0; i < e.bytes.n; i++)
		for (int c = 1; c < 256; c += 2) {
			struct package_facts found = {0};
			char message[160];
			e.bytes.p[i] = (char)(e.bytes.p[i] ^ c);
			if (package_inspect(buffer_str(&e.bytes), PACKAGE_THIS_MACHINE, &found,
				    message, sizeof(message)) == RC_OK)
				outside += found.definition.p < e.bytes.p ||
					   found.definition.p + found.definition.n >
						   e.bytes.p + e.bytes.n;
			e.bytes.p[i] = (char)(e.bytes.p[i] ^ c);
		}
	ck_assert_uint_eq(outside, 0);
	fake_elf_deinit(&e);
}
END_TEST

UNIT_SUITE(elf, finds_the_note_by_its_section, finds_the_note_of_a_file_without_sections,
	other_notes_are_passed_over, notes_may_be_aligned_to_eight,
	files_for_other_machines_are_refused, what_is_no_elf_file_is_refused,
	tables_outside_of_the_file_are_refused, a_file_without_the_note_is_refused,
	a_definition_is_a_text_of_some_length, notes_that_overlap_are_refused,
	a_file_cut_anywhere_is_refused, a_changed_byte_never_leads_outside)
