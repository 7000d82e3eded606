/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/policy/judge.h"

#include "base/memory.h"
#include "package/package.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/policy/definition.h"
#include "sluicectl/policy/files.h"
#include "sluicectl/policy/policy.h"
#include "sluicectl/policy/project.h"

#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

bool judge_code(const char *plugin)
{
	char *prefix = sdk_prefix();
	if (!prefix)
		return false;
	char *program = heap_printf("%s/bin/sluice-policy-bench", prefix);
	const char *const argv[] = {program, "--check", plugin, NULL};
	int ended = run_program(argv);
	if (ended >= 128)
		policy_fail(
			"%s: its code ends by signal %d when it is loaded", plugin, ended - 128);
	free(program);
	free(prefix);
	return ended == 0;
}

/* As somebody in this folder would call it. Heap. */
static char *path_in(const char *folder, const char *name)
{
	return strcmp(folder, ".") == 0 ? heap_strdup(name) : heap_printf("%s/%s", folder, name);
}

/* The project's policy.yaml, when it is what stands in the plugin; else the plugin. Heap. */
static char *file_of_definition(const char *folder, const char *plugin, struct str definition)
{
	char *path = path_in(folder, "policy.yaml");
	if (access(path, R_OK) == 0) {
		struct buffer text;
		bool is_same = whole_file_read(path, PACKAGE_DEFINITION_BYTES_MAX, &text) &&
			       str_eq(buffer_str(&text), definition);
		buffer_deinit(&text);
		if (is_same)
			return path;
	}
	free(path);
	return heap_strdup(plugin);
}

static bool judge_definition(const char *folder, const char *plugin, struct str definition)
{
	struct definitions definitions;
	char *file = file_of_definition(folder, plugin, definition);
	bool is_good = definitions_read(&definitions, file, definition);
	definitions_deinit(&definitions);
	free(file);
	return is_good;
}

static bool is_for_this_machine(struct str bytes)
{
	struct package_facts facts;
	char message[200];
	return package_inspect(bytes, PACKAGE_THIS_MACHINE, &facts, message, sizeof(message)) ==
	       RC_OK;
}

/* Its runtime has to be in the program that loads it: the tests' has it, ours has not. */
static bool is_sanitized(struct str bytes)
{
	return str_find(bytes, STR("__asan_init")) < bytes.n ||
	       str_find(bytes, STR("__tsan_init")) < bytes.n;
}

static bool judge_bytes(const char *folder, const char *path, struct str bytes)
{
	struct package_facts facts;
	char message[200];
	if (package_inspect(bytes, PACKAGE_ANY_MACHINE, &facts, message, sizeof(message)) !=
		RC_OK) {
		policy_fail("%s: %s", path, message);
		return false;
	}
	return judge_definition(folder, path, facts.definition) &&
	       (!is_for_this_machine(bytes) || is_sanitized(bytes) || judge_code(path));
}

static bool judge_plugin(const char *folder, const char *path)
{
	struct buffer bytes;
	bool is_good = whole_file_read(path, PACKAGE_FILE_BYTES_MAX, &bytes) &&
		       judge_bytes(folder, path, buffer_str(&bytes));
	buffer_deinit(&bytes);
	return is_good;
}

/* What is called lib*.so is a library of the project's. */
static bool is_library(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strncmp(slash ? slash + 1 : path, "lib", 3) == 0;
}

bool judge_build(const char *folder)
{
	glob_t found = {0};
	char *pattern = path_in(folder, "build/*.so");
	bool is_good = true;
	int rc = glob(pattern, 0, NULL, &found);
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		if (!is_library(found.gl_pathv[i]))
			is_good = judge_plugin(folder, found.gl_pathv[i]) && is_good;
	globfree(&found);
	free(pattern);
	return is_good;
}
