/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/commands.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef SLUICE_SANITIZE
#define CPU_SECONDS_MAX 60
#else
#define CPU_SECONDS_MAX 10
#endif
#define MEMORY_BYTES_MAX ((rlim_t)1 << 30)
#define DESCRIPTORS_MAX  64
/* Fragments of a plan repeat the strings that the plan holds once. */
#define RECORD_BYTES_MAX ((size_t)LIMIT_PLAN_BYTES * 4)
/* The JSON form is some times as large as the binary one. */
#define PRINT_BYTES_MAX ((size_t)LIMIT_PLAN_BYTES * 4)

static void limit(int resource, rlim_t value)
{
	struct rlimit l;
	if (getrlimit(resource, &l) != 0)
		return;
	l.rlim_cur = l.rlim_max == RLIM_INFINITY || value < l.rlim_max ? value : l.rlim_max;
	l.rlim_max = l.rlim_cur;
	setrlimit(resource, &l);
}

#ifndef SLUICE_SANITIZE /* sanitizers reserve terabytes of addresses, start threads and trace */
/* Nothing that is read here may do more than be read. */
static void enter_sandbox(void)
{
	struct sandbox_report report;
	enum sandbox_mode mode = SANDBOX_ON;
	const char *chosen = getenv("SLUICE_SANDBOX");
	if (chosen && sandbox_mode_parse(chosen, &mode) != RC_OK) {
		fprintf(stderr, "SLUICE_SANDBOX: expected off, log, on or kill, found '%s'\n",
			chosen);
		exit(EXIT_BROKEN);
	}
	if (sandbox_enter_compile(mode, &report) != RC_OK) {
		fprintf(stderr, "the sandbox cannot be entered: %s\n", strerror(errno));
		exit(EXIT_BROKEN);
	}
}
#endif

void limit_process(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	limit(RLIMIT_CPU, CPU_SECONDS_MAX);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, DESCRIPTORS_MAX);
#ifndef SLUICE_SANITIZE
	limit(RLIMIT_AS, MEMORY_BYTES_MAX);
	enter_sandbox();
#endif
}

/* <prefix>/lib/sluice/plugins of the <prefix>/bin that this program stands in; NULL: none there. */
static char *default_plugin_dir(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (!slash)
			return NULL;
		*slash = '\0';
	}
	char *dir = heap_printf("%s/lib/sluice/plugins", path);
	struct stat st;
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return dir;
	free(dir);
	return NULL;
}

/* NULL: the names of all. */
static const char *schema_name(const struct compile_options *o)
{
	if (o->names)
		return NULL;
	return o->path_count ? o->paths[0] : "sluice";
}

/* `options` are those that the command line does not have. */
static enum rc compile_with(const struct compile_options *o, struct config_options options,
	struct buffer *plan, struct diagnostics *diagnostics)
{
	char *plugins = o->plugin_dir_count == 0 ? default_plugin_dir() : NULL;
	const char *one[] = {plugins};
	options.paths = o->paths;
	options.path_count = o->path_count;
	options.plugin_dirs = plugins ? one : o->plugin_dirs;
	options.plugin_dir_count = plugins ? 1 : o->plugin_dir_count;
	options.strict = o->strict;
	enum rc rc;
	if (o->command == COMMAND_SCHEMA)
		rc = config_schema(&options, schema_name(o), plan, diagnostics);
	else
		rc = config_compile(&options, plan, diagnostics);
	free(plugins);
	return rc;
}

enum rc compile_paths(
	const struct compile_options *o, struct buffer *plan, struct diagnostics *diagnostics)
{
	return compile_with(o, (struct config_options){0}, plan, diagnostics);
}

void print_findings(const struct diagnostics *d)
{
	struct buffer text;
	buffer_init(&text, SIZE_MAX / 2);
	diagnostics_print(d, &text);
	if (text.n > 0)
		fwrite(text.p, 1, text.n, stderr);
	buffer_deinit(&text);
}

/* --- compile --------------------------------------------------------------------------------- */

static bool write_all(int fd, struct str bytes, const char *what)
{
	bool ok = file_write_all(fd, bytes);
	if (!ok)
		fprintf(stderr, "cannot write the %s: %s\n", what, strerror(errno));
	return ok;
}

static bool write_json(int fd, struct str bytes)
{
	char message[200];
	struct plan *plan = NULL;
	struct buffer text;
	if (plan_decode(bytes, &plan, message, sizeof(message)) != RC_OK) {
		fprintf(stderr, "the plan cannot be read: %s\n", message);
		return false;
	}
	buffer_init(&text, PRINT_BYTES_MAX);
	plan_print_json(plan_root(plan), NULL, NULL, &text);
	bool written = !text.failed && write_all(fd, buffer_str(&text), "plan");
	buffer_deinit(&text);
	plan_free(plan);
	return written;
}

/* Empty where there is none that could be read: then everything is composed anew. */
static struct str map_record(int fd)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return STR_EMPTY;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? STR_EMPTY : str_n(p, (size_t)st.st_size);
}

struct receiver {
	int fd;
	int ready_fd; /* -1: none */
};

/* Whoever takes it need not wait for the record: the file ends, and that it is whole is told. */
static bool hand_over(void *arg, const struct str *pieces, size_t count)
{
	const struct receiver *r = arg;
	bool ok = file_write_pieces(r->fd, pieces, count);
	ok = close(r->fd) == 0 && ok && (r->ready_fd < 0 || file_write_all(r->ready_fd, STR("!")));
	if (!ok)
		fprintf(stderr, "cannot write the plan: %s\n", strerror(errno));
	return ok;
}

