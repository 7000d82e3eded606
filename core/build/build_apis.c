/* SPDX-License-Identifier: Apache-2.0 */
/* APIs: a chain that is whole, or a stub that says why it answers 503. */
#include "build/build_priv.h"

#include "base/limits.h"
#include "policy/chain_build.h"
#include "policy/chain_facts.h"
#include "policy/quarantine.h"
#include "policy/secrets.h"
#include "policy/target.h"

#include <stdio.h>

static struct str string_of(const struct plan_node *n)
{
	return n && n->type == PLAN_STRING ? n->u.string : STR_EMPTY;
}

static char *full_name(const struct plan_node *node)
{
	struct str name = plan_string(node, "name", STR_EMPTY);
	struct str space = plan_string(node, "namespace", STR("default"));
	return heap_printf("%.*s/%.*s", STR_ARG(space), STR_ARG(name));
}

/* The first reason stands; the diagnostics have all of them. */
static void close_for(struct api *api, const char *reason)
{
	if (!api->error)
		api->error = heap_strdup(reason);
}

static void stub(struct build *b, struct api *api, const struct plan_node *at, const char *message)
{
	struct position position = at ? at->position : (struct position){0};
	diagnostics_add_for(b->diagnostics, api->id, SEVERITY_ERROR, position, "", message);
	close_for(api, message);
}

static struct body_contract contract_of(
	struct build *b, struct api *api, const struct plan_node *binding, const char *key)
{
	const struct plan_node *node = plan_get(binding, key);
	struct body_contract contract = {.mode = BODY_NONE};
	if (body_mode_parse(plan_string(node, "mode", STR("none")), &contract.mode) != RC_OK)
		stub(b, api, node,
			"a policy wants bodies in a way that this version does not know");
	struct build_numbers numbers = {.object = node};
	contract.bytes_max =
		(size_t)build_number(&numbers, "max", api->limits.buffered_body_bytes, UINT32_MAX);
	if (numbers.at)
		stub(b, api, numbers.at, numbers.message);
	return contract;
}

static struct built_plugin *plugin_of(struct build *b, const struct plan_node *binding)
{
	int64_t i = plan_integer(binding, "plugin", -1);
	return i >= 0 && (size_t)i < b->plugin_count ? &b->plugins[i] : NULL;
}

/* The instance of a binding: the former generation's when nothing of it changed. NULL: stubbed. */
static struct sluice_instance *instance_of(struct build *b, struct api *api,
	const struct plan_node *binding, const struct target_options *targets, size_t target_count)
{
	char message[512];
	struct instance_set *set = b->options->instances;
	struct built_plugin *plugin = plugin_of(b, binding);
	struct str policy = plan_string(binding, "policy", STR_EMPTY);
	if (!plugin || !plugin->plugin) {
		snprintf(message, sizeof(message), "policy %.*s: %s", STR_ARG(policy),
			plugin ? plugin->error : "no plugin provides it");
		api->is_quarantined |= plugin && plugin->is_quarantined;
		stub(b, api, binding, message);
		return NULL;
	}
	struct instance_options options = {
		.plugin = plugin->plugin,
		.policy = policy,
		.binding = plan_string(binding, "id", STR_EMPTY),
		.config = plan_get(binding, "config"),
		.config_path = STR("config"),
		.subject = str_of(api->id),
		.workers = b->options->workers,
		.targets = targets,
		.target_count = target_count,
	};
	struct instance_key key = instance_key_of(&options);
	if (quarantine_holds(quarantine_key_of_instance(&key))) {
		snprintf(message, sizeof(message),
			"policy %.*s has crashed the gateway: its binding is quarantined "
			"(sluicectl quarantine lift %.*s)",
			STR_ARG(policy), STR_ARG(options.binding));
		api->is_quarantined = true;
		stub(b, api, binding, message);
		return NULL;
	}
	struct sluice_instance *found = instance_set_find(set, &key);
	if (found && instance_leads_to(found, targets, target_count))
		return found;
	struct sluice_instance *made = NULL;
	struct sluice_instance *previous = instance_set_find_binding(set, options.binding);
	if (instance_new(&options, previous, b->diagnostics, &made) != RC_OK) {
		snprintf(message, sizeof(message), "policy %.*s refused its configuration",
			STR_ARG(policy));
		stub(b, api, binding, message);
		return NULL;
	}
	instance_set_add(set, made);
	return made;
}

