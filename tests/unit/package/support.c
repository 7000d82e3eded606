/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/memory.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_X86_64
#endif

static void add_zeros(struct buffer *b, size_t n)
{
	memset(buffer_reserve(b, n), 0, n);
	buffer_commit(b, n);
}

static void pad(struct buffer *b, size_t align)
{
	add_zeros(b, (align - b->n % align) % align);
}

void add_note(struct buffer *b, struct str name, uint32_t type, struct str text)
{
	Elf64_Nhdr h = {(uint32_t)name.n + 1, (uint32_t)text.n, type};
	buffer_add(b, str_n((const char *)&h, sizeof(h)));
	buffer_add(b, name);
	add_zeros(b, 1);
	pad(b, 4);
	buffer_add(b, text);
	pad(b, 4);
}

Elf64_Ehdr *fake_elf_header(struct fake_elf *e)
{
	return (Elf64_Ehdr *)(void *)e->bytes.p;
}

Elf64_Phdr *fake_elf_segment(struct fake_elf *e)
{
	return (Elf64_Phdr *)(void *)(e->bytes.p + sizeof(Elf64_Ehdr));
}

Elf64_Shdr *fake_elf_section(struct fake_elf *e, size_t index)
{
	return (Elf64_Shdr *)(void *)(e->bytes.p + e->sections_at) + index;
}

static void set_header(struct fake_elf *e)
{
	Elf64_Ehdr *h = fake_elf_header(e);
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_ident[EI_VERSION] = EV_CURRENT;
	h->e_version = EV_CURRENT;
	h->e_type = ET_DYN;
	h->e_machine = MACHINE;
	h->e_phoff = sizeof(*h);
	h->e_phnum = 1;
	h->e_phentsize = sizeof(Elf64_Phdr);
	h->e_shoff = e->sections_at;
	h->e_shnum = 3;
	h->e_shentsize = sizeof(Elf64_Shdr);
	h->e_shstrndx = 2;
}

void fake_elf_around(struct fake_elf *e, struct str notes)
{
	static const struct str names = STR("\0.note.sluice.policy\0.shstrtab\0");
	buffer_init(&e->bytes, 8u << 20);
	add_zeros(&e->bytes, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr));
	e->notes_at = e->bytes.n;
	buffer_add(&e->bytes, notes);
	e->names_at = e->bytes.n;
	buffer_add(&e->bytes, names);
	pad(&e->bytes, 8);
	e->sections_at = e->bytes.n;
	add_zeros(&e->bytes, 3 * sizeof(Elf64_Shdr));
	set_header(e);
	*fake_elf_segment(e) = (Elf64_Phdr){
		.p_type = PT_NOTE, .p_offset = e->notes_at, .p_filesz = notes.n, .p_align = 4};
	*fake_elf_section(e, 1) = (Elf64_Shdr){.sh_name = 1,
		.sh_type = SHT_NOTE,
		.sh_offset = e->notes_at,
		.sh_size = notes.n,
		.sh_addralign = 4};
	*fake_elf_section(e, 2) = (Elf64_Shdr){
		.sh_name = 21, .sh_type = SHT_STRTAB, .sh_offset = e->names_at, .sh_size = names.n};
}

void fake_elf_of(struct fake_elf *e, struct str definition)
{
	struct buffer notes;
	buffer_init(&notes, 4u << 20);
	add_note(&notes, STR("Sluice"), 1, definition);
	fake_elf_around(e, buffer_str(&notes));
	buffer_deinit(&notes);
}

void fake_elf_deinit(struct fake_elf *e)
{
	buffer_deinit(&e->bytes);
}

/* --- folders --------------------------------------------------------------------------------- */
char *folder_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = heap_printf("%s/sluice-package-XXXXXX", tmp ? tmp : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	return folder;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void folder_free(char *folder)
{
	ck_assert_int_eq(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	free(folder);
}

char *file_new(const char *folder, const char *name, struct str bytes)
{
	char *path = heap_printf("%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
	close(fd);
	return path;
}
