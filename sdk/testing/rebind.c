/* SPDX-License-Identifier: Apache-2.0 */
/* A save while the gateway runs: the folder is composed again, one instance takes another's place,
 * and what it replaces goes when its last exchange has. */
#include "testing/testing_priv.h"

#include "base/memory.h"
#include "policy/instance.h"

#include <stdlib.h>

static void swap_text(char **a, char **b)
{
	char *c = *a;
	*a = *b;
	*b = c;
}

static void recompose(struct sluice_test *t)
{
	plan_free(t->plan);
	t->plan = NULL;
	diagnostics_deinit(&t->diagnostics);
	diagnostics_init(&t->diagnostics);
	testing_compose(t);
}

static void replace(struct sluice_test *t, size_t n, const struct chain_binding_options *options)
{
	struct testing_retired *old = heap_zalloc(sizeof(*old)), **at = &t->retired;
	*old = (struct testing_retired){.chain = t->chain, .instance = t->instances[n]};
	while (*at)
		at = &(*at)->next;
	*at = old;
	t->options[n] = *options;
	t->instances[n] = options->instance;
	if (chain_new(t->options, t->instance_count, &t->chain) != RC_OK)
		testing_fail("the chain cannot be made");
	testing_tell_facts(t, t->chain);
	testing_retire(t);
}

/* Else the gateway does not take the configuration into use. */
static bool has_started(struct sluice_test *t, size_t n, struct sluice_instance *instance)
{
	if (instance_worker_start(instance, 0) == RC_OK)
		return true;
	instance_unref(instance);
	diagnostics_add(&t->diagnostics, SEVERITY_ERROR, (struct position){0}, "",
		"worker_start of binding %zu failed", n);
	return false;
}

const char *sluice_test_rebind(struct sluice_test *t, size_t n, const char *config)
{
	struct chain_binding_options options;
	bool is_refused = false;
	testing_open(t);
	if (n >= t->instance_count) {
		testing_fail("there is no binding %zu", n);
		return "";
	}
	char *other = heap_strdup(config ? config : "{}"), *file = NULL;
	swap_text(&t->bindings[n].config, &other);
	swap_text(&t->bindings[n].file, &file);
	recompose(t);
	const struct plan_node *binding = plan_at(testing_chain(t), n);
	if (t->diagnostics.errors == 0 &&
		testing_configure(t, binding, t->instances[n], &options) == RC_OK &&
		has_started(t, n, options.instance))
		replace(t, n, &options);
	else
		is_refused = true;
	const char *problems = testing_problems(t);
	if (is_refused) {
		swap_text(&t->bindings[n].config, &other);
		swap_text(&t->bindings[n].file, &file);
	}
	free(other);
	free(file);
	return problems;
}

static bool is_in_use(const struct sluice_test *t, const struct chain *chain)
{
	const struct sluice_test_exchange *x = t->exchanges;
	while (x && !testing_runs(x, chain))
		x = testing_next(x);
	return x != NULL;
}

/* The oldest first: its chain may hold the instances of those behind it. */
void testing_retire(struct sluice_test *t)
{
	struct testing_retired *old;
	while ((old = t->retired) && !is_in_use(t, old->chain)) {
		t->retired = old->next;
		chain_free(old->chain);
		instance_worker_stop(old->instance, 0);
		instance_unref(old->instance);
		free(old);
	}
}