static bool has_service(const struct api *api, size_t index)
{
	for (size_t i = 0; i < api->service_count; i++)
		if (api->services[i].index == index)
			return true;
	return false;
}

/* A mistake of its TLS settings is told where it stands, once for all APIs. */
static void stub_for_service(
	struct build *b, struct api *api, const struct plan_node *target, struct built_service *s)
{
	if (s->error_at.line == 0) {
		stub(b, api, target, s->error);
		return;
	}
	char *reason = heap_printf("its service's TLS settings: %s", s->error);
	if (!s->is_told)
		diagnostics_add_for(
			b->diagnostics, api->id, SEVERITY_ERROR, s->error_at, "tls", s->error);
	s->is_told = true;
	close_for(api, reason);
	free(reason);
}

/* What a route or a policy leads to. NULL: it cannot be used, which makes the whole API a stub. */
static const struct built_service *take_service(
	struct build *b, struct api *api, const struct plan_node *target)
{
	int64_t at = plan_integer(target, "service", -1);
	if (at < 0 || (size_t)at >= b->service_count) {
		stub(b, api, target, "what it leads to is no service");
		return NULL;
	}
	if (!b->services[at].service) {
		stub_for_service(b, api, target, &b->services[at]);
		return NULL;
	}
	const struct built_service *s = build_service_facts(b, (uint32_t)at);
	if (has_service(api, (size_t)at))
		return s;
	api->services =
		heap_realloc(api->services, (api->service_count + 1) * sizeof(struct api_service));
	api->services[api->service_count++] = (struct api_service){
		.index = (size_t)at,
		.service = service_ref(s->service),
		.rewrites_host = s->rewrites_host,
		.path = s->path ? heap_strdup(s->path) : NULL,
	};
	return s;
}

/* The services that a policy's configuration names. False: one cannot be used. */
static bool take_targets(struct build *b, struct api *api, const struct plan_node *list,
	struct target_options *targets)
{
	for (size_t i = 0; i < plan_count(list); i++) {
		const struct plan_node *node = plan_at(list, i);
		const struct built_service *s = take_service(b, api, node);
		if (!s)
			return false;
		/* One of the two is empty: a Service has its path, an address is told with its own. */
		struct str path = s->path ? str_of(s->path) : STR_EMPTY;
		targets[i] = (struct target_options){
			.text = plan_string(node, "text", STR_EMPTY),
			.path = plan_string(node, "path", path),
			.service = s->service,
			.rewrites_host = s->rewrites_host,
			.sha256 = s->sha256,
		};
	}
	return true;
}

static struct sluice_instance *instance_with_targets(
	struct build *b, struct api *api, const struct plan_node *binding)
{
	const struct plan_node *list = plan_get(binding, "targets");
	if (LIKELY(!list))
		return instance_of(b, api, binding, NULL, 0);
	size_t count = plan_count(list);
	struct target_options *targets = heap_zalloc((count + 1) * sizeof(*targets));
	bool is_fine = take_targets(b, api, list, targets);
	struct sluice_instance *i = is_fine ? instance_of(b, api, binding, targets, count) : NULL;
	free(targets);
	return i;
}

