/* SPDX-License-Identifier: Apache-2.0 */
/* A note is looked for in the section of its name, and else, in a file without sections, among all
 * notes that its segments hold. */
#include "package/notes.h"

#include "base/utf8.h"

#define NOTE_NAME       "Sluice"
#define NOTE_DEFINITION 1
#define NOTE_ABI        2

struct search {
	struct elf *elf;
	uint64_t unread; /* bytes of notes that may still be read */
	struct str name;
	uint32_t type;
	struct str found;
	bool is_found;
};

static uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* A note that does not fit ends the search: nothing behind it can be found. */
static void find_in_notes(struct search *s, struct str notes, uint64_t align)
{
	static const struct str wanted = {NOTE_NAME, sizeof(NOTE_NAME)};
	Elf64_Nhdr h;
	while (notes.n >= sizeof(h)) {
		struct str name, text;
		memcpy(&h, notes.p, sizeof(h));
		uint64_t at = align_up(sizeof(h) + (uint64_t)h.n_namesz, align);
		if (!elf_part(notes, sizeof(h), h.n_namesz, &name) ||
			!elf_part(notes, at, h.n_descsz, &text))
			return;
		if (h.n_type == s->type && str_eq(name, wanted)) {
			s->found = text;
			s->is_found = true;
			return;
		}
		notes = str_from(notes, align_up(at + h.n_descsz, align));
	}
}

/* Notes of GNU properties are aligned to 8 bytes, all others to 4. */
static bool search_notes(struct search *s, uint64_t offset, uint64_t size, uint64_t align)
{
	struct str notes;
	if (!elf_part(s->elf->file, offset, size, &notes))
		return elf_fail(s->elf, "is damaged: a note lies outside of it");
	if (size > s->unread)
		return elf_fail(s->elf, "is damaged: its notes overlap");
	s->unread -= size;
	find_in_notes(s, notes, align == 8 ? 8 : 4);
	return true;
}

static bool search_sections(struct search *s)
{
	Elf64_Shdr section;
	for (size_t i = 0; !s->is_found && elf_section(s->elf, i, &section); i++) {
		if (section.sh_type != SHT_NOTE ||
			!str_eq(elf_string(s->elf->section_names, section.sh_name), s->name))
			continue;
		if (!search_notes(s, section.sh_offset, section.sh_size, section.sh_addralign))
			return false;
	}
	return true;
}

static bool search_segments(struct search *s)
{
	Elf64_Phdr segment;
	for (size_t i = 0; !s->is_found && elf_segment(s->elf, i, &segment); i++)
		if (segment.p_type == PT_NOTE &&
			!search_notes(s, segment.p_offset, segment.p_filesz, segment.p_align))
			return false;
	return true;
}

/* False when the file is damaged; else `is_found` tells. */
static bool find(struct search *s)
{
	return search_sections(s) && (s->is_found || search_segments(s));
}

bool note_find_definition(struct elf *e, struct str *out)
{
	struct search s = {.elf = e,
		.unread = e->file.n,
		.name = STR(".note.sluice.policy"),
		.type = NOTE_DEFINITION};
	if (!find(&s))
		return false;
	if (!s.is_found)
		return elf_fail(e, "holds no policy definition: no ELF note .note.sluice.policy");
	if (s.found.n == 0)
		return elf_fail(e, "has an empty policy definition");
	if (s.found.n > PACKAGE_DEFINITION_BYTES_MAX)
		return elf_fail(e, "has a policy definition of %zu bytes; %u are the most",
			s.found.n, PACKAGE_DEFINITION_BYTES_MAX);
	if (str_index(s.found, '\0') < s.found.n || !utf8_is_valid(s.found))
		return elf_fail(e, "has a policy definition that is no UTF-8 text");
	*out = s.found;
	return true;
}

bool note_find_abi(struct elf *e, struct package_abi *out)
{
	struct search s = {
		.elf = e, .unread = e->file.n, .name = STR(".note.sluice.abi"), .type = NOTE_ABI};
	if (!find(&s))
		return false;
	if (s.is_found && s.found.n != sizeof(*out))
		return elf_fail(e, "is damaged: its ABI is written in %zu bytes", s.found.n);
	if (s.is_found)
		memcpy(out, s.found.p, sizeof(*out));
	return true;
}
