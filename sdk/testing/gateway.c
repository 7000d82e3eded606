/* SPDX-License-Identifier: Apache-2.0 */
#include "testing/testing_priv.h"

#include "base/memory.h"
#include "config/document.h"
#include "config/sources.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "observe/log.h"
#include "policy/contracts.h"
#include "policy/instance.h"
#include "policy/loader.h"
#include "policy/pause.h"
#include "policy/plugin_notes.h"
#include "services/job_pool.h"
#include "services/services.h"

#include <stdlib.h>
#include <time.h>

#define LOG_BYTES_MAX (4u << 20)
/* What a test sees of the time on the wall: 2023-11-14T22:13:20Z. */
#define WALL_US 1700000000000000

/* One registry per process: policies ask it for services. */
static bool is_one_open;

/* The first object of all takes the seed of its hash from a file: no callback shall be blamed for
 * it.
 */
static void seed_json(void)
{
	struct json_document *document;
	struct json_error error;
	if (json_parse(STR("{}"), &document, &error) == RC_OK)
		json_free(document);
}

struct sluice_test *sluice_test_new(const char *plugin)
{
	if (is_one_open)
		testing_fail("one gateway at a time: sluice_test_free the former one");
	is_one_open = true;
	struct sluice_test *t = heap_zalloc(sizeof(*t));
	t->plugin = strchr(plugin, '/') ? heap_strdup(plugin) : heap_printf("./%s", plugin);
	diagnostics_init(&t->diagnostics);
	buffer_init(&t->problems, LOG_BYTES_MAX);
	buffer_init(&t->documents, LOG_BYTES_MAX);
	buffer_init(&t->log, LOG_BYTES_MAX);
	buffer_init(&t->labels, LOG_BYTES_MAX);
	log_start_queue(LOG_BYTES_MAX, NULL, NULL);
	testing_host_install();
	testing_store_open();
	seed_json();
	return t;
}

/* Takes all of them. */
static void bind_config(struct sluice_test *t, const char *policy, char *config, char *file)
{
	if (t->is_composed || t->binding_count == TESTING_BINDINGS_MAX) {
		testing_fail("%s", t->is_composed ? "bindings come before the first request"
						  : "32 bindings are the most");
		free(config);
		free(file);
		return;
	}
	t->bindings[t->binding_count++] = (struct testing_binding){
		.policy = heap_strdup(policy), .config = config, .file = file};
}

void sluice_test_bind(struct sluice_test *t, const char *policy, const char *config)
{
	bind_config(t, policy, heap_strdup(config ? config : "{}"), NULL);
}

void sluice_test_bind_file(struct sluice_test *t, const char *policy, const char *file)
{
	char *bytes, reason[200];
	size_t size;
	enum rc rc = file_read(file, DOCUMENT_FILE_BYTES_MAX, &bytes, &size);
	if (rc != RC_OK) {
		file_read_reason(rc, DOCUMENT_FILE_BYTES_MAX, reason, sizeof(reason));
		testing_fail("%s: %s", file, reason);
		return;
	}
	bind_config(t, policy, heap_strndup(str_n(bytes, size)), heap_strdup(file));
	free(bytes);
}

static void add_contract_part(struct sluice_test *t, const char *name, const char *yaml)
{
	struct diagnostics found;
	struct buffer lines;
	diagnostics_init(&found);
	buffer_init(&lines, LOG_BYTES_MAX);
	if (testing_check_yaml(name, yaml, &found)) {
		testing_add_indented(&t->documents, yaml);
	} else {
		diagnostics_print(&found, &lines);
		testing_fail("the contract has mistakes:\n%.*s", STR_ARG(buffer_str(&lines)));
	}
	buffer_deinit(&lines);
	diagnostics_deinit(&found);
}

void sluice_test_contract(struct sluice_test *t, const char *client, const char *sla)
{
	if (t->is_composed) {
		testing_fail("contracts come before the first request");
		return;
	}
	buffer_addf(&t->documents, "---\n"
				   "apiVersion: gateway.sluice.dev/v1\n"
				   "kind: Contract\n"
				   "metadata: {name: contract-%zu}\n"
				   "spec:\n"
				   "  apiId: test\n"
				   "  client:\n",
		++t->contract_count);
	add_contract_part(t, "client", client);
	if (!sla)
		return;
	buffer_addf(&t->documents, "  sla:\n");
	add_contract_part(t, "sla", sla);
}