static void build_chain(struct build *b, struct api *api, const struct plan_node *node)
{
	const struct plan_node *list = plan_get(node, "chain");
	size_t count = plan_count(list);
	struct chain_binding_options *bindings = heap_zalloc((count + 1) * sizeof(*bindings));
	for (size_t i = 0; i < count; i++) {
		const struct plan_node *binding = plan_at(list, i);
		bindings[i] = (struct chain_binding_options){
			.instance = instance_with_targets(b, api, binding),
			.body = {contract_of(b, api, binding, "requestBody"),
				contract_of(b, api, binding, "responseBody")},
			.skip_on_error =
				str_eq(string_of(plan_get(binding, "onError")), STR("skip")),
		};
	}
	if (!api->error && chain_new(bindings, count, &api->chain) != RC_OK)
		stub(b, api, list, "more policies are bound to it than one chain may have (64)");
	if (api->chain)
		chain_tell_facts(api->chain, node);
	api->has_secrets = api->chain && chain_has_secrets(api->chain);
	free(bindings);
}

static struct str path_of_service(const struct route_services *s, size_t i)
{
	return str_of(build_service_facts((struct build *)s->owner, (uint32_t)i)->path);
}

static void build_routes(struct build *b, struct api *api, const struct plan_node *node)
{
	char message[256] = "";
	struct route_services services = {b->service_count, path_of_service, b};
	if (route_api_new(node, &services, &api->routes, message, sizeof(message)) != RC_OK)
		stub(b, api, node, message);
}

static void take_mirror(
	struct build *b, struct api *api, size_t route, const struct plan_node *node)
{
	const struct built_service *s = node ? take_service(b, api, node) : NULL;
	if (s && route < api->terms_count)
		build_mirror(&api->terms[route], node, s);
}

static void take_services(struct build *b, struct api *api, const struct plan_node *node)
{
	const struct plan_node *routes = plan_get(node, "routes");
	for (size_t i = 0; i < plan_count(routes); i++) {
		const struct plan_node *targets = plan_get(plan_at(routes, i), "destinations");
		for (size_t k = 0; k < plan_count(targets); k++)
			take_service(b, api, plan_at(targets, k));
		take_mirror(b, api, i, plan_at(plan_get(plan_at(routes, i), "mirrors"), 0));
	}
}

/* From the beginning of a cache line on, to the end of one. */
static void *lines_zalloc(size_t size)
{
	size_t whole = (size + 63) & ~(size_t)63;
	void *p = aligned_alloc(64, whole);
	CHECK(p);
	return memset(p, 0, whole);
}

static struct api *build_api(struct build *b, const struct plan_node *node)
{
	struct api *api = lines_zalloc(sizeof(*api));
	api->refs = 1;
	api->id = full_name(node);
	api->id_bytes = (uint32_t)strlen(api->id);
	api->address = heap_strndup(plan_string(node, "address", STR_EMPTY));
	struct route_base base = route_base_of(node);
	api->base_path = heap_strndup(base.path);
	api->path_options = base.options;
	api->policy_count = plan_count(plan_get(node, "chain"));
	api->worker_count = b->options->workers;
	api->workers = lines_zalloc(api->worker_count * sizeof(struct api_worker));
	build_api_metrics(b, api);
	struct build_numbers numbers = {.object = node};
	api->response_timeout_ms = build_ms(&numbers, "responseTimeoutMs", 0);
	api->stream_idle_timeout_ms =
		build_ms(&numbers, "streamIdleTimeoutMs", LIMIT_STREAM_IDLE_MS);
	build_api_limits(b, node, &api->limits);
	api->is_blocked = plan_bool(node, "blocked", false);
	build_api_edge(api, node, &numbers);
	build_terms(api, plan_get(node, "routes"), &numbers);
	const struct plan_node *error = plan_get(node, "error");
	if (error && error->type == PLAN_OBJECT) {
		/* Composition has reported it already. */
		struct str message =
			plan_string(error, "message", STR("its configuration has errors"));
		api->error = heap_strndup(message);
		return api;
	}
	/* One reason for all: no list of it. */
	if (b->options->closed) {
		api->error = heap_strdup(b->options->closed);
		return api;
	}
	if (numbers.at) {
		stub(b, api, numbers.at, numbers.message);
		return api;
	}
	if (b->is_incomplete) {
		stub(b, api, node,
			"a part of the folder could not be read, and its policies may stand there");
		return api;
	}
	build_chain(b, api, node);
	build_routes(b, api, node);
	take_services(b, api, node);
	return api;
}

