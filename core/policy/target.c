/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/target.h"

#include "base/memory.h"
#include "policy/host_priv.h"
#include "upstream/upstream.h"

#include <stdlib.h>

void instance_targets_take(
	struct sluice_instance *i, const struct target_options *options, size_t count)
{
	i->targets = count > 0 ? heap_zalloc(count * sizeof(*i->targets)) : NULL;
	i->target_count = count;
	for (size_t k = 0; k < count; k++) {
		const struct target_options *o = &options[k];
		i->targets[k] = (struct sluice_target){
			.instance = i,
			.service = service_ref(o->service),
			.text = str_n(heap_strndup(o->text), o->text.n),
			.path = str_n(heap_strndup(o->path), o->path.n),
			.rewrites_host = o->rewrites_host,
		};
	}
}

void instance_targets_free(struct sluice_instance *i)
{
	for (size_t k = 0; k < i->target_count; k++) {
		service_unref(i->targets[k].service);
		free((char *)(uintptr_t)i->targets[k].text.p);
		free((char *)(uintptr_t)i->targets[k].path.p);
	}
	free(i->targets);
}

void instance_key_add_target(struct buffer *content, const struct target_options *o)
{
	buffer_addf(content, "target %zu,%zu,%d:", o->text.n, o->path.n, o->rewrites_host);
	buffer_add(content, o->text);
	buffer_add(content, o->path);
	buffer_add(content, str_n((const char *)o->sha256, 32));
}

bool instance_leads_to(
	const struct sluice_instance *i, const struct target_options *options, size_t count)
{
	for (size_t k = 0; k < count; k++)
		if (k >= i->target_count || i->targets[k].service != options[k].service)
			return false;
	return i->target_count == count;
}

static void (*on_target)(struct sluice_instance *i);

void policy_on_target(void (*fn)(struct sluice_instance *i))
{
	on_target = fn;
}

static const struct sluice_target *find(const struct sluice_instance *i, struct str text)
{
	for (size_t k = 0; k < i->target_count; k++)
		if (str_eq(i->targets[k].text, text))
			return &i->targets[k];
	return NULL;
}

const struct sluice_target *host_target(struct sluice_instance *i, const struct sluice_value *at)
{
	if (!host_allows_instance(i, HOST_target)) {
		host_refuse(HOST_target);
		return NULL;
	}
	const struct sluice_target *t = find(i, str_in(host_value_string(at, SLUICE_STR(""))));
	if (!t)
		host_config_error(i, at,
			SLUICE_STR("names no service: its schema has no `format: service` here"));
	else if (on_target)
		on_target(i);
	return t;
}
