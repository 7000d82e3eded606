/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/memory.h"
#include "build/build.h"
#include "services/services.h"

static const struct position at = {.file = "shop.yaml", .line = 3, .column = 5};

struct bench {
	struct registry *registry;
	struct instance_set instances;
	struct metrics *metrics;
	struct diagnostics diagnostics;
	struct plan_writer *w;
};

static void bench_init(struct bench *b)
{
	b->registry = registry_new();
	services_register(b->registry);
	instance_set_init(&b->instances);
	b->metrics = metrics_new(1);
	diagnostics_init(&b->diagnostics);
}

static void bench_deinit(struct bench *b)
{
	diagnostics_deinit(&b->diagnostics);
	instance_set_deinit(&b->instances);
	registry_free(b->registry);
	metrics_free(b->metrics);
}

/* --- plans ----------------------------------------------------------------------------------- */
static void text(struct bench *b, const char *key, const char *value)
{
	plan_write_string(b->w, key, at, str_of(value));
}

static void number(struct bench *b, const char *key, int64_t value)
{
	plan_write_integer(b->w, key, at, value);
}

static void begin(struct bench *b)
{
	b->w = plan_writer_new();
	plan_open_object(b->w, NULL, at);
}

static void write_service(struct bench *b, const char *scheme, int64_t port)
{
	plan_open_array(b->w, "services", at);
	plan_open_object(b->w, NULL, at);
	text(b, "name", "up");
	text(b, "namespace", "default");
	text(b, "scheme", scheme);
	text(b, "host", "127.0.0.1");
	number(b, "port", port);
	if (strcmp(scheme, "https") == 0) {
		plan_open_object(b->w, "tls", at);
		text(b, "trustedCA", "no PEM at all");
		plan_close(b->w);
	}
	plan_close(b->w);
	plan_close(b->w);
}

static void write_listener(struct bench *b, const char *address)
{
	plan_open_array(b->w, "listeners", at);
	plan_open_object(b->w, NULL, at);
	text(b, "address", address);
	number(b, "port", 8081);
	plan_close(b->w);
	plan_close(b->w);
}

static void write_chain(struct bench *b, const char *policy)
{
	plan_open_array(b->w, "chain", at);
	if (policy) {
		plan_open_object(b->w, NULL, at);
		text(b, "id", "default/binding");
		text(b, "policy", policy);
		number(b, "plugin", 0);
		plan_close(b->w);
	}
	plan_close(b->w);
}

static void write_route(struct bench *b)
{
	plan_open_array(b->w, "routes", at);
	plan_open_object(b->w, NULL, at);
	plan_open_array(b->w, "destinations", at);
	plan_open_object(b->w, NULL, at);
	number(b, "service", 0);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
}

static void write_api(struct bench *b, const char *policy, const char *error)
{
	plan_open_array(b->w, "apis", at);
	plan_open_object(b->w, NULL, at);
	text(b, "name", "shop");
	text(b, "namespace", "default");
	number(b, "listener", 0);
	write_chain(b, policy);
	write_route(b);
	if (error) {
		plan_open_object(b->w, "error", at);
		text(b, "message", error);
		plan_close(b->w);
	}
	plan_close(b->w);
	plan_close(b->w);
}

static enum rc build(struct bench *b, const struct generation *former, struct generation **out)
{
	char message[160] = "";
	struct buffer bytes;
	struct plan *plan = NULL;
	plan_close(b->w);
	buffer_init(&bytes, 1 << 20);
	ck_assert_int_eq(plan_writer_finish(b->w, &bytes), RC_OK);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	buffer_deinit(&bytes);
	plan_writer_free(b->w);
	struct build_options options = {
		.registry = b->registry,
		.instances = &b->instances,
		.state_dir = "/nonexistent",
		.workers = 1,
		.number = 1,
		.former = former,
		.metrics = b->metrics,
	};
	return build_generation(&options, plan, &b->diagnostics, out);
}

static struct generation *build_simple(
	struct bench *b, int64_t port, const struct generation *former)
{
	struct generation *g = NULL;
	begin(b);
	write_service(b, "http", port);
	write_listener(b, "127.0.0.1");
	write_api(b, NULL, NULL);
	ck_assert_int_eq(build(b, former, &g), RC_OK);
	return g;
}

