/* SPDX-License-Identifier: Apache-2.0 */
#include "generation/api.h"

#include "base/check.h"
#include "policy/chain_build.h"

#include <stdlib.h>

const struct api_service *api_service_at(const struct api *api, size_t index)
{
	size_t i = 0;
	while (api->services[i].index != index) {
		i++;
		CHECK(i < api->service_count);
	}
	return &api->services[i];
}

struct api *api_ref(struct api *api)
{
	api->refs++;
	return api;
}

static void free_terms(struct route_terms *t)
{
	free(t->host);
	if (t->mirror)
		free(t->mirror->path);
	free(t->mirror);
}

void api_unref(struct api *api)
{
	if (!api || --api->refs > 0)
		return;
	for (unsigned i = 0; i < api->worker_count; i++) {
		CHECK(api->workers[i].pins == 0 && api->workers[i].ran_mask == 0);
		free(api->workers[i].rows);
	}
	chain_free(api->chain);
	route_api_free(api->routes);
	for (size_t i = 0; i < api->service_count; i++) {
		service_unref(api->services[i].service);
		free(api->services[i].path);
	}
	free(api->services);
	for (size_t i = 0; i < API_STATUS_CLASSES; i++)
		if (api->requests[i])
			metric_series_unref(api->requests[i]);
	if (api->duration)
		metric_series_unref(api->duration);
	if (api->redirect)
		free(api->redirect->host);
	free(api->redirect);
	for (size_t i = 0; i < api->terms_count; i++)
		free_terms(&api->terms[i]);
	free(api->terms);
	free(api->upgrades);
	free(api->upgrade_origins);
	error_pages_free(api->errors);
	free(api->workers);
	free(api->id);
	free(api->address);
	free(api->base_path);
	free(api->error);
	free(api);
}
