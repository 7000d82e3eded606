/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "bench.h"

#include "base/memory.h"
#include "build/build.h"
#include "handover/board.h"
#include "policy/quarantine.h"
#include "services/services.h"

#include <sluice/sluice.h>
#include <stdio.h>
#include <unistd.h>

START_TEST(builds_an_api_that_serves)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *g = bench_build_simple(&b, 9090, NULL);
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
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	bench_begin(&b);
	bench_write_service(&b, "http", 9090);
	bench_write_listener(&b, "127.0.0.1");
	bench_write_api(&b, NULL, "shop.yaml:9:1: unknown policy");
	ck_assert_int_eq(bench_build(&b, NULL, &g), RC_OK);
	ck_assert_str_eq(g->apis[0]->error, "shop.yaml:9:1: unknown policy");
	ck_assert_ptr_null(g->apis[0]->chain);
	ck_assert_uint_eq(b.diagnostics.count, 0);
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_policy_that_cannot_be_loaded_makes_a_stub_and_a_diagnostic)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	bench_begin(&b);
	plan_open_array(b.w, "plugins", bench_at);
	plan_open_object(b.w, NULL, bench_at);
	bench_text(&b, "name", "gone");
	bench_text(&b, "path", "/nonexistent/gone.so");
	bench_text(&b, "sha256",
		"00000000000000000000000000000000"
		"00000000000000000000000000000000");
	plan_close(b.w);
	plan_close(b.w);
	bench_write_service(&b, "http", 9090);
	bench_write_listener(&b, "127.0.0.1");
	bench_write_api(&b, "gone", NULL);
	ck_assert_int_eq(bench_build(&b, NULL, &g), RC_OK);
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
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	bench_begin(&b);
	bench_write_service(&b, "https", 9090);
	bench_write_listener(&b, "127.0.0.1");
	bench_write_api(&b, NULL, NULL);
	ck_assert_int_eq(bench_build(&b, NULL, &g), RC_OK);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_uint_eq(g->service_count, 0);
	ck_assert_uint_eq(b.diagnostics.errors, 1);
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_service_that_did_not_change_is_taken_over)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *first = bench_build_simple(&b, 9090, NULL);
	struct generation *same = bench_build_simple(&b, 9090, first);
	ck_assert_ptr_eq(same->services[0], first->services[0]);
	ck_assert_uint_eq(same->dropped_count, 0);
	struct generation *other = bench_build_simple(&b, 9091, same);
	ck_assert_ptr_ne(other->services[0], same->services[0]);
	ck_assert_uint_eq(other->dropped_count, 1);
	ck_assert_ptr_eq(other->dropped[0], same->services[0]);
	generation_free(first);
	generation_free(same);
	generation_free(other);
	bench_deinit(&b);
}
END_TEST

START_TEST(an_api_that_did_not_change_is_taken_over)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *first = bench_build_simple(&b, 9090, NULL);
	struct api *api = first->apis[0];
	struct generation *same = bench_build_simple(&b, 9090, first);
	ck_assert_ptr_eq(same->apis[0], api);
	ck_assert_uint_eq(api->refs, 2);
	ck_assert_uint_eq(same->dropped_api_count, 0);
	generation_free(first);
	ck_assert_uint_eq(api->refs, 1);
	/* Nothing of the API's own node changes, but where its only route leads. */
	struct generation *other = bench_build_simple(&b, 9091, same);
	ck_assert_ptr_ne(other->apis[0], api);
	ck_assert_uint_eq(other->dropped_api_count, 1);
	ck_assert_ptr_eq(other->dropped_apis[0], api);
	generation_free(same);
	generation_free(other);
	bench_deinit(&b);
}
END_TEST

START_TEST(an_api_is_kept_when_others_move_the_numbers_of_its_services)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *first = bench_build_simple(&b, 9090, NULL);
	b.has_another_service = true;
	b.service_number = 1;
	struct generation *moved = bench_build_simple(&b, 9090, first);
	ck_assert_ptr_eq(moved->apis[0], first->apis[0]);
	assert_str(service_options(moved->apis[0]->services[0].service)->name, "default/up");
	/* The number that "up" had at first leads to another one now. */
	b.service_number = 0;
	struct generation *other = bench_build_simple(&b, 9090, moved);
	ck_assert_ptr_ne(other->apis[0], first->apis[0]);
	assert_str(service_options(other->apis[0]->services[0].service)->name, "default/another");
	generation_free(first);
	generation_free(moved);
	generation_free(other);
	bench_deinit(&b);
}
END_TEST

