/* SPDX-License-Identifier: Apache-2.0 */
/* new, build and test: a policy's own folder. */
#include "sluicectl/policy/project.h"

#include "base/check.h"
#include "base/memory.h"
#include "config/lua_state.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/policy/files.h"
#include "sluicectl/policy/judge.h"
#include "sluicectl/policy/policy.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME_BYTES_MAX     48
#define TEMPLATE_BYTES_MAX (1u << 20)

extern char **environ;

char *sdk_prefix(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0) {
		policy_fail("/proc/self/exe: %s", strerror(errno));
		return NULL;
	}
	path[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	return heap_strdup(path);
}

int run_program(const char *const *argv)
{
	pid_t child;
	int status;
	fflush(stdout);
	int error =
		posix_spawnp(&child, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ);
	if (error != 0) {
		policy_fail("%s cannot be run: %s", argv[0], strerror(error));
		return -1;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- new ------------------------------------------------------------------------------------- */
/* Files of the template, and of a project; @name@ is the policy's name, in the texts too. */
static const struct {
	const char *from, *to;
} template_files[] = {
	{"CMakeLists.txt", "CMakeLists.txt"},
	{"README.md", "README.md"},
	{"policy.yaml", "policy.yaml"},
	{"policy.c", "@name@.c"},
	{"tests/test_policy.c", "tests/test_@name@.c"},
};

static bool is_name(const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool is_letter = c >= 'a' && c <= 'z';
		bool is_digit = (c >= '0' && c <= '9') || c == '-';
		if (!is_letter && (i == 0 || !is_digit))
			return false;
	}
	return n > 0 && n <= NAME_BYTES_MAX && name[n - 1] != '-';
}

/* Heap. */
static char *named(struct str text, const char *name)
{
	struct buffer out;
	buffer_init(&out, 2 * TEMPLATE_BYTES_MAX);
	while (text.n > 0) {
		size_t at = str_find(text, STR("@name@"));
		buffer_add(&out, str_n(text.p, at));
		if (at < text.n)
			buffer_add(&out, str_of(name));
		text = str_from(text, at < text.n ? at + strlen("@name@") : at);
	}
	char *made = heap_strndup(buffer_str(&out));
	buffer_deinit(&out);
	return made;
}

static bool make_file(const char *template_dir, const char *folder, const char *name, size_t number)
{
	struct buffer text;
	char *to_name = named(str_of(template_files[number].to), name);
	char *from = heap_printf("%s/%s", template_dir, template_files[number].from);
	char *to = heap_printf("%s/%s", folder, to_name);
	bool is_made = whole_file_read(from, TEMPLATE_BYTES_MAX, &text);
	if (is_made) {
		char *made = named(buffer_str(&text), name);
		is_made = whole_file_write(to, str_of(made), 0644, false);
		free(made);
	}
	if (is_made)
		printf("%s\n", to);
	buffer_deinit(&text);
	free(to_name);
	free(from);
	free(to);
	return is_made;
}

static bool make_folder(const char *path)
{
	if (mkdir(path, 0777) == 0)
		return true;
	policy_fail("%s: %s", path, strerror(errno));
	return false;
}

static bool make_project(const char *template_dir, const char *folder, const char *name)
{
	char *tests = heap_printf("%s/tests", folder);
	bool is_made = make_folder(folder) && make_folder(tests);
	for (size_t i = 0; is_made && i < ARRAY_COUNT(template_files); i++)
		is_made = make_file(template_dir, folder, name, i);
	free(tests);
	return is_made;
}

/* Of those that no plugin provides: its definition would never be looked at. */
static bool is_builtin(const char *name)
{
	char *file = heap_printf("builtins/%s.yaml", name);
	const struct embedded_file *f = config_embedded_files;
	while (f->name && strcmp(f->name, file) != 0)
		f++;
	free(file);
	return f->name != NULL;
}

static int check_name(const char *name)
{
	if (!is_name(name))
		return policy_fail(
			"'%s' is no name of a policy: lower-case letters, digits and '-', "
			"a letter first, at most %d",
			name, NAME_BYTES_MAX);
	if (str_ends(str_of(name), STR("-flex")))
		return policy_fail(
			"'%s' is no name of a policy: policyRef.name is read without -flex", name);
	if (is_builtin(name))
		return policy_fail("'%s' is a policy of the gateway itself; take another name", name);
	return EXIT_YES;
}

int policy_new(const struct policy_options *o)
{
	const char *name = o->words[0];
	if (check_name(name) != EXIT_YES)
		return EXIT_NO;
	char *prefix = sdk_prefix();
	if (!prefix)
		return EXIT_NO;
	char *template_dir = heap_printf("%s/share/sluice/template", prefix);
	char *folder = heap_printf("%s/%s", o->out ? o->out : ".", name);
	bool is_made = make_project(template_dir, folder, name);
	if (is_made)
		printf("next: sluicectl policy test %s\n", folder);
	free(folder);
	free(template_dir);
	free(prefix);
	return is_made ? EXIT_YES : EXIT_NO;
}

/* --- build ----------------------------------------------------------------------------------- */
static const char *folder_of(const struct policy_options *o)
{
	return o->word_count > 0 ? o->words[0] : ".";
}

static bool configure_and_build(const char *folder, const char *build, const char *prefix)
{
	char *path = heap_printf("-DCMAKE_PREFIX_PATH=%s", prefix);
	const char *const configure[] = {"cmake", "-S", folder, "-B", build, path,
		"-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-Wno-dev", NULL};
	const char *const make[] = {"cmake", "--build", build, NULL};
	bool is_built = run_program(configure) == 0 && run_program(make) == 0;
	free(path);
	return is_built;
}

int policy_build(const struct policy_options *o)
{
	char *prefix = sdk_prefix();
	if (!prefix)
		return EXIT_NO;
	char *package = heap_printf("%s/include/sluice/testing.h", prefix);
	char *build = heap_printf("%s/build", folder_of(o));
	char *project = heap_printf("%s/CMakeLists.txt", folder_of(o));
	int code = EXIT_NO;
	if (access(project, R_OK) != 0)
		policy_fail("%s: %s; sluicectl policy new makes one", project, strerror(errno));
	else if (access(package, R_OK) != 0)
		policy_fail("there is no SDK beside this program (%s): install it by cmake "
			    "--install",
			package);
	else if (configure_and_build(folder_of(o), build, prefix) && judge_build(folder_of(o)))
		code = EXIT_YES;
	free(project);
	free(build);
	free(package);
	free(prefix);
	return code;
}

/* --- test ------------------------------------------------------------------------------------ */
/* The tests' program, in one process, under the debugger. */
static int debug(const char *build)
{
	glob_t found = {0};
	char *pattern = heap_printf("%s/test_*", build);
	int code = EXIT_NO;
	if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1) {
		policy_fail("%s: one program of tests is expected", pattern);
	} else {
		const char *const argv[] = {"gdb", "-ex", "set environment CK_FORK no", "--args",
			found.gl_pathv[0], NULL};
		code = run_program(argv) == 0 ? EXIT_YES : EXIT_NO;
	}
	globfree(&found);
	free(pattern);
	return code;
}

int policy_test(const struct policy_options *o)
{
	if (policy_build(o) != EXIT_YES)
		return EXIT_NO;
	char *build = heap_printf("%s/build", folder_of(o));
	const char *const argv[] = {
		"ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", NULL};
	int code;
	if (o->gdb)
		code = debug(build);
	else
		code = run_program(argv) == 0 ? EXIT_YES : EXIT_NO;
	free(build);
	return code;
}