/* --- what did not change ---------------------------------------------------------------------- */
static void put_bytes(struct build *b, const void *bytes, size_t n)
{
	buffer_add(&b->content, str_n(bytes, n));
}

/* An index in a node says nothing, and moves when others come and go: what it points to counts.
 * `target`: a destination of a route, or a target of a policy. */
static void put_target(struct build *b, const struct plan_node *target)
{
	static const char *const without[] = {"service", NULL};
	static const uint8_t none[SHA256_BYTES];
	int64_t at = plan_integer(target, "service", -1);
	bool is_there = at >= 0 && (size_t)at < b->service_count;
	plan_canonical_without(target, without, &b->content);
	put_bytes(b, is_there ? b->services[at].sha256 : none, SHA256_BYTES);
}

static void put_targets(struct build *b, const struct plan_node *targets)
{
	size_t count = plan_count(targets);
	put_bytes(b, &count, sizeof(count));
	for (size_t k = 0; k < count; k++)
		put_target(b, plan_at(targets, k));
}

static void put_routes(struct build *b, const struct plan_node *routes)
{
	static const char *const without[] = {"destinations", "mirrors", NULL};
	size_t count = plan_count(routes);
	put_bytes(b, &count, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		plan_canonical_without(plan_at(routes, i), without, &b->content);
		put_targets(b, plan_get(plan_at(routes, i), "destinations"));
		put_targets(b, plan_get(plan_at(routes, i), "mirrors"));
	}
}

static void put_chain(struct build *b, const struct plan_node *chain)
{
	static const char *const without[] = {"plugin", "targets", NULL};
	static const uint8_t none[SHA256_BYTES];
	size_t count = plan_count(chain);
	put_bytes(b, &count, sizeof(count));
	for (size_t i = 0; i < count; i++) {
		const struct built_plugin *used = plugin_of(b, plan_at(chain, i));
		bool is_loaded = used && used->plugin;
		plan_canonical_without(plan_at(chain, i), without, &b->content);
		put_bytes(b, is_loaded ? plugin_sha256(used->plugin) : none, SHA256_BYTES);
		put_targets(b, plan_get(plan_at(chain, i), "targets"));
	}
}

/* Of everything that build_api looks at but the quarantine, which take_former asks. Which listener
 * leads to an API is the route tables' matter. */
static void identity_of(
	struct build *b, const struct plan_node *node, uint8_t identity[SHA256_BYTES])
{
	static const char *const without[] = {"routes", "chain", "listener", NULL};
	buffer_reset(&b->content);
	plan_canonical_without(node, without, &b->content);
	put_routes(b, plan_get(node, "routes"));
	put_chain(b, plan_get(node, "chain"));
	put_bytes(b, &b->generation->shared_limits, sizeof(b->generation->shared_limits));
	put_bytes(b, &b->is_incomplete, sizeof(b->is_incomplete));
	CHECK(!b->content.failed);
	sha256(buffer_str(&b->content), identity);
}

/* Whether the services that `targets` name are the API's from `*at` on; passes them. */
static bool has_services_of(
	const struct build *b, const struct api *api, const struct plan_node *targets, size_t *at)
{
	for (size_t k = 0; k < plan_count(targets); k++) {
		int64_t index = plan_integer(plan_at(targets, k), "service", -1);
		if (index < 0 || (size_t)index >= b->service_count)
			return false;
		const struct service *s = b->services[index].service;
		size_t known = 0;
		while (known < *at && api->services[known].service != s)
			known++;
		if (known < *at)
			continue;
		if (*at == api->service_count || api->services[*at].service != s)
			return false;
		++*at;
	}
	return true;
}