static struct generation *build_with_settings(
	struct bench *b, int64_t head_ms, int64_t value_bytes, const struct generation *former)
{
	struct generation *g = NULL;
	bench_begin(b);
	bench_write_service(b, "http", 9090);
	bench_write_listener(b, "127.0.0.1");
	bench_write_api(b, NULL, NULL);
	plan_open_object(b->w, "settings", bench_at);
	plan_open_object(b->w, "limits", bench_at);
	bench_number(b, "headMs", head_ms);
	bench_number(b, "fieldValueBytes", value_bytes);
	plan_close(b->w);
	plan_close(b->w);
	ck_assert_int_eq(bench_build(b, former, &g), RC_OK);
	return g;
}

/* Its exchanges would have to end for nothing. */
START_TEST(an_api_is_built_anew_only_for_settings_that_it_has)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *first = build_with_settings(&b, 1, 1000, NULL);
	struct generation *same = build_with_settings(&b, 2, 1000, first);
	struct generation *other = build_with_settings(&b, 2, 1001, same);
	ck_assert_ptr_eq(same->apis[0], first->apis[0]);
	ck_assert_ptr_ne(other->apis[0], same->apis[0]);
	ck_assert_uint_eq(other->apis[0]->limits.response_message.field_value_bytes, 1001);
	generation_free(first);
	generation_free(same);
	generation_free(other);
	bench_deinit(&b);
}
END_TEST

static struct generation *build_with_client(
	struct bench *b, const char *id, const struct generation *former)
{
	struct generation *g = NULL;
	bench_begin(b);
	bench_write_service(b, "http", 9090);
	bench_write_listener(b, "127.0.0.1");
	bench_write_api(b, NULL, NULL);
	plan_open_array(b->w, "contracts", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "api", "default/shop");
	bench_text(b, "clientId", id);
	plan_close(b->w);
	plan_close(b->w);
	enum rc rc = bench_build(b, former, &g);
	ck_assert_int_eq(rc, id[0] ? RC_OK : RC_INVALID);
	return g;
}

START_TEST(an_api_is_kept_when_contracts_with_it_change)
{
	struct bench b = {0};
	bench_init(&b);
	struct str api = STR("default/shop");
	struct generation *first = build_with_client(&b, "ann", NULL);
	struct generation *other = build_with_client(&b, "bob", first);
	ck_assert_ptr_eq(other->apis[0], first->apis[0]);
	ck_assert_ptr_nonnull(contracts_find(first->contracts, api, STR("ann")));
	ck_assert_ptr_null(contracts_find(other->contracts, api, STR("ann")));
	ck_assert_ptr_nonnull(contracts_find(other->contracts, api, STR("bob")));
	build_with_client(&b, "", other); /* damaged */
	generation_free(first);
	generation_free(other);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_stub_is_never_taken_over)
{
	struct bench b = {0};
	struct generation *g[2] = {NULL, NULL};
	bench_init(&b);
	for (int i = 0; i < 2; i++) {
		bench_begin(&b);
		bench_write_listener(&b, "127.0.0.1");
		bench_write_api(&b, NULL, "shop.yaml:9:1: unknown policy");
		ck_assert_int_eq(bench_build(&b, g[0], &g[i]), RC_OK);
	}
	ck_assert_ptr_ne(g[1]->apis[0], g[0]->apis[0]);
	ck_assert_ptr_eq(g[1]->dropped_apis[0], g[0]->apis[0]);
	generation_free(g[0]);
	generation_free(g[1]);
	bench_deinit(&b);
}
END_TEST

