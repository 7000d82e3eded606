/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-compile: everything that reads YAML and runs Lua, in a process that may do little else. */
#include "compile/commands.h"

int main(int argc, char **argv)
{
	struct compile_options options;
	switch (compile_options_parse(argc, argv, &options)) {
	case OPTIONS_HELP:
		return EXIT_GOOD;
	case OPTIONS_BAD:
		return EXIT_BROKEN;
	case OPTIONS_RUN:
		break;
	}
	struct load_check check;
	load_check_start(&check, options.no_load ? NULL : options.gateway);
	limit_process();
	switch (options.command) {
	case COMMAND_CHECK:
		return command_check(&options, &check);
	case COMMAND_EXPLAIN:
		return command_explain(&options);
	case COMMAND_SCHEMA:
		return command_schema(&options);
	default:
		return command_compile(&options);
	}
}
