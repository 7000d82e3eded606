/* SPDX-License-Identifier: Apache-2.0 */
#include "package/code.h"
#include "package/notes.h"

#include "sluice/sluice.h"

static bool check_abi(struct elf *e, struct package_abi abi)
{
	bool is_said = abi.major != 0 || abi.minor != 0;
	if (!is_said || (abi.major == SLUICE_ABI_MAJOR && abi.minor <= SLUICE_ABI_MINOR))
		return true;
	return elf_fail(e, "is built for plugin ABI %u.%u, and this gateway speaks %u.%u (%s)",
		abi.major, abi.minor, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR,
		abi.major == SLUICE_ABI_MAJOR ? "use a newer gateway or an older SDK"
					      : "build it again with this SDK");
}

static bool check_machine(struct elf *e, enum package_machine machine, const char **name)
{
	if (machine == PACKAGE_THIS_MACHINE && !elf_is_for_this_machine(e))
		return false;
	*name = elf_machine(e);
	return *name || elf_fail(e, "is for a machine on which no gateway runs: ELF machine %u",
				e->header.e_machine);
}

enum rc package_inspect(struct str file, enum package_machine machine, struct package_facts *out,
	char *message, size_t message_size)
{
	struct elf e;
	struct package_facts facts = {0};
	if (!elf_open(&e, file, message, message_size) ||
		!check_machine(&e, machine, &facts.machine) ||
		!note_find_definition(&e, &facts.definition) || !note_find_abi(&e, &facts.abi) ||
		!check_abi(&e, facts.abi) || !code_check(&e))
		return RC_INVALID;
	*out = facts;
	return RC_OK;
}
