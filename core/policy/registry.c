/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/registry.h"

#include "base/map.h"
#include "base/memory.h"
#include "policy/host_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define POLICIES_MAX 64
/* A service list longer than this is no list. */
#define SERVICES_MAX   64
#define NAME_BYTES_MAX 64

struct registry {
	struct map services;     /* name -> table, static */
	struct plugin *plugins;  /* owned: newest first */
	struct metrics *metrics; /* borrowed; NULL: none */
	struct loop *loop;       /* borrowed: the main thread's; NULL: none */
};

/* What host->service asks; see the header. */
static struct registry *the_registry;

struct registry *registry_new(void)
{
	CHECK(!the_registry);
	struct registry *r = heap_zalloc(sizeof(*r));
	map_init(&r->services);
	the_registry = r;
	return r;
}

void registry_set_metrics(struct registry *r, struct metrics *metrics)
{
	r->metrics = metrics;
}

struct metrics *registry_metrics(const struct registry *r)
{
	return r->metrics;
}

void registry_set_loop(struct registry *r, struct loop *loop)
{
	r->loop = loop;
}

struct loop *registry_loop(const struct registry *r)
{
	CHECK(r->loop);
	return r->loop;
}

static void plugin_free(struct plugin *p)
{
	if (p->head.unload)
		p->head.unload();
	breadcrumb_give_back(p->label);
	free(p->policies);
	free(p);
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	while (r->plugins) {
		struct plugin *p = r->plugins;
		r->plugins = p->next;
		plugin_free(p);
	}
	map_deinit(&r->services);
	free(r);
	the_registry = NULL;
}

/* --- services -------------------------------------------------------------------------------- */
enum rc registry_add_service(struct registry *r, const char *name, const void *table)
{
	if (map_get(&r->services, str_of(name)))
		return RC_EXISTS;
	map_put(&r->services, str_of(name), (void *)(uintptr_t)table);
	return RC_OK;
}

const void *registry_service(const struct registry *r, const char *name)
{
	return map_get(&r->services, str_of(name));
}

void registry_each_service(
	const struct registry *r, void (*fn)(void *arg, const char *name), void *arg)
{
	size_t at = 0;
	for (const struct map_entry *e; (e = map_next(&r->services, &at));) {
		char *name = heap_strndup(e->key);
		fn(arg, name);
		free(name);
	}
}

const void *host_service(const char *name)
{
	return the_registry && name ? registry_service(the_registry, name) : NULL;
}

/* --- checking a descriptor ------------------------------------------------------------------- */
struct complaint {
	char *text;
	size_t size;
};

static enum rc complain(const struct complaint *to, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static enum rc complain(const struct complaint *to, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(to->text, to->size, format, args);
	va_end(args);
	return RC_INVALID;
}

static bool name_is_valid(const char *name)
{
	size_t n = name ? strnlen(name, NAME_BYTES_MAX + 1) : 0;
	if (n == 0 || n > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			    c == '.'))
			return false;
	}
	return true;
}

/* The part of the descriptor without which nothing else can be read. */
#define PLUGIN_BYTES_MIN offsetof(struct sluice_plugin, requires_services)
#define POLICY_BYTES_MIN offsetof(struct sluice_policy, configure)

static enum rc check_abi(const struct sluice_plugin *p, const struct complaint *to)
{
	if (p->size < PLUGIN_BYTES_MIN)
		return complain(to, "its descriptor is too short (%u bytes)", p->size);
	if (p->abi_major != SLUICE_ABI_MAJOR || p->abi_minor > SLUICE_ABI_MINOR)
		return complain(to,
			"it is built for plugin ABI %u.%u, and this gateway speaks %u.%u (%s)",
			p->abi_major, p->abi_minor, SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR,
			p->abi_major == SLUICE_ABI_MAJOR ? "use a newer gateway or an older SDK"
							 : "build it again with this SDK");
	if (!name_is_valid(p->name))
		return complain(to, "its descriptor has no name, or not one of [a-z0-9._-]");
	if (!p->version || strnlen(p->version, NAME_BYTES_MAX + 1) > NAME_BYTES_MAX)
		return complain(to, "its descriptor has no version");
	if (p->policy_count == 0 || p->policy_count > POLICIES_MAX || !p->policies)
		return complain(to, "it has %u policies; 1 to %d are possible", p->policy_count,
			POLICIES_MAX);
	return RC_OK;
}