static enum rc compile_plan(const struct compile_options *o, int fd, struct buffer *plan,
	struct diagnostics *diagnostics)
{
	struct buffer left;
	bool has_record = o->record_out_fd >= 0;
	struct receiver receiver = {fd, o->ready_fd};
	struct config_options options = {
		.record = map_record(o->record_in_fd),
		.record_out = has_record ? &left : NULL,
		/* Who keeps records composes again and again, and looks for what is new. */
		.takes_parts = has_record,
		.hand_over = o->print ? NULL : hand_over,
		.hand_over_arg = &receiver,
	};
	buffer_init(&left, RECORD_BYTES_MAX);
	enum rc rc = compile_with(o, options, plan, diagnostics);
	if (rc == RC_OK && left.n > 0 && !left.failed)
		write_all(o->record_out_fd, buffer_str(&left), "record");
	buffer_deinit(&left);
	if (options.record.p)
		munmap((void *)options.record.p, options.record.n);
	return rc;
}

int command_compile(const struct compile_options *o)
{
	struct buffer plan;
	struct diagnostics diagnostics;
	int fd = o->out_fd >= 0 ? o->out_fd : STDOUT_FILENO;
	buffer_init(&plan, LIMIT_PLAN_BYTES);
	diagnostics_init(&diagnostics);
	int code = EXIT_BROKEN;
	if (compile_plan(o, fd, &plan, &diagnostics) == RC_OK &&
		(!o->print || write_json(fd, buffer_str(&plan))))
		code = diagnostics.errors ? EXIT_ERRORS : EXIT_GOOD;
	/* A gateway finds them in the plan and reports them itself. */
	if (o->out_fd < 0 || code == EXIT_BROKEN)
		print_findings(&diagnostics);
	diagnostics_deinit(&diagnostics);
	buffer_deinit(&plan);
	return code;
}

/* --- check ----------------------------------------------------------------------------------- */

static void add_json_finding(struct buffer *out, const struct diagnostic *g)
{
	const char *severity = g->severity == SEVERITY_ERROR ? "error" : "warning";
	buffer_addf(out, "{\"severity\":\"%s\",\"file\":", severity);
	buffer_add_json(out, str_of(g->position.file));
	buffer_addf(
		out, ",\"line\":%u,\"column\":%u,\"path\":", g->position.line, g->position.column);
	buffer_add_json(out, str_of(g->path));
	buffer_add(out, STR(",\"message\":"));
	buffer_add_json(out, str_of(g->message));
	buffer_add(out, STR(",\"subject\":"));
	buffer_add_json(out, str_of(g->subject));
	buffer_add_char(out, '}');
}

static void print_json(const struct diagnostics *d)
{
	struct buffer out;
	buffer_init(&out, SIZE_MAX / 2);
	buffer_addf(
		&out, "{\"errors\":%zu,\"warnings\":%zu,\"findings\":[", d->errors, d->warnings);
	for (size_t i = 0; i < d->count; i++) {
		if (i > 0)
			buffer_add_char(&out, ',');
		add_json_finding(&out, &d->items[i]);
	}
	buffer_add(&out, STR("]}\n"));
	fwrite(out.p, 1, out.n, stdout);
	buffer_deinit(&out);
}

static void print_count(size_t n, const char *what, const char *end)
{
	fprintf(stderr, "%zu %s%s%s", n, what, n == 1 ? "" : "s", end);
}

int command_check(const struct compile_options *o, struct load_check *check)
{
	struct buffer plan;
	struct diagnostics diagnostics;
	buffer_init(&plan, LIMIT_PLAN_BYTES);
	diagnostics_init(&diagnostics);
	enum rc rc = compile_paths(o, &plan, &diagnostics);
	if (rc == RC_OK)
		load_check_finish(check, buffer_str(&plan), &diagnostics);
	if (o->json) {
		print_json(&diagnostics);
	} else if (diagnostics.errors + diagnostics.warnings > 0) {
		print_findings(&diagnostics);
		print_count(diagnostics.errors, "error", ", ");
		print_count(diagnostics.warnings, "warning", "\n");
	}
	bool is_bad = rc != RC_OK || diagnostics.errors || (o->strict && diagnostics.warnings);
	int code = is_bad ? EXIT_ERRORS : EXIT_GOOD;
	diagnostics_deinit(&diagnostics);
	buffer_deinit(&plan);
	return code;
}

/* --- schema ---------------------------------------------------------------------------------- */

static bool write_schema(const struct plan_node *root)
{
	struct buffer text;
	buffer_init(&text, PRINT_BYTES_MAX);
	if (root->type == PLAN_ARRAY)
		for (size_t i = 0; i < plan_count(root); i++)
			buffer_addf(&text, "%.*s\n", STR_ARG(plan_at(root, i)->u.string));
	else
		plan_print_json(root, NULL, NULL, &text);
	bool is_written = !text.failed && write_all(STDOUT_FILENO, buffer_str(&text), "schema");
	buffer_deinit(&text);
	return is_written;
}

int command_schema(const struct compile_options *o)
{
	struct buffer bytes;
	struct diagnostics diagnostics;
	struct plan *plan = NULL;
	char message[200];
	int code = EXIT_BROKEN;
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	diagnostics_init(&diagnostics);
	if (compile_paths(o, &bytes, &diagnostics) != RC_OK)
		code = EXIT_ERRORS;
	else if (plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)) != RC_OK)
		fprintf(stderr, "the schema cannot be printed: %s\n", message);
	else if (write_schema(plan_root(plan)))
		code = EXIT_GOOD;
	print_findings(&diagnostics);
	plan_free(plan);
	diagnostics_deinit(&diagnostics);
	buffer_deinit(&bytes);
	return code;
}