/* --- cases ----------------------------------------------------------------------------------- */
START_TEST(builds_an_api_that_serves)
{
	struct bench b;
	bench_init(&b);
	struct generation *g = build_simple(&b, 9090, NULL);
	ck_assert_uint_eq(b.diagnostics.count, 0);
	ck_assert_uint_eq(g->api_count, 1);
	ck_assert_ptr_null(g->apis[0]->error);
	ck_assert_str_eq(g->apis[0]->id, "default/shop");
	ck_assert_ptr_nonnull(g->apis[0]->chain);
	assert_str(service_options(api_service_at(g->apis[0], 0)->service)->name, "default/up");
	ck_assert_ptr_nonnull(generation_find_listener(g, STR("127.0.0.1:8081")));
	ck_assert_ptr_null(generation_find_listener(g, STR("127.0.0.1:8082")));
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

START_TEST(an_api_that_composition_found_wrong_is_a_stub)
{
	struct bench b;
	struct generation *g = NULL;
	bench_init(&b);
	begin(&b);
	write_service(&b, "http", 9090);
	write_listener(&b, "127.0.0.1");
	write_api(&b, NULL, "shop.yaml:9:1: unknown policy");
	ck_assert_int_eq(build(&b, NULL, &g), RC_OK);
	ck_assert_str_eq(g->apis[0]->error, "shop.yaml:9:1: unknown policy");
	ck_assert_ptr_null(g->apis[0]->chain);
	ck_assert_uint_eq(b.diagnostics.count, 0);
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_policy_that_cannot_be_loaded_makes_a_stub_and_a_diagnostic)
{
	struct bench b;
	struct generation *g = NULL;
	bench_init(&b);
	begin(&b);
	plan_open_array(b.w, "plugins", at);
	plan_open_object(b.w, NULL, at);
	text(&b, "name", "gone");
	text(&b, "path", "/nonexistent/gone.so");
	text(&b, "sha256",
		"00000000000000000000000000000000"
		"00000000000000000000000000000000");
	plan_close(b.w);
	plan_close(b.w);
	write_service(&b, "http", 9090);
	write_listener(&b, "127.0.0.1");
	write_api(&b, "gone", NULL);
	ck_assert_int_eq(build(&b, NULL, &g), RC_OK);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_ptr_null(g->apis[0]->chain);
	ck_assert_uint_eq(b.diagnostics.errors, 1);
	ck_assert_str_eq(b.diagnostics.items[0].subject, "default/shop");
	ck_assert_uint_eq(b.diagnostics.items[0].position.line, 3);
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_service_that_cannot_be_trusted_makes_a_stub)
{
	struct bench b;
	struct generation *g = NULL;
	bench_init(&b);
	begin(&b);
	write_service(&b, "https", 9090);
	write_listener(&b, "127.0.0.1");
	write_api(&b, NULL, NULL);
	ck_assert_int_eq(build(&b, NULL, &g), RC_OK);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_uint_eq(g->service_count, 0);
	ck_assert_uint_eq(b.diagnostics.errors, 1);
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_service_that_did_not_change_is_taken_over)
{
	struct bench b;
	bench_init(&b);
	struct generation *first = build_simple(&b, 9090, NULL);
	struct generation *same = build_simple(&b, 9090, first);
	ck_assert_ptr_eq(same->services[0], first->services[0]);
	ck_assert_uint_eq(same->dropped_count, 0);
	struct generation *other = build_simple(&b, 9091, same);
	ck_assert_ptr_ne(other->services[0], same->services[0]);
	ck_assert_uint_eq(other->dropped_count, 1);
	ck_assert_ptr_eq(other->dropped[0], same->services[0]);
	generation_free(first);
	generation_free(same);
	generation_free(other);
	bench_deinit(&b);
}
END_TEST

static enum rc build_incomplete(
	struct bench *b, const struct generation *former, struct generation **out)
{
	begin(b);
	plan_write_bool(b->w, "incomplete", at, true);
	write_service(b, "http", 9090);
	write_listener(b, "127.0.0.1");
	write_api(b, NULL, NULL);
	return build(b, former, out);
}

START_TEST(serves_nothing_of_an_incomplete_plan)
{
	struct bench b;
	struct generation *g = NULL;
	bench_init(&b);
	ck_assert_int_eq(build_incomplete(&b, NULL, &g), RC_OK);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_ptr_null(g->apis[0]->chain);
	generation_free(g);
	struct generation *former = build_simple(&b, 9090, NULL);
	g = NULL;
	ck_assert_int_eq(build_incomplete(&b, former, &g), RC_INVALID);
	ck_assert_ptr_null(g);
	generation_free(former);
	bench_deinit(&b);
}
END_TEST

static enum rc build_with_bad_listener(
	struct bench *b, const struct generation *former, struct generation **out)
{
	begin(b);
	write_service(b, "http", 9090);
	write_listener(b, "not-an-address");
	write_api(b, NULL, NULL);
	return build(b, former, out);
}

START_TEST(a_bad_listener_keeps_the_former_generation_or_is_left_out_at_first)
{
	struct bench b;
	struct generation *g = NULL;
	bench_init(&b);
	ck_assert_int_eq(build_with_bad_listener(&b, NULL, &g), RC_OK);
	ck_assert_uint_eq(g->listener_count, 0);
	ck_assert_uint_eq(b.diagnostics.errors, 1);
	generation_free(g);
	struct generation *former = build_simple(&b, 9090, NULL);
	g = NULL;
	ck_assert_int_eq(build_with_bad_listener(&b, former, &g), RC_INVALID);
	ck_assert_ptr_null(g);
	ck_assert_uint_eq(b.diagnostics.errors, 2);
	generation_free(former);
	bench_deinit(&b);
}
END_TEST

UNIT_SUITE(build, builds_an_api_that_serves, an_api_that_composition_found_wrong_is_a_stub,
	a_policy_that_cannot_be_loaded_makes_a_stub_and_a_diagnostic,
	a_service_that_cannot_be_trusted_makes_a_stub, a_service_that_did_not_change_is_taken_over,
	a_bad_listener_keeps_the_former_generation_or_is_left_out_at_first,
	serves_nothing_of_an_incomplete_plan)