/* --- with pages, redirects and another header ------------------------------------------------- */
static void write_pages(struct bench *b, const char *body)
{
	plan_open_array(b->w, "errors", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_number(b, "low", 404);
	bench_number(b, "high", 404);
	plan_open_array(b->w, "pages", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "media", "text");
	bench_text(b, "body", body);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
}

static void write_api_with_edge(
	struct bench *b, const char *page, const char *host, bool is_blocked)
{
	plan_open_array(b->w, "apis", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "name", "shop");
	bench_number(b, "listener", 0);
	plan_write_bool(b->w, "blocked", bench_at, is_blocked);
	bench_write_chain(b, NULL);
	bench_write_route(b);
	write_pages(b, page);
	plan_open_object(b->w, "redirect", bench_at);
	bench_text(b, "host", host);
	plan_close(b->w);
	plan_close(b->w);
	plan_close(b->w);
}

static struct generation *build_with_edge(struct bench *b, const char *page, const char *host,
	bool is_blocked, const struct generation *former)
{
	struct generation *g = NULL;
	bench_begin(b);
	bench_write_service(b, "http", 9090);
	bench_write_listener(b, "127.0.0.1");
	write_api_with_edge(b, page, host, is_blocked);
	plan_open_object(b->w, "settings", bench_at);
	plan_open_object(b->w, "edge", bench_at);
	plan_open_object(b->w, "clientAddress", bench_at);
	bench_text(b, "header", "True-Client-IP");
	plan_close(b->w);
	write_pages(b, "of all");
	plan_close(b->w);
	plan_close(b->w);
	ck_assert_int_eq(bench_build(b, former, &g), RC_OK);
	return g;
}

static void assert_page(const struct error_pages *pages, const char *body)
{
	const struct error_values values = {.status = 404};
	struct str type;
	struct buffer out;
	bool varies;
	buffer_init(&out, 256);
	ck_assert(error_pages_render(pages, NULL, &values, &out, &type, &varies));
	ck_assert(str_eq(buffer_str(&out), str_of(body)));
	buffer_deinit(&out);
}

/* The plan is gone after the build, and the generation that made the API after the next one. */
START_TEST(a_kept_api_has_all_that_it_points_to)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *first = build_with_edge(&b, "none", "a.example", false, NULL);
	struct generation *same = build_with_edge(&b, "none", "a.example", false, first);
	ck_assert_ptr_eq(same->apis[0], first->apis[0]);
	generation_free(first);
	assert_page(same->apis[0]->errors, "none");
	ck_assert_str_eq(same->apis[0]->redirect->host, "a.example");
	assert_page(same->edge.errors, "of all");
	assert_str(same->edge.header_name, "True-Client-IP");
	generation_free(same);
	bench_deinit(&b);
}
END_TEST

START_TEST(an_api_is_built_anew_when_its_edge_changes)
{
	struct bench b = {0};
	bench_init(&b);
	struct generation *g[4] = {build_with_edge(&b, "none", "a.example", false, NULL)};
	g[1] = build_with_edge(&b, "nothing", "a.example", false, g[0]);
	g[2] = build_with_edge(&b, "nothing", "b.example", false, g[1]);
	g[3] = build_with_edge(&b, "nothing", "b.example", true, g[2]);
	for (int i = 1; i < 4; i++) {
		ck_assert_ptr_ne(g[i]->apis[0], g[i - 1]->apis[0]);
		ck_assert_ptr_eq(g[i]->dropped_apis[0], g[i - 1]->apis[0]);
	}
	assert_page(g[1]->apis[0]->errors, "nothing");
	ck_assert_str_eq(g[2]->apis[0]->redirect->host, "b.example");
	ck_assert(g[3]->apis[0]->is_blocked && !g[2]->apis[0]->is_blocked);
	for (int i = 0; i < 4; i++)
		generation_free(g[i]);
	bench_deinit(&b);
}
END_TEST

/* --- with a policy ---------------------------------------------------------------------------- */
static const uint8_t plain_sha256[32] = {0xab};

static int32_t on_head(const struct sluice_call *call, struct sluice_exchange *exchange)
{
	return SLUICE_CONTINUE;
}

static struct plugin *add_plugin(struct bench *b)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "plain",
		.version = "1.0.0",
		.request_head = on_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin descriptor = {
		.size = sizeof(descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "plain",
		.version = "1.0.0",
		.policies = policies,
	};
	struct plugin *added = NULL;
	char message[200];
	ck_assert_int_eq(registry_add_plugin(b->registry, &descriptor, plain_sha256, &added,
				 message, sizeof(message)),
		RC_OK);
	return added;
}

