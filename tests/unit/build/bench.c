/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

#include "services/services.h"

#include <check.h>

const struct position bench_at = {.file = "shop.yaml", .line = 3, .column = 5};

void bench_init(struct bench *b)
{
	b->registry = registry_new();
	services_register(b->registry);
	instance_set_init(&b->instances);
	b->metrics = metrics_new(1);
	diagnostics_init(&b->diagnostics);
}

void bench_deinit(struct bench *b)
{
	diagnostics_deinit(&b->diagnostics);
	instance_set_deinit(&b->instances);
	registry_free(b->registry);
	metrics_free(b->metrics);
}

/* --- plans ----------------------------------------------------------------------------------- */
void bench_text(struct bench *b, const char *key, const char *value)
{
	plan_write_string(b->w, key, bench_at, str_of(value));
}

void bench_number(struct bench *b, const char *key, int64_t value)
{
	plan_write_integer(b->w, key, bench_at, value);
}

void bench_begin(struct bench *b)
{
	b->w = plan_writer_new();
	plan_open_object(b->w, NULL, bench_at);
}

void bench_write_service(struct bench *b, const char *scheme, int64_t port)
{
	plan_open_array(b->w, "services", bench_at);
	if (b->has_another_service) {
		plan_open_object(b->w, NULL, bench_at);
		bench_text(b, "name", "another");
		bench_text(b, "host", "127.0.0.1");
		bench_number(b, "port", 1);
		plan_close(b->w);
	}
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "name", "up");
	bench_text(b, "namespace", "default");
	bench_text(b, "scheme", scheme);
	bench_text(b, "host", "127.0.0.1");
	bench_number(b, "port", port);
	if (strcmp(scheme, "https") == 0) {
		plan_open_object(b->w, "tls", bench_at);
		bench_text(b, "trustedCA", "no PEM at all");
		plan_close(b->w);
	}
	plan_close(b->w);
	plan_close(b->w);
}

void bench_write_listener(struct bench *b, const char *address)
{
	plan_open_array(b->w, "listeners", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "address", address);
	bench_number(b, "port", 8081);
	plan_close(b->w);
	plan_close(b->w);
}

void bench_write_chain(struct bench *b, const char *policy)
{
	plan_open_array(b->w, "chain", bench_at);
	if (policy) {
		plan_open_object(b->w, NULL, bench_at);
		bench_text(b, "id", "default/binding");
		bench_text(b, "policy", policy);
		bench_number(b, "plugin", 0);
		if (b->body_mode) {
			plan_open_object(b->w, "requestBody", bench_at);
			bench_text(b, "mode", b->body_mode);
			if (b->body_max)
				bench_number(b, "max", b->body_max);
			plan_close(b->w);
		}
		plan_close(b->w);
	}
	plan_close(b->w);
}

void bench_write_route(struct bench *b)
{
	plan_open_array(b->w, "routes", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	plan_open_array(b->w, "destinations", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_number(b, "service", b->service_number);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
}

void bench_write_api(struct bench *b, const char *policy, const char *error)
{
	plan_open_array(b->w, "apis", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "name", "shop");
	bench_text(b, "namespace", "default");
	bench_number(b, "listener", 0);
	if (b->timeout_ms)
		bench_number(b, "responseTimeoutMs", b->timeout_ms);
	if (b->redirect_status) {
		plan_open_object(b->w, "redirect", bench_at);
		bench_number(b, "status", b->redirect_status);
		plan_close(b->w);
	}
	bench_write_chain(b, policy);
	bench_write_route(b);
	if (error) {
		plan_open_object(b->w, "error", bench_at);
		bench_text(b, "message", error);
		plan_close(b->w);
	}
	plan_close(b->w);
	plan_close(b->w);
}

enum rc bench_build(struct bench *b, const struct generation *former, struct generation **out)
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

struct generation *bench_build_simple(
	struct bench *b, int64_t port, const struct generation *former)
{
	struct generation *g = NULL;
	bench_begin(b);
	bench_write_service(b, "http", port);
	bench_write_listener(b, "127.0.0.1");
	bench_write_api(b, NULL, NULL);
	ck_assert_int_eq(bench_build(b, former, &g), RC_OK);
	return g;
}