void sluice_test_label(struct sluice_test *t, const char *name, const char *value)
{
	if (t->is_composed)
		testing_fail("labels come before the first request");
	if (t->labels.n > 0)
		buffer_add(&t->labels, STR(", "));
	buffer_add_json(&t->labels, str_of(name));
	buffer_add(&t->labels, STR(": "));
	buffer_add_json(&t->labels, str_of(value));
}

void sluice_test_split(struct sluice_test *t, size_t bytes)
{
	t->split = bytes;
}

/* --- the beginning --------------------------------------------------------------------------- */
static struct plugin *load(struct sluice_test *t, const struct plan_node *binding)
{
	uint8_t digest[SHA256_BYTES];
	char message[512], *path;
	struct plugin *plugin = NULL;
	const struct plan_node *plugins = plan_get(plan_root(t->plan), "plugins");
	const struct plan_node *node =
		plan_at(plugins, (size_t)plan_integer(binding, "plugin", INT32_MAX));
	if (!node || sha256_from_hex(plan_string(node, "sha256", STR_EMPTY), digest) != RC_OK)
		return NULL;
	path = heap_strndup(plan_string(node, "path", STR_EMPTY));
	if (plugin_load(t->registry, path, digest, &plugin, message, sizeof(message)) != RC_OK ||
		plugin_check_notes(plugin, node, message, sizeof(message)) != RC_OK) {
		testing_fail("%s: %s", path, message);
		plugin = NULL;
	}
	free(path);
	return plugin;
}

static struct body_contract contract_of(const struct plan_node *binding, const char *key)
{
	const struct plan_node *node = plan_get(binding, key);
	struct body_contract contract = {.mode = BODY_NONE};
	if (body_mode_parse(plan_string(node, "mode", STR("none")), &contract.mode) != RC_OK)
		testing_fail("a body mode that this version does not know");
	contract.bytes_max = (size_t)plan_integer(node, "max", 0);
	return contract;
}

enum rc testing_configure(struct sluice_test *t, const struct plan_node *binding,
	struct sluice_instance *previous, struct chain_binding_options *out)
{
	struct plugin *plugin = load(t, binding);
	struct target_options *targets;
	size_t target_count = testing_targets(t, binding, &targets);
	const struct instance_options options = {
		.plugin = plugin,
		.policy = plan_string(binding, "policy", STR_EMPTY),
		.binding = plan_string(binding, "id", STR_EMPTY),
		.config = plan_get(binding, "config"),
		.config_path = STR("config"),
		.subject = STR("default/test"),
		.breadcrumb = 1,
		.workers = 1,
		.targets = targets,
		.target_count = target_count,
	};
	struct sluice_instance *instance;
	enum rc rc = plugin ? instance_new(&options, previous, &t->diagnostics, &instance) : RC_INVALID;
	testing_targets_free(targets, target_count);
	if (rc != RC_OK)
		return RC_INVALID;
	*out = (struct chain_binding_options){.instance = instance,
		.body = {
			contract_of(binding, "requestBody"), contract_of(binding, "responseBody")}};
	return RC_OK;
}

static void configure(struct sluice_test *t, const struct plan_node *binding)
{
	struct chain_binding_options *options = &t->options[t->instance_count];
	if (testing_configure(t, binding, NULL, options) == RC_OK)
		t->instances[t->instance_count++] = options->instance;
}

static void compose(struct sluice_test *t)
{
	if (t->is_composed)
		return;
	t->is_composed = true;
	t->metrics = metrics_new(1);
	t->registry = registry_new();
	t->main_loop = loop_new(&(struct loop_options){.fake_clock = true});
	registry_set_metrics(t->registry, t->metrics);
	registry_set_loop(t->registry, t->main_loop);
	services_register(t->registry);
	testing_compose(t);
	const struct plan_node *chain = testing_chain(t), *binding;
	for (size_t i = 0; t->diagnostics.errors == 0 && (binding = plan_at(chain, i)); i++)
		configure(t, binding);
}

const char *testing_problems(struct sluice_test *t)
{
	buffer_reset(&t->problems);
	testing_print_problems(t, &t->problems);
	buffer_add_char(&t->problems, '\0');
	return t->problems.p;
}

const char *sluice_test_problems(struct sluice_test *t)
{
	compose(t);
	return testing_problems(t);
}