static struct generation *build_with_note(
	struct bench *b, const char *abi, const struct generation *former)
{
	struct generation *g = NULL;
	bench_begin(b);
	plan_open_array(b->w, "plugins", bench_at);
	plan_open_object(b->w, NULL, bench_at);
	bench_text(b, "name", "plain");
	if (abi)
		bench_text(b, "abi", abi);
	bench_text(b, "sha256",
		"ab000000000000000000000000000000"
		"00000000000000000000000000000000");
	plan_close(b->w);
	plan_close(b->w);
	bench_write_service(b, "http", 9090);
	bench_write_listener(b, "127.0.0.1");
	bench_write_api(b, "plain", NULL);
	ck_assert_int_eq(bench_build(b, former, &g), RC_OK);
	return g;
}

static struct generation *build_with_policy(struct bench *b, const struct generation *former)
{
	return build_with_note(b, NULL, former);
}

static void let_go(void *arg, struct sluice_instance *unused)
{
	instance_unref(unused);
}

/* A plan of a later version: what was to look at the body must not be left out. */
START_TEST(a_body_mode_that_is_not_known_makes_a_stub)
{
	struct bench b = {.body_mode = "buffer"};
	bench_init(&b);
	add_plugin(&b);
	struct generation *g[2] = {build_with_policy(&b, NULL)};
	ck_assert_ptr_null(g[0]->apis[0]->error);
	b.body_mode = "sideways";
	g[1] = build_with_policy(&b, g[0]);
	ck_assert_ptr_nonnull(g[1]->apis[0]->error);
	ck_assert_ptr_nonnull(strstr(g[1]->apis[0]->error, "wants bodies in a way"));
	for (int i = 0; i < 2; i++)
		generation_free(g[i]);
	instance_set_sweep(&b.instances, let_go, NULL);
	bench_deinit(&b);
}
END_TEST

/* What it was judged by is not what would run. */
START_TEST(a_plugin_whose_code_is_not_what_its_note_says_makes_a_stub)
{
	struct bench b = {0};
	bench_init(&b);
	add_plugin(&b);
	struct generation *g = build_with_note(&b, "0.1", NULL);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_ptr_nonnull(strstr(g->apis[0]->error, "its note says plugin ABI 0.1"));
	ck_assert_ptr_null(g->apis[0]->chain);
	generation_free(g);
	bench_deinit(&b);
}
END_TEST

/* Cut down to what fits it would be another bound, or none. */
START_TEST(a_body_bound_out_of_range_makes_a_stub)
{
	struct bench b = {.body_mode = "buffer", .body_max = ((int64_t)1 << 32) + 1024};
	bench_init(&b);
	add_plugin(&b);
	struct generation *g = build_with_policy(&b, NULL);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_ptr_nonnull(strstr(g->apis[0]->error, "max is no number"));
	generation_free(g);
	instance_set_sweep(&b.instances, let_go, NULL);
	bench_deinit(&b);
}
END_TEST

static struct trail_suspect suspect_of(struct plugin *plugin)
{
	struct instance_options options = {
		.plugin = plugin, .policy = STR("plain"), .binding = STR("default/binding")};
	struct instance_key key = instance_key_of(&options);
	struct trail_suspect suspect = {.key = quarantine_key_of_instance(&key)};
	snprintf(suspect.label, sizeof(suspect.label), "default/binding");
	return suspect;
}

/* Nothing of its configuration changes: only the supervisor's list does. */
START_TEST(a_quarantined_api_is_not_taken_over)
{
	struct bench b = {0};
	int fd;
	struct board *board = board_create(&fd);
	quarantine_set_board(board);
	bench_init(&b);
	struct trail_suspect suspect = suspect_of(add_plugin(&b));
	struct generation *g[4] = {build_with_policy(&b, NULL)};
	g[1] = build_with_policy(&b, g[0]);
	ck_assert_ptr_eq(g[1]->apis[0], g[0]->apis[0]);
	ck_assert_int_eq(board_quarantine_add(board, &suspect, 1), BOARD_HOLDS_BINDING);
	g[2] = build_with_policy(&b, g[1]);
	ck_assert(g[2]->apis[0]->is_quarantined && g[2]->apis[0]->error);
	ck_assert_ptr_eq(g[2]->dropped_apis[0], g[1]->apis[0]);
	board_quarantine_lift(board, STR("default/binding"));
	g[3] = build_with_policy(&b, g[2]);
	ck_assert_ptr_null(g[3]->apis[0]->error);
	for (int i = 0; i < 4; i++)
		generation_free(g[i]);
	instance_set_sweep(&b.instances, let_go, NULL);
	bench_deinit(&b);
	quarantine_set_board(NULL);
	board_unmap(board);
	close(fd);
}
END_TEST

