/* SPDX-License-Identifier: Apache-2.0 */
#include "package/elf.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

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

static const struct {
	uint16_t number;
	const char *name;
} machines[] = {
	{EM_X86_64, "x86_64"},
	{EM_AARCH64, "aarch64"},
	{EM_RISCV, "riscv64"},
	{EM_PPC64, "ppc64le"},
	{EM_S390, "s390x"},
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_HERE ELFDATA2LSB
#else
#define BYTE_ORDER_HERE ELFDATA2MSB
#endif

bool elf_fail(struct elf *e, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(e->message, e->message_size, format, args);
	va_end(args);
	return false;
}

bool elf_part(struct str file, uint64_t offset, uint64_t size, struct str *out)
{
	if (offset > file.n || size > file.n - offset)
		return false;
	*out = str_n(file.p + offset, size);
	return true;
}

/* Entry `index` of a table, copied. */
static bool entry(struct str table, size_t index, void *out, size_t size)
{
	struct str bytes;
	if (index >= table.n / size || !elf_part(table, index * size, size, &bytes))
		return false;
	memcpy(out, bytes.p, size);
	return true;
}

bool elf_section(const struct elf *e, size_t index, Elf64_Shdr *out)
{
	return entry(e->sections, index, out, sizeof(*out));
}

bool elf_segment(const struct elf *e, size_t index, Elf64_Phdr *out)
{
	return entry(e->segments, index, out, sizeof(*out));
}

struct str elf_string(struct str table, uint64_t offset)
{
	struct str rest = offset < table.n ? str_from(table, offset) : STR_EMPTY;
	if (rest.n > ELF_STRING_BYTES_MAX + 1)
		rest.n = ELF_STRING_BYTES_MAX + 1;
	size_t n = str_index(rest, '\0');
	return n < rest.n ? str_n(rest.p, n) : STR_EMPTY;
}

const char *elf_machine(const struct elf *e)
{
	for (size_t i = 0; i < ARRAY_COUNT(machines); i++)
		if (machines[i].number == e->header.e_machine)
			return machines[i].name;
	return NULL;
}

bool elf_is_for_this_machine(struct elf *e)
{
	return e->header.e_machine == MACHINE ||
	       elf_fail(e, "is for another machine: ELF machine %u, this one is %u",
		       e->header.e_machine, MACHINE);
}

/* --- opening --------------------------------------------------------------------------------- */
static bool read_header(struct elf *e)
{
	Elf64_Ehdr *h = &e->header;
	if (e->file.n < SELFMAG || memcmp(e->file.p, ELFMAG, SELFMAG) != 0)
		return elf_fail(e, "is not an ELF file");
	if (e->file.n < sizeof(*h))
		return elf_fail(e, "is cut short");
	memcpy(h, e->file.p, sizeof(*h));
	if (h->e_ident[EI_CLASS] != ELFCLASS64)
		return elf_fail(e, "is not for a 64-bit machine");
	if (h->e_ident[EI_DATA] != BYTE_ORDER_HERE)
		return elf_fail(e, "is for a machine with another byte order");
	if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
		return elf_fail(e, "has an unknown ELF version");
	if (h->e_type != ET_DYN)
		return elf_fail(e, "is not a shared object");
	return true;
}

static bool read_sections(struct elf *e)
{
	const Elf64_Ehdr *h = &e->header;
	Elf64_Shdr names;
	if (h->e_shnum == 0)
		return true;
	if (h->e_shentsize != sizeof(Elf64_Shdr))
		return elf_fail(e, "is damaged: sections of %u bytes", h->e_shentsize);
	if (!elf_part(e->file, h->e_shoff, (uint64_t)h->e_shnum * sizeof(Elf64_Shdr), &e->sections))
		return elf_fail(e, "is cut short: its sections lie outside of it");
	if (elf_section(e, h->e_shstrndx, &names) &&
		!elf_part(e->file, names.sh_offset, names.sh_size, &e->section_names))
		return elf_fail(e, "is damaged: the names of its sections lie outside of it");
	return true;
}

static bool read_segments(struct elf *e)
{
	const Elf64_Ehdr *h = &e->header;
	if (h->e_phnum == 0)
		return true;
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return elf_fail(e, "is damaged: segments of %u bytes", h->e_phentsize);
	if (!elf_part(e->file, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr), &e->segments))
		return elf_fail(e, "is cut short: its segments lie outside of it");
	return true;
}

bool elf_open(struct elf *e, struct str file, char *message, size_t message_size)
{
	*e = (struct elf){.file = file, .message = message, .message_size = message_size};
	return read_header(e) && read_sections(e) && read_segments(e);
}