static enum rc check_services(
	const struct registry *r, const struct sluice_plugin *p, const struct complaint *to)
{
	if (!p->requires_services)
		return RC_OK;
	for (size_t i = 0; p->requires_services[i]; i++) {
		if (i == SERVICES_MAX)
			return complain(to, "its list of required services does not end");
		if (!registry_service(r, p->requires_services[i]))
			return complain(to,
				"it requires the service %.64s, which this gateway does "
				"not have",
				p->requires_services[i]);
	}
	return RC_OK;
}

static enum rc copy_policies(
	struct plugin *plugin, const struct sluice_plugin *p, const struct complaint *to)
{
	plugin->policies = heap_zalloc(p->policy_count * sizeof(*plugin->policies));
	plugin->policy_count = p->policy_count;
	for (size_t i = 0; i < p->policy_count; i++) {
		const struct sluice_policy *given = p->policies[i];
		if (!given || given->size < POLICY_BYTES_MIN)
			return complain(to, "the descriptor of its policy %zu is too short", i);
		struct sluice_policy *own = &plugin->policies[i];
		take_sized(own, sizeof(*own), given, given->size);
		if (!name_is_valid(own->name))
			return complain(to, "its policy %zu has no name of [a-z0-9._-]", i);
		for (size_t j = 0; j < i; j++)
			if (strcmp(plugin->policies[j].name, own->name) == 0)
				return complain(to, "it has two policies named %s", own->name);
	}
	return RC_OK;
}

static enum rc run_load(struct plugin *plugin, const struct complaint *to)
{
	if (!plugin->head.load)
		return RC_OK;
	int32_t rc = plugin->head.load(host_table());
	return rc < 0 ? complain(to, "its load function failed (%d)", rc) : RC_OK;
}

/* --- plugins --------------------------------------------------------------------------------- */
struct plugin *registry_plugin(const struct registry *r, const uint8_t sha256[32])
{
	struct plugin *p = r->plugins;
	while (p && memcmp(p->sha256, sha256, sizeof(p->sha256)) != 0)
		p = p->next;
	return p;
}

enum rc registry_add_plugin(struct registry *r, const struct sluice_plugin *descriptor,
	const uint8_t sha256[32], struct plugin **out, char *message, size_t message_size)
{
	const struct complaint to = {message, message_size};
	struct plugin *known = registry_plugin(r, sha256);
	if (known) {
		*out = known;
		return RC_EXISTS;
	}
	if (!descriptor)
		return complain(&to, "sluice_plugin_v1 gives no descriptor");
	struct plugin *plugin = heap_zalloc(sizeof(*plugin));
	plugin->registry = r;
	plugin->descriptor = descriptor;
	memcpy(plugin->sha256, sha256, sizeof(plugin->sha256));
	take_sized(&plugin->head, sizeof(plugin->head), descriptor, descriptor->size);
	enum rc rc = check_abi(&plugin->head, &to);
	if (rc == RC_OK)
		rc = check_services(r, &plugin->head, &to);
	if (rc == RC_OK)
		rc = copy_policies(plugin, &plugin->head, &to);
	if (rc == RC_OK)
		rc = run_load(plugin, &to);
	if (rc != RC_OK) {
		free(plugin->policies);
		free(plugin);
		return rc;
	}
	plugin->next = r->plugins;
	r->plugins = plugin;
	*out = plugin;
	return RC_OK;
}

const struct sluice_policy *plugin_policy(const struct plugin *p, struct str name)
{
	for (size_t i = 0; i < p->policy_count; i++)
		if (str_eq(name, str_of(p->policies[i].name)))
			return &p->policies[i];
	return NULL;
}

struct str plugin_name(const struct plugin *p)
{
	return str_of(p->head.name);
}

struct str plugin_version(const struct plugin *p)
{
	return str_of(p->head.version);
}

const uint8_t *plugin_sha256(const struct plugin *p)
{
	return p->sha256;
}

size_t plugin_policy_count(const struct plugin *p)
{
	return p->policy_count;
}

struct str plugin_policy_name(const struct plugin *p, size_t i)
{
	return i < p->policy_count ? str_of(p->policies[i].name) : STR_EMPTY;
}