static enum rc build_incomplete(
	struct bench *b, const struct generation *former, struct generation **out)
{
	bench_begin(b);
	plan_write_bool(b->w, "incomplete", bench_at, true);
	bench_write_service(b, "http", 9090);
	bench_write_listener(b, "127.0.0.1");
	bench_write_api(b, NULL, NULL);
	return bench_build(b, former, out);
}

START_TEST(serves_nothing_of_an_incomplete_plan)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	ck_assert_int_eq(build_incomplete(&b, NULL, &g), RC_OK);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_ptr_null(g->apis[0]->chain);
	generation_free(g);
	struct generation *former = bench_build_simple(&b, 9090, NULL);
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
	bench_begin(b);
	bench_write_service(b, "http", 9090);
	bench_write_listener(b, "not-an-address");
	bench_write_api(b, NULL, NULL);
	return bench_build(b, former, out);
}

START_TEST(a_bad_listener_keeps_the_former_generation_or_is_left_out_at_first)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	ck_assert_int_eq(build_with_bad_listener(&b, NULL, &g), RC_OK);
	ck_assert_uint_eq(g->listener_count, 0);
	ck_assert_uint_eq(b.diagnostics.errors, 1);
	generation_free(g);
	struct generation *former = bench_build_simple(&b, 9090, NULL);
	g = NULL;
	ck_assert_int_eq(build_with_bad_listener(&b, former, &g), RC_INVALID);
	ck_assert_ptr_null(g);
	ck_assert_uint_eq(b.diagnostics.errors, 2);
	generation_free(former);
	bench_deinit(&b);
}
END_TEST

static enum rc build_with_two_spellings(
	struct bench *b, const struct generation *former, struct generation **out)
{
	static const char *const spellings[] = {"127.0.0.1", "::1", "::ffff:127.0.0.1"};
	bench_begin(b);
	bench_write_service(b, "http", 9090);
	plan_open_array(b->w, "listeners", bench_at);
	for (size_t i = 0; i < ARRAY_COUNT(spellings); i++) {
		plan_open_object(b->w, NULL, bench_at);
		bench_text(b, "address", spellings[i]);
		bench_number(b, "port", 8081);
		plan_close(b->w);
	}
	plan_close(b->w);
	bench_write_api(b, NULL, NULL);
	return bench_build(b, former, out);
}

START_TEST(two_listeners_of_one_address_are_refused)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	ck_assert_int_eq(build_with_two_spellings(&b, NULL, &g), RC_OK);
	ck_assert_uint_eq(g->listener_count, 2);
	ck_assert_str_eq(g->listeners[1].key, "[::1]:8081");
	ck_assert_uint_eq(b.diagnostics.errors, 1);
	ck_assert_str_eq(b.diagnostics.items[0].message, "a second listener on 127.0.0.1:8081");
	struct generation *former = g;
	g = NULL;
	ck_assert_int_eq(build_with_two_spellings(&b, former, &g), RC_INVALID);
	ck_assert_ptr_null(g);
	generation_free(former);
	bench_deinit(&b);
}
END_TEST

UNIT_SUITE(build, builds_an_api_that_serves, an_api_that_composition_found_wrong_is_a_stub,
	a_policy_that_cannot_be_loaded_makes_a_stub_and_a_diagnostic,
	a_service_that_cannot_be_trusted_makes_a_stub, a_service_that_did_not_change_is_taken_over,
	an_api_that_did_not_change_is_taken_over,
	an_api_is_kept_when_others_move_the_numbers_of_its_services,
	an_api_is_built_anew_only_for_settings_that_it_has,
	an_api_is_kept_when_contracts_with_it_change, a_stub_is_never_taken_over,
	a_kept_api_has_all_that_it_points_to, an_api_is_built_anew_when_its_edge_changes,
	a_body_mode_that_is_not_known_makes_a_stub, a_quarantined_api_is_not_taken_over,
	a_bad_listener_keeps_the_former_generation_or_is_left_out_at_first,
	two_listeners_of_one_address_are_refused, serves_nothing_of_an_incomplete_plan,
	a_body_bound_out_of_range_makes_a_stub,
	a_plugin_whose_code_is_not_what_its_note_says_makes_a_stub)
