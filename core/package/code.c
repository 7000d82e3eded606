/* SPDX-License-Identifier: Apache-2.0 */
#include "package/code.h"

#include "crypto/crypto.h"

#include <stdio.h>

/* --- tables ---------------------------------------------------------------------------------- */
/* The first section of that type, with its entries and the strings that it refers to. */
struct table {
	struct str entries;
	struct str strings;
};

static bool find_table(struct elf *e, uint32_t type, struct table *out)
{
	Elf64_Shdr section, strings;
	*out = (struct table){STR_EMPTY, STR_EMPTY};
	for (size_t i = 0; elf_section(e, i, &section); i++) {
		if (section.sh_type != type)
			continue;
		return (elf_section(e, section.sh_link, &strings) &&
			       elf_part(e->file, section.sh_offset, section.sh_size,
				       &out->entries) &&
			       elf_part(e->file, strings.sh_offset, strings.sh_size,
				       &out->strings)) ||
		       elf_fail(e, "is damaged: a table of its code lies outside of it");
	}
	return true;
}

/* --- symbols --------------------------------------------------------------------------------- */
static bool symbol_at(const struct table *t, size_t index, Elf64_Sym *out, struct str *name)
{
	struct str bytes;
	if (index >= t->entries.n / sizeof(*out) ||
		!elf_part(t->entries, index * sizeof(*out), sizeof(*out), &bytes))
		return false;
	memcpy(out, bytes.p, sizeof(*out));
	*name = elf_string(t->strings, out->st_name);
	return true;
}

static bool is_exported(const Elf64_Sym *symbol)
{
	unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);
	return symbol->st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

/* Names that begin with two underscores are the compiler's: sanitizers export some. */
static bool check_exports(struct elf *e)
{
	struct table symbols;
	Elf64_Sym symbol;
	struct str name;
	bool has_entry = false;
	if (!find_table(e, SHT_DYNSYM, &symbols))
		return false;
	for (size_t i = 1; symbol_at(&symbols, i, &symbol, &name); i++) {
		if (!is_exported(&symbol) || str_starts(name, STR("__")))
			continue;
		if (!str_eq(name, STR("sluice_plugin_v1")))
			return elf_fail(e,
				"exports %.*s; a plugin shows one symbol, sluice_plugin_v1 "
				"(-fvisibility=hidden, -Wl,--exclude-libs,ALL)",
				STR_ARG(name));
		has_entry = true;
	}
	return has_entry || !symbols.entries.p ||
	       elf_fail(e, "does not export sluice_plugin_v1, so it is no plugin");
}

/* --- libraries ------------------------------------------------------------------------------- */
/* Another one in the same process would share the names of its symbols with the gateway's, and
 * neither would know which it gets. */
static bool is_other_openssl(struct str library)
{
	char crypto[24], ssl[24];
	snprintf(crypto, sizeof(crypto), "libcrypto.so.%u", libcrypto_version());
	snprintf(ssl, sizeof(ssl), "libssl.so.%u", libcrypto_version());
	bool is_openssl =
		str_starts(library, STR("libcrypto.so")) || str_starts(library, STR("libssl.so"));
	return is_openssl && !str_eq(library, str_of(crypto)) && !str_eq(library, str_of(ssl));
}

bool code_each_library(struct elf *e, void (*each)(void *arg, struct str name), void *arg)
{
	struct table entries;
	struct str bytes;
	if (!find_table(e, SHT_DYNAMIC, &entries))
		return false;
	for (size_t at = 0; elf_part(entries.entries, at, sizeof(Elf64_Dyn), &bytes);
		at += sizeof(Elf64_Dyn)) {
		Elf64_Dyn entry;
		memcpy(&entry, bytes.p, sizeof(entry));
		if (entry.d_tag == DT_NEEDED)
			each(arg, elf_string(entries.strings, entry.d_un.d_val));
	}
	return true;
}

static void find_clash(void *arg, struct str name)
{
	struct str *clash = arg;
	if (is_other_openssl(name))
		*clash = name;
}

static bool check_libraries(struct elf *e)
{
	struct str clash = STR_EMPTY;
	if (!code_each_library(e, find_clash, &clash))
		return false;
	return clash.n == 0 ||
	       elf_fail(e, "links %.*s, and the gateway libcrypto.so.%u: two of them clash",
		       STR_ARG(clash), libcrypto_version());
}

static bool defines_openssl(struct elf *e, bool *does)
{
	struct table symbols;
	Elf64_Sym symbol;
	struct str name;
	if (!find_table(e, SHT_SYMTAB, &symbols))
		return false;
	for (size_t i = 1; !*does && symbol_at(&symbols, i, &symbol, &name); i++)
		*does = symbol.st_shndx != SHN_UNDEF && str_eq(name, STR("OPENSSL_init_crypto"));
	return true;
}

/* A second copy starts its own threads' data and end-of-process work, and is never mended with the
 * system's. Stripped code has lost its symbols, but not the names of the files that errors tell. */
static bool check_no_static_openssl(struct elf *e)
{
	bool does = false;
	if (!defines_openssl(e, &does))
		return false;
	if (does || str_find(e->file, STR("crypto/init.c")) < e->file.n)
		return elf_fail(e, "has libcrypto linked in statically; link the system's, or use "
				   "sluice.crypto/1");
	return true;
}

static bool check_stack(struct elf *e)
{
	Elf64_Phdr segment;
	for (size_t i = 0; elf_segment(e, i, &segment); i++)
		if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X))
			return elf_fail(e, "asks for an executable stack (-Wl,-z,noexecstack)");
	return true;
}

bool code_check(struct elf *e)
{
	return check_stack(e) && check_exports(e) && check_libraries(e) &&
	       check_no_static_openssl(e);
}
