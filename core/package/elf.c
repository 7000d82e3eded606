/* SPDX-License-Identifier: Apache-2.0 */
/* Every offset and count of the file is untrusted: views are cut with `part`, which fails instead
 * of reading outside, and structures are copied out, since nothing says that they are aligned.
 *
 * The note is looked for in the section of its name, and else, in a file without sections, among
 * all notes that its segments hold.
 */
#include "package/package.h"

#include "base/utf8.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>

#define NOTE_NAME "Sluice"
#define NOTE_TYPE 1

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#elif defined(__riscv)
#define MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define MACHINE EM_PPC64
#elif defined(__s390x__)
#define MACHINE EM_S390
#else
#error "a machine that package/elf.c does not know"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_HERE ELFDATA2LSB
#else
#define BYTE_ORDER_HERE ELFDATA2MSB
#endif

struct reader {
	struct str file;
	Elf64_Ehdr header;
	uint64_t unread; /* bytes of notes that may still be read */
	char *message;
	size_t message_size;
};

static bool fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool fail(struct reader *r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(r->message, r->message_size, format, args);
	va_end(args);
	return false;
}

/* `size` bytes from `offset`; false when the file has not so many. */
static bool part(struct str file, uint64_t offset, uint64_t size, struct str *out)
{
	if (offset > file.n || size > file.n - offset)
		return false;
	*out = str_n(file.p + offset, size);
	return true;
}

static bool read_header(struct reader *r)
{
	Elf64_Ehdr *h = &r->header;
	if (r->file.n < SELFMAG || memcmp(r->file.p, ELFMAG, SELFMAG) != 0)
		return fail(r, "is not an ELF file");
	if (r->file.n < sizeof(*h))
		return fail(r, "is cut short");
	memcpy(h, r->file.p, sizeof(*h));
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return fail(r, "is not for a 64-bit machine");
	if (h->e_ident[EI_DATA] != BYTE_ORDER_HERE)
		return fail(r, "is for a machine with another byte order");
	if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
		return fail(r, "has an unknown ELF version");
	if (h->e_machine != MACHINE)
		return fail(r, "is for another machine: ELF machine %u, this one is %u",
			h->e_machine, MACHINE);
	if (h->e_type != ET_DYN)
		return fail(r, "is not a shared object");
	return true;
}

/* --- notes ----------------------------------------------------------------------------------- */
static uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* The policy definition among the notes; false when it is not there. A note that does not fit ends
 * the search: nothing behind it can be found. */
static bool find_in_notes(struct str notes, uint64_t align, struct str *found)
{
	static const struct str wanted = {NOTE_NAME, sizeof(NOTE_NAME)};
	Elf64_Nhdr h;
	while (notes.n >= sizeof(h)) {
		struct str name, text;
		memcpy(&h, notes.p, sizeof(h));
		uint64_t at = align_up(sizeof(h) + (uint64_t)h.n_namesz, align);
		if (!part(notes, sizeof(h), h.n_namesz, &name) ||
			!part(notes, at, h.n_descsz, &text))
			return false;
		if (h.n_type == NOTE_TYPE && str_eq(name, wanted)) {
			*found = text;
			return true;
		}
		notes = str_from(notes, align_up(at + h.n_descsz, align));
	}
	return false;
}

/* Notes of GNU properties are aligned to 8 bytes, all others to 4. */
static bool search_notes(struct reader *r, uint64_t offset, uint64_t size, uint64_t align,
	struct str *found, bool *is_found)
{
	struct str notes;
	if (!part(r->file, offset, size, &notes))
		return fail(r, "is damaged: a note lies outside of it");
	if (size > r->unread)
		return fail(r, "is damaged: its notes overlap");
	r->unread -= size;
	*is_found = find_in_notes(notes, align == 8 ? 8 : 4, found);
	return true;
}

