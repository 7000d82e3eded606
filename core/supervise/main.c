/* SPDX-License-Identifier: Apache-2.0 */
/* The command `sluice`: `run` supervises sluice-gateway, which serves; what reads YAML is handed to
 * sluice-compile. So the process that holds the sockets has no parser in it, and the one that
 * serves has neither a YAML parser nor Lua. */
#include "base/check.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "supervise/supervisor.h"
#include "supervise/supervisor_priv.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char HELP[] =
	"usage: sluice COMMAND [options]\n"
	"\n"
	"  run --config DIR      serve the APIs that the YAML files in DIR declare\n"
	"  check DIR|FILE...     say what is wrong with a configuration; exit code 0 or 1\n"
	"  explain DIR --api N   show an API's policies in order, and where a request goes\n"
	"  schema [KIND|POLICY]  print a JSON Schema, for editors\n"
	"  compile DIR           compile to a plan; with --print, show it\n"
	"  version               show the version\n"
	"\n"
	"sluice COMMAND --help tells more. sluicectl talks to a running gateway.\n";

static const char *const commands[] = {"run", "check", "explain", "compile", "schema", "version"};

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

/* argv[0] becomes the compiler's path; a check is told where the gateway's program stands, which loads
 * plugins; the rest stays. */
static int hand_over(int argc, char **argv)
{
	char *dir = program_dir();
	char *program = heap_printf("%s/sluice-compile", dir);
	char *gateway = heap_printf("--gateway=%s/sluice-gateway", dir);
	char **all = heap_zalloc(((size_t)argc + 2) * sizeof(char *));
	int n = 0;
	all[n++] = program;
	all[n++] = argv[1];
	if (strcmp(argv[1], "check") == 0)
		all[n++] = gateway;
	for (int i = 2; i < argc; i++)
		all[n++] = argv[i];
	execv(program, all);
	fprintf(stderr, "sluice: cannot run %s: %s\n", program, strerror(errno));
	free(all);
	free(gateway);
	free(program);
	free(dir);
	return 2;
}

static int unknown(const char *command)
{
	const char *near = nearest_name(str_of(command), commands, ARRAY_COUNT(commands));
	if (near)
		fprintf(stderr, "sluice: unknown command '%s'; did you mean '%s'?\n", command,
			near);
	else
		fprintf(stderr, "sluice: unknown command '%s'; see sluice --help\n", command);
	return 2;
}

static bool is(const char *word, const char *name)
{
	return strcmp(word, name) == 0;
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	if (is(command, "--help") || is(command, "-h") || is(command, "help")) {
		fputs(HELP, stdout);
		return 0;
	}
	if (is(command, "")) {
		fputs(HELP, stderr);
		return 2;
	}
	if (is(command, "version") || is(command, "--version")) {
		puts("sluice " SLUICE_VERSION);
		return 0;
	}
	if (is(command, "run"))
		return supervisor_run(argc - 2, argv + 2);
	if (is(command, "takes-over") && argc == 3)
		return upgrade_is_possible(argv[2]) ? 0 : 1;
	if (is(command, "check") || is(command, "explain") || is(command, "compile") ||
		is(command, "schema"))
		return hand_over(argc, argv);
	return unknown(command);
}
