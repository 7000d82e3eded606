/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/command.h"

#include "base/check.h"
#include "base/nearest.h"

#include <stdio.h>

#define COMMANDS_MAX 32

static const void *row_at(struct command_table table, size_t i)
{
	return (const char *)table.rows + i * table.row_bytes;
}

static const char *name_at(struct command_table table, size_t i)
{
	return *(const char *const *)row_at(table, i);
}

static void tell_unknown(
	struct command_table table, const char *name, const char *who, const char *help)
{
	const char *names[COMMANDS_MAX];
	CHECK(table.count <= COMMANDS_MAX);
	for (size_t i = 0; i < table.count; i++)
		names[i] = name_at(table, i);
	const char *near = nearest_name(str_of(name), names, table.count);
	if (near)
		fprintf(stderr, "%s '%s'; did you mean '%s'?\n", who, name, near);
	else
		fprintf(stderr, "%s '%s'; see %s\n", who, name, help);
}

const void *command_find(
	struct command_table table, const char *name, const char *who, const char *help)
{
	for (size_t i = 0; i < table.count; i++)
		if (strcmp(name_at(table, i), name) == 0)
			return row_at(table, i);
	tell_unknown(table, name, who, help);
	return NULL;
}