/* --- sections -------------------------------------------------------------------------------- */
static bool read_section(const struct reader *r, struct str table, size_t index, Elf64_Shdr *out)
{
	struct str entry;
	if (!part(table, index * sizeof(*out), sizeof(*out), &entry))
		return false;
	memcpy(out, entry.p, sizeof(*out));
	return true;
}

static bool has_name(struct str names, const Elf64_Shdr *section, struct str wanted)
{
	struct str name;
	return part(names, section->sh_name, wanted.n + 1, &name) &&
	       memcmp(name.p, wanted.p, wanted.n) == 0 && name.p[wanted.n] == '\0';
}

static bool search_sections(struct reader *r, struct str table, struct str *found, bool *is_found)
{
	Elf64_Shdr section;
	struct str names = STR_EMPTY;
	if (read_section(r, table, r->header.e_shstrndx, &section) &&
		!part(r->file, section.sh_offset, section.sh_size, &names))
		return fail(r, "is damaged: the names of its sections lie outside of it");
	for (size_t i = 0; !*is_found && i < r->header.e_shnum; i++) {
		if (!read_section(r, table, i, &section) || section.sh_type != SHT_NOTE ||
			!has_name(names, &section, STR(".note.sluice.policy")))
			continue;
		if (!search_notes(r, section.sh_offset, section.sh_size, section.sh_addralign,
			    found, is_found))
			return false;
	}
	return true;
}

static bool find_by_section(struct reader *r, struct str *found, bool *is_found)
{
	const Elf64_Ehdr *h = &r->header;
	struct str table;
	if (h->e_shnum == 0)
		return true;
	if (h->e_shentsize != sizeof(Elf64_Shdr))
		return fail(r, "is damaged: sections of %u bytes", h->e_shentsize);
	if (!part(r->file, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr), &table))
		return fail(r, "is cut short: its sections lie outside of it");
	return search_sections(r, table, found, is_found);
}

/* --- segments -------------------------------------------------------------------------------- */
static bool find_by_segment(struct reader *r, struct str *found, bool *is_found)
{
	const Elf64_Ehdr *h = &r->header;
	struct str table;
	if (h->e_phnum == 0)
		return true;
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return fail(r, "is damaged: segments of %u bytes", h->e_phentsize);
	if (!part(r->file, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr), &table))
		return fail(r, "is cut short: its segments lie outside of it");
	for (size_t i = 0; !*is_found && i < h->e_phnum; i++) {
		Elf64_Phdr segment;
		memcpy(&segment, table.p + i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_NOTE)
			continue;
		if (!search_notes(r, segment.p_offset, segment.p_filesz, segment.p_align, found,
			    is_found))
			return false;
	}
	return true;
}

/* --- definitions ----------------------------------------------------------------------------- */
static bool is_definition(struct reader *r, struct str s)
{
	if (s.n == 0)
		return fail(r, "has an empty policy definition");
	if (s.n > PACKAGE_DEFINITION_BYTES_MAX)
		return fail(r, "has a policy definition of %zu bytes; %u are the most", s.n,
			PACKAGE_DEFINITION_BYTES_MAX);
	if (str_index(s, '\0') < s.n || !utf8_is_valid(s))
		return fail(r, "has a policy definition that is no UTF-8 text");
	return true;
}

enum rc package_find_definition(
	struct str file, struct str *definition, char *message, size_t message_size)
{
	struct reader r = {
		.file = file, .unread = file.n, .message = message, .message_size = message_size};
	struct str found = STR_EMPTY;
	bool is_found = false;
	if (!read_header(&r) || !find_by_section(&r, &found, &is_found))
		return RC_INVALID;
	if (!is_found && !find_by_segment(&r, &found, &is_found))
		return RC_INVALID;
	if (!is_found)
		fail(&r, "holds no policy definition: no ELF note .note.sluice.policy");
	if (!is_found || !is_definition(&r, found))
		return RC_INVALID;
	*definition = found;
	return RC_OK;
}