/* The services are the same objects, not only alike; what number the plan gives them, no matter. */
static bool has_these_services(
	const struct build *b, const struct api *api, const struct plan_node *node)
{
	const struct plan_node *chain = plan_get(node, "chain"), *routes = plan_get(node, "routes");
	size_t at = 0;
	for (size_t i = 0; i < plan_count(chain); i++)
		if (!has_services_of(b, api, plan_get(plan_at(chain, i), "targets"), &at))
			return false;
	for (size_t i = 0; i < plan_count(routes); i++)
		if (!has_services_of(b, api, plan_get(plan_at(routes, i), "destinations"), &at) ||
			!has_services_of(b, api, plan_get(plan_at(routes, i), "mirrors"), &at))
			return false;
	return at == api->service_count;
}

/* Of the former generation's APIs: those by name, and those that the new one has, too. */
struct formers {
	const struct generation *generation; /* or NULL */
	struct map places;                   /* 1 + index by id; filled when first needed */
	bool *are_kept;                      /* owned: by index */
};

static void formers_init(struct formers *f, const struct generation *former)
{
	*f = (struct formers){.generation = former};
	map_init(&f->places);
	if (former)
		f->are_kept = heap_zalloc(former->api_count + 1);
}

/* 1 + its index; 0: there is none. */
static size_t find_former(struct formers *f, const char *id)
{
	const struct generation *former = f->generation;
	size_t count = former && f->places.count == 0 ? former->api_count : 0;
	for (size_t i = 0; i < count; i++)
		map_put(&f->places, str_of(former->apis[i]->id), (void *)(uintptr_t)(i + 1));
	return (uintptr_t)map_get(&f->places, str_of(id));
}

/* What went wrong may go right the next time, and its message names lines. */
static struct api *take_former(const struct build *b, struct formers *f, const char *id,
	const struct plan_node *node, const uint8_t identity[SHA256_BYTES])
{
	size_t place = find_former(f, id);
	struct api *former = place ? f->generation->apis[place - 1] : NULL;
	if (!former || former->error || memcmp(former->identity, identity, SHA256_BYTES) != 0 ||
		f->are_kept[place - 1] || !has_these_services(b, former, node) ||
		quarantine_holds_chain(former->chain))
		return NULL;
	f->are_kept[place - 1] = true;
	return api_ref(former);
}

static void note_dropped(struct build *b, struct formers *f)
{
	struct generation *g = b->generation;
	size_t count = f->generation ? f->generation->api_count : 0;
	g->dropped_apis = heap_zalloc((count + 1) * sizeof(struct api *));
	for (size_t i = 0; i < count; i++)
		if (!f->are_kept[i])
			g->dropped_apis[g->dropped_api_count++] = f->generation->apis[i];
	map_deinit(&f->places);
	free(f->are_kept);
}

static struct api *kept_or_built(
	struct build *b, struct formers *formers, const struct plan_node *node)
{
	uint8_t identity[SHA256_BYTES];
	identity_of(b, node, identity);
	char *id = full_name(node);
	struct api *api = take_former(b, formers, id, node, identity);
	free(id);
	if (api)
		return api;
	api = build_api(b, node);
	memcpy(api->identity, identity, sizeof(api->identity));
	return api;
}

/* Of an API with an error nobody knows what it would hide. */
static void note_needs(struct generation *g, const struct api *api)
{
	g->hides_queries |= api->error || (api->has_secrets && chain_hides_queries(api->chain));
	g->takes_upgrades |= !api->upgrades || api->upgrades[0] != '\0';
}

/* --- what stands in a part of the same bytes --------------------------------------------------- */

/* The next service that a fragment leads to: the same object as the one of the former API, built from
 * the same. Services that were met before do not count; `at` is how many were. */
static bool has_this_service(
	const struct build *b, const struct api *api, uint32_t number, size_t *at)
{
	const struct built_service *s = &b->services[number];
	const struct generation *former = b->options->former;
	if (!s->service || s->former == GENERATION_NONE ||
		memcmp(s->sha256, former->service_digests[s->former], SHA256_BYTES) != 0)
		return false;
	for (size_t i = 0; i < *at; i++)
		if (api->services[i].service == s->service)
			return true;
	return *at < api->service_count && api->services[(*at)++].service == s->service;
}

