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

void testing_add_indented(struct buffer *out, const char *yaml)
{
	for (struct str rest = str_of(yaml); rest.p;) {
		struct str line = str_cut(&rest, '\n');
		buffer_addf(out, "        %.*s\n", STR_ARG(line));
	}
}

static void write_yaml(const struct sluice_test *t, struct buffer *out)
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
	for (size_t i = 0; i < t->binding_count; i++) {
		const struct testing_binding *b = &t->bindings[i];
		buffer_addf(out, "    - policyRef: {name: %s}\n      config:\n", b->policy);
		testing_add_indented(out, b->config);
	}
	buffer_add(out, buffer_str(&t->documents));
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

void testing_compose(struct sluice_test *t)
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
		free(file);
	}
	buffer_deinit(&yaml);
	free(folder);
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
