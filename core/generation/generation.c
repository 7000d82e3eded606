/* SPDX-License-Identifier: Apache-2.0 */
#include "generation/generation.h"

#include <stdlib.h>

void generation_listener_deinit(struct generation_listener *l)
{
	tls_context_unref(l->tls);
	route_table_free(l->routes);
	free(l->key);
	free((void *)l->position.file);
}

void generation_free(struct generation *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->listener_count; i++)
		generation_listener_deinit(&g->listeners[i]);
	free(g->listeners);
	for (size_t i = 0; i < g->api_count; i++)
		api_unref(g->apis[i]);
	free(g->apis);
	free(g->dropped_apis);
	contracts_free(g->contracts);
	redis_settings_unref(g->storage);
	for (size_t i = 0; i < g->service_count; i++)
		service_unref(g->services[i]);
	free(g->services);
	free(g->service_digests);
	free(g->parts);
	free(g->items);
	for (size_t i = 0; i < g->dropped_count; i++)
		service_unref(g->dropped[i]);
	free(g->dropped);
	edge_deinit(&g->edge);
	free((char *)g->resolver.servers.p);
	free(g);
}

const struct generation_listener *generation_find_listener(
	const struct generation *g, struct str key)
{
	for (size_t i = 0; i < g->listener_count; i++)
		if (str_eq(str_of(g->listeners[i].key), key))
			return &g->listeners[i];
	return NULL;
}
