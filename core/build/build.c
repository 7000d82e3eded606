/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_priv.h"

#include <stdarg.h>
#include <stdio.h>

void build_fatal(
	struct build *b, const struct plan_node *at, const char *path, const char *format, ...)
{
	char message[512];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	struct position position = at ? at->position : (struct position){0};
	diagnostics_add(b->diagnostics, SEVERITY_ERROR, position, path, "%s", message);
	b->fatal_count++;
}

void build_sha256(struct build *b, const struct plan_node *n, uint8_t out[SHA256_BYTES])
{
	buffer_reset(&b->content);
	if (n)
		plan_canonical(n, &b->content);
	CHECK(!b->content.failed);
	sha256(buffer_str(&b->content), out);
}

static void deinit(struct build *b)
{
	for (size_t i = 0; i < b->plugin_count; i++)
		free(b->plugins[i].error);
	free(b->plugins);
	for (size_t i = 0; i < b->service_count; i++) {
		free(b->services[i].error);
		free((void *)b->services[i].error_at.file);
		free(b->services[i].path);
	}
	free(b->services);
	free(b->kept_services);
	free(b->bases);
	free(b->former_parts);
	for (size_t i = 0; i < PLAN_LISTS; i++)
		plan_free(b->decoded[i]);
	map_deinit(&b->former_services);
	buffer_deinit(&b->content);
}

static size_t count_errors(const struct build *b)
{
	const struct plan_node *list = plan_get(b->root, "diagnostics");
	size_t n = 0;
	for (size_t i = 0; i < plan_count(list); i++)
		n += str_eq(plan_string(plan_at(list, i), "severity", STR("error")), STR("error"));
	return n;
}

/* What is quarantined is no mistake of the configuration: it must not stop what serves. */
static size_t count_broken(const struct build *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->generation->api_count; i++) {
		const struct api *api = b->generation->apis[i];
		n += api->error && !api->is_quarantined;
	}
	return n;
}

static void refuse_errors(struct build *b)
{
	if (count_errors(b) > 0 || count_broken(b) > 0)
		build_fatal(
			b, NULL, "", "strict: a configuration with errors is refused as a whole");
}

enum rc build_generation(const struct build_options *options, struct plan *plan,
	struct diagnostics *diagnostics, struct generation **out)
{
	struct build b = {
		.options = options,
		.plan = plan,
		.root = plan_root(plan),
		.diagnostics = diagnostics,
		.generation = heap_zalloc(sizeof(struct generation)),
	};
	map_init(&b.former_services);
	buffer_init(&b.content, SIZE_MAX);
	b.is_incomplete = plan_bool(b.root, "incomplete", false);
	if (b.is_incomplete && options->former)
		build_fatal(&b, NULL, "",
			"a part of the folder could not be read, and policies may stand in it: "
			"what "
			"served before serves on");
	b.generation->number = options->number;
	/* One that is closed is not what the plan says. */
	b.generation->plan_digest = options->closed ? 0 : plan_digest(plan);
	build_limits(&b);
	build_edge(&b);
	build_resolver(&b);
	build_contracts(&b);
	build_storage(&b);
	if (!options->closed)
		build_plugins(&b);
	build_parts(&b);
	if (build_services(&b) && build_apis(&b))
		build_listeners(&b);
	if (plan_bool(b.root, "strict", false) && !options->only_checks && !options->closed)
		refuse_errors(&b);
	deinit(&b);
	plan_free(plan);
	if (b.fatal_count > 0) {
		generation_free(b.generation);
		return RC_INVALID;
	}
	*out = b.generation;
	return RC_OK;
}