/* Whether everything that the fragment leads to is what the former API was built with. */
static bool leads_to_same(const struct build *b, const struct api *api,
	const struct plan_part *part, struct plan_part_fragment f)
{
	size_t plugins = 0, services = 0;
	for (uint32_t i = f.first_target; i < f.end_target; i++) {
		enum plan_lead lead;
		uint32_t number = plan_part_target(part, i, &lead);
		if (lead == PLAN_TO_SERVICE && !has_this_service(b, api, number, &services))
			return false;
		if (lead != PLAN_TO_PLUGIN)
			continue;
		if (plugins == chain_count(api->chain) || !b->plugins[number].plugin ||
			chain_plugin(api->chain, plugins) != b->plugins[number].plugin)
			return false;
		plugins++;
	}
	return plugins == chain_count(api->chain) && services == api->service_count;
}

static struct api *keep(struct build *b, struct formers *f, uint32_t i)
{
	uint32_t number = build_former_item(b, PLAN_APIS, i);
	if (number == GENERATION_NONE || f->are_kept[number] ||
		memcmp(&f->generation->shared_limits, &b->generation->shared_limits,
			sizeof(struct message_limits)) != 0)
		return NULL;
	struct plan_place at = plan_list_place(b->plan, PLAN_APIS, i);
	const struct plan_part *part = plan_part_at(b->plan, at.part);
	struct api *api = f->generation->apis[number];
	if (api->error || quarantine_holds_chain(api->chain) ||
		!leads_to_same(b, api, part, plan_part_fragment(part, at.item)))
		return NULL;
	f->are_kept[number] = true;
	return api_ref(api);
}

/* --- all ------------------------------------------------------------------------------------- */

/* That of an API that has not been decoded is a target of its fragment. */
static int64_t listener_of(const struct build *b, uint32_t i)
{
	struct plan_place at = plan_list_place(b->plan, PLAN_APIS, i);
	const struct plan_part *part = plan_part_at(b->plan, at.part);
	struct plan_part_fragment f = plan_part_fragment(part, at.item);
	for (uint32_t k = f.first_target; k < f.end_target; k++) {
		enum plan_lead lead;
		uint32_t number = plan_part_target(part, k, &lead);
		if (lead == PLAN_TO_LISTENER)
			return number;
	}
	return -1;
}

static void note_base(struct build *b, const struct api *api, uint32_t i, int64_t listener)
{
	b->bases[i] = (struct route_base){
		.path = str_of(api->base_path),
		.id = str_n(api->id, api->id_bytes),
		.listener = listener,
		.options = api->path_options,
	};
}

static bool take_api(struct build *b, struct formers *formers, uint32_t i)
{
	struct generation *g = b->generation;
	struct api *api = keep(b, formers, i);
	const struct plan_node *node = api ? NULL : build_node_of(b, PLAN_APIS, i);
	if (!api && !node)
		return false;
	int64_t listener = node ? plan_integer(node, "listener", -1) : listener_of(b, i);
	if (!api)
		api = kept_or_built(b, formers, node);
	build_note_item(b, PLAN_APIS, i, (uint32_t)g->api_count);
	note_base(b, api, i, listener);
	note_needs(g, api);
	g->apis[g->api_count++] = api;
	return true;
}

bool build_apis(struct build *b)
{
	uint32_t count = plan_list_count(b->plan, PLAN_APIS);
	struct generation *g = b->generation;
	struct formers formers;
	bool is_fine = true;
	g->apis = heap_zalloc((count + 1) * sizeof(struct api *));
	b->bases = heap_alloc((count + 1) * sizeof(*b->bases));
	formers_init(&formers, b->options->former);
	for (uint32_t i = 0; i < count && is_fine; i++)
		is_fine = take_api(b, &formers, i);
	note_dropped(b, &formers);
	return is_fine;
}
