/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/memory.h"
#include "generation/generation.h"

static struct service *service(const char *name)
{
	struct service_options o = {
		.name = str_of(name), .scheme = STR("http"), .host = STR("h"), .port = 80};
	return service_new(&o);
}

static struct api *api_with(struct service **services, size_t count)
{
	struct api *api = heap_zalloc(sizeof(*api));
	api->refs = 1;
	api->id = heap_strdup("default/shop");
	api->worker_count = 2;
	api->workers = aligned_alloc(64, 2 * sizeof(struct api_worker));
	memset(api->workers, 0, 2 * sizeof(struct api_worker));
	api->services = heap_zalloc((count + 1) * sizeof(*api->services));
	for (size_t i = 0; i < count; i++)
		api->services[i] = (struct api_service){
			.index = 10 * i + 3, .service = service_ref(services[i])};
	api->service_count = count;
	return api;
}

START_TEST(finds_a_service_by_its_index_in_the_plan)
{
	struct service *services[] = {service("a"), service("b"), service("c")};
	struct api *api = api_with(services, 3);
	ck_assert_ptr_eq(api_service_at(api, 3)->service, services[0]);
	ck_assert_ptr_eq(api_service_at(api, 23)->service, services[2]);
	api_unref(api);
	for (size_t i = 0; i < ARRAY_COUNT(services); i++)
		service_unref(services[i]);
}
END_TEST

START_TEST(what_workers_count_lies_on_lines_of_their_own)
{
	ck_assert_uint_eq(sizeof(struct api_worker) % 64, 0);
	struct api *api = api_with(NULL, 0);
	ck_assert_uint_eq((uintptr_t)&api->workers[1] % 64, 0);
	api_unref(api);
	api_unref(NULL);
}
END_TEST

START_TEST(finds_a_listener_by_its_address)
{
	struct generation g = {.listener_count = 2};
	struct generation_listener listeners[2] = {
		{.key = heap_strdup("0.0.0.0:80")}, {.key = heap_strdup("[::]:8081")}};
	g.listeners = listeners;
	ck_assert_ptr_eq(generation_find_listener(&g, STR("[::]:8081")), &listeners[1]);
	ck_assert_ptr_null(generation_find_listener(&g, STR("[::]:808")));
	ck_assert_ptr_null(generation_find_listener(&g, STR_EMPTY));
	generation_listener_deinit(&listeners[0]);
	generation_listener_deinit(&listeners[1]);
}
END_TEST

/* Those that retire elsewhere have been taken out. */
START_TEST(frees_what_is_still_its_own)
{
	struct service *kept = service("kept"), *dropped = service("dropped");
	struct generation *g = heap_zalloc(sizeof(*g));
	struct api *elsewhere = api_with(&kept, 1);
	g->apis = heap_zalloc(2 * sizeof(struct api *));
	g->apis[0] = api_with(&kept, 1);
	g->apis[1] = NULL;
	g->api_count = 2;
	g->services = heap_zalloc(sizeof(struct service *));
	g->services[g->service_count++] = service_ref(kept);
	g->dropped = heap_zalloc(sizeof(struct service *));
	g->dropped[g->dropped_count++] = dropped;
	generation_free(g);
	generation_free(NULL);
	ck_assert_ptr_eq(api_service_at(elsewhere, 3)->service, kept);
	assert_str(service_options(kept)->name, "kept");
	api_unref(elsewhere);
	service_unref(kept);
}
END_TEST

UNIT_SUITE(generation, finds_a_service_by_its_index_in_the_plan,
	what_workers_count_lies_on_lines_of_their_own, finds_a_listener_by_its_address,
	frees_what_is_still_its_own)
