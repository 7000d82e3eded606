/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with one API is written, and composed as the gateway's own are. */
#include "testing/testing_priv.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "config/config.h"
#include "policy/chain_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A document's header or end is none below a key. */
static struct str without_marker(struct str line)
{
	bool is_marker = str_starts(line, STR("---")) || str_starts(line, STR("..."));
	bool is_alone = line.n == 3 || (line.n > 3 && (line.p[3] == ' ' || line.p[3] == '\r'));
	return is_marker && is_alone ? str_from(line, 3) : line;
}

void testing_add_indented(struct buffer *out, const char *yaml)
{
	for (struct str rest = str_of(yaml); rest.p;) {
		struct str line = str_cut(&rest, '\n');
		struct str text = without_marker(line);
		buffer_addf(out, "%*s%.*s\n", TESTING_INDENT + (int)(line.n - text.n), "",
			STR_ARG(text));
	}
}

static uint32_t lines_of(struct str text)
{
	uint32_t lines = 0;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	return lines;
}

static void write_binding(struct testing_binding *b, struct buffer *out)
{
	buffer_addf(out, "    - policyRef: {name: %s}\n      config:\n", b->policy);
	b->line = lines_of(buffer_str(out)) + 1;
	testing_add_indented(out, b->config);
	b->lines = lines_of(buffer_str(out)) + 1 - b->line;
}

static void write_yaml(struct sluice_test *t, struct buffer *out)
{
	buffer_addf(out, "apiVersion: gateway.sluice.dev/v1\n"
			 "kind: ApiInstance\n"
			 "metadata: {name: test, labels: {%.*s}}\n"
			 "spec:\n"
			 "  address: http://127.0.0.1:8081\n"
			 "  services:\n"
			 "    upstream: {address: \"http://127.0.0.1:8080\"}\n"
			 "  policies:\n",
		(int)t->labels.n, t->labels.n ? t->labels.p : "");
	for (size_t i = 0; i < t->binding_count; i++)
		write_binding(&t->bindings[i], out);
	buffer_add(out, buffer_str(&t->documents));
}

/* Each by itself before all of them: what is no YAML could mean anything in the midst of others. */
static bool check_configs(struct sluice_test *t)
{
	bool are_good = true;
	for (size_t i = 0; i < t->binding_count; i++) {
		const struct testing_binding *b = &t->bindings[i];
		are_good = testing_check_yaml(
				   b->file ? b->file : "config", b->config, &t->diagnostics) &&
			   are_good;
	}
	return are_good;
}

static bool write_file(const char *path, struct str bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	bool is_written = fd >= 0 && file_write_all(fd, bytes);
	if (fd >= 0)
		close(fd);
	return is_written;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash > path ? (size_t)(slash - path) : 1; /* "/" is its own folder */
	return slash ? heap_strndup(str_n(path, n)) : heap_strdup(".");
}

static void compile(struct sluice_test *t, const char *file)
{
	char *plugins = folder_of(t->plugin), message[300];
	struct buffer plan;
	const char *const paths[] = {file}, *const dirs[] = {plugins};
	const struct config_options options = {
		.paths = paths, .path_count = 1, .plugin_dirs = dirs, .plugin_dir_count = 1};
	buffer_init(&plan, LIMIT_PLAN_BYTES);
	if (config_compile(&options, &plan, &t->diagnostics) != RC_OK)
		testing_fail("the configuration cannot be composed");
	else if (plan_decode(buffer_str(&plan), &t->plan, message, sizeof(message)) != RC_OK)
		testing_fail("%s", message);
	buffer_deinit(&plan);
	free(plugins);
}

static void compose_folder(struct sluice_test *t)
{
	const char *tmp = getenv("TMPDIR");
	char *folder = heap_printf("%s/sluice-testing-XXXXXX", tmp ? tmp : P_tmpdir);
	struct buffer yaml;
	buffer_init(&yaml, 16u << 20);
	write_yaml(t, &yaml);
	if (!mkdtemp(folder)) {
		testing_fail("%s: %s", folder, strerror(errno));
	} else {
		char *file = heap_printf("%s/test.yaml", folder);
		if (write_file(file, buffer_str(&yaml)))
			compile(t, file);
		else
			testing_fail("%s: %s", file, strerror(errno));
		unlink(file);
		rmdir(folder);
		free(t->composed);
		t->composed = file;
	}
	buffer_deinit(&yaml);
	free(folder);
}

void testing_compose(struct sluice_test *t)
{
	if (check_configs(t))
		compose_folder(t);
}

static const struct plan_node *api_of(const struct sluice_test *t)
{
	return t->plan ? plan_at(plan_get(plan_root(t->plan), "apis"), 0) : NULL;
}

const struct plan_node *testing_chain(const struct sluice_test *t)
{
	return plan_get(api_of(t), "chain");
}

void testing_tell_facts(const struct sluice_test *t, struct chain *chain)
{
	chain_tell_facts(chain, api_of(t));
}