static void use_contracts(struct sluice_test *t)
{
	const struct plan_node *at;
	const struct plan_node *list = plan_get(plan_root(t->plan), "contracts");
	if (contracts_new(list, &t->contracts, &at) != RC_OK)
		testing_fail("a contract is none");
	services_use_contracts(t->contracts);
}

/* For want of a fault's allocation: a gateway would not take the configuration into use. */
static void not_started(struct sluice_test *t, size_t i)
{
	t->is_refused = true;
	if (!testing_fault_was_here(FAULT_ALLOCATION))
		testing_fail("worker_start of binding %zu failed", i);
}

static void start(struct sluice_test *t)
{
	if (chain_new(t->options, t->instance_count, &t->chain) != RC_OK)
		testing_fail("the chain cannot be made");
	testing_tell_facts(t, t->chain);
	t->loop = loop_new(&(struct loop_options){.fake_clock = true, .fake_wall_us = WALL_US});
	pause_worker_start(0, t->loop);
	services_worker_start(0, t->loop);
	testing_carry(t);
	use_contracts(t);
	for (size_t i = 0; i < t->instance_count; i++)
		if (instance_worker_start(t->instances[i], 0) != RC_OK)
			not_started(t, i);
}

void testing_open(struct sluice_test *t)
{
	if (t->is_open)
		return;
	const char *problems = sluice_test_problems(t);
	if (problems[0])
		testing_fail("the configuration has mistakes:\n%s", problems);
	start(t);
	t->is_open = true;
}

/* --- time ------------------------------------------------------------------------------------ */
void testing_turn(struct sluice_test *t)
{
	loop_turn(t->loop, 0);
	loop_turn(t->main_loop, 0);
}

/* In steps, so that what is woken on the way goes on in its time. */
void sluice_test_advance(struct sluice_test *t, int64_t ms)
{
	int64_t step = ms / 1000 > LOOP_TICK_MS ? ms / 1000 : LOOP_TICK_MS;
	testing_open(t);
	testing_turn(t);
	for (; ms > 0; ms -= step) {
		int64_t now = ms < step ? ms : step;
		loop_fake_advance(t->loop, now);
		loop_fake_advance(t->main_loop, now);
		testing_turn(t);
	}
}

static bool is_any_paused(const struct sluice_test *t)
{
	const struct sluice_test_exchange *x = t->exchanges;
	while (x && !testing_is_paused(x))
		x = testing_next(x);
	return x != NULL;
}

int sluice_test_settle(struct sluice_test *t, int64_t ms)
{
	const struct timespec wait = {.tv_nsec = 1000000};
	testing_open(t);
	testing_turn(t);
	for (; ms > 0 && is_any_paused(t); ms--) {
		nanosleep(&wait, NULL);
		testing_turn(t);
	}
	return !is_any_paused(t);
}

/* --- the end --------------------------------------------------------------------------------- */
static void stop(struct sluice_test *t)
{
	while (t->exchanges)
		sluice_test_end(t->exchanges);
	testing_retire(t);
	testing_free_ended(t);
	for (size_t i = 0; i < t->instance_count; i++)
		instance_worker_stop(t->instances[i], 0);
	services_worker_stop(0);
	pause_worker_stop(0);
	loop_free(t->loop);
	chain_free(t->chain);
}

static void decompose(struct sluice_test *t)
{
	for (size_t i = 0; i < t->instance_count; i++)
		instance_unref(t->instances[i]);
	job_pool_stop();
	loop_turn(t->main_loop, 0);
	registry_free(t->registry);
	contracts_free(t->contracts);
	metrics_free(t->metrics);
	loop_free(t->main_loop);
	plan_free(t->plan);
}

void sluice_test_free(struct sluice_test *t)
{
	if (t->is_open)
		stop(t);
	if (t->is_composed)
		decompose(t);
	testing_upstreams_free(t);
	for (size_t i = 0; i < t->binding_count; i++) {
		free(t->bindings[i].policy);
		free(t->bindings[i].config);
		free(t->bindings[i].file);
	}
	sluice_test_log(t); /* what nobody has asked for is not printed */
	log_stop_queue();
	diagnostics_deinit(&t->diagnostics);
	buffer_deinit(&t->problems);
	buffer_deinit(&t->documents);
	buffer_deinit(&t->log);
	buffer_deinit(&t->labels);
	free(t->plugin);
	free(t->composed);
	free(t);
	is_one_open = false;
}
