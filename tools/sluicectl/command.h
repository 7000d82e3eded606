/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/command.h - tables of commands: rows of any kind that begin with `const char *name`. */
#pragma once

#include <stddef.h>

struct command_table {
	const void *rows;
	size_t count, row_bytes;
};
#define COMMAND_TABLE(array) ((struct command_table){array, ARRAY_COUNT(array), sizeof((array)[0])})

/* The row; NULL: there is none, which is said: "WHO 'name'; did you mean 'nearest'?", or where to look
 * when nothing is near: "see HELP". */
const void *command_find(
	struct command_table table, const char *name, const char *who, const char *help);
