/* SPDX-License-Identifier: Apache-2.0 */
/* The program `sluice-gateway`, which `sluice run` starts: the words of `run`, behind
 * "--supervised" when a supervisor holds the other end of descriptor 3. Without it the program
 * serves alone, for a debugger or a profiler. With "--check-plan" it serves nothing: see
 * process/plan_check.h. */
#include "base/memory.h"
#include "process/gateway.h"
#include "process/plan_check.h"

#include <unistd.h>

/* The folder of this program, where sluice-compile stands too. Heap. */
static char *program_dir(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0)
		return heap_strdup(".");
	while (n > 1 && path[n - 1] != '/')
		n--;
	return heap_strndup(str_n(path, (size_t)n - 1));
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--check-plan") == 0)
		return plan_check_run();
	bool is_supervised = argc > 1 && strcmp(argv[1], "--supervised") == 0;
	int skip = is_supervised ? 2 : 1;
	struct run_options options;
	switch (run_options_parse(argc - skip, argv + skip, &options)) {
	case OPTIONS_HELP:
		run_options_print_help();
		return 0;
	case OPTIONS_BAD:
		return 2;
	case OPTIONS_RUN:
		break;
	}
	char *dir = program_dir();
	options.program_dir = dir;
	options.is_supervised = is_supervised;
	int code = gateway_run(&options);
	free(dir);
	return code;
}
