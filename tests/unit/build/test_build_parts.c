/* SPDX-License-Identifier: Apache-2.0 */
/* What a part of the plan was built into is taken over, and nobody looks at its bytes again. */
#include "unit.h"
#include "plan_text.h"

#include "base/memory.h"
#include "build/build.h"
#include "crypto/crypto.h"
#include "plan/plan_fragment.h"
#include "plan/plan_parts.h"
#include "services/services.h"

static struct registry *registry;
static struct instance_set instances;
static struct metrics *metrics;
static struct diagnostics diagnostics;
static struct {
	unsigned head_ms, field_value_bytes;
} settings;

static void setup(void)
{
	registry = registry_new();
	services_register(registry);
	instance_set_init(&instances);
	metrics = metrics_new(1);
	diagnostics_init(&diagnostics);
	settings.head_ms = 1000;
	settings.field_value_bytes = 1000;
}

static void teardown(void)
{
	diagnostics_deinit(&diagnostics);
	instance_set_deinit(&instances);
	registry_free(registry);
	metrics_free(metrics);
}

/* --- plans ----------------------------------------------------------------------------------- */

/* A file with one API; its service is its own, or the one that all share. */
struct file {
	const char *name;
	const char *base_path;
	uint32_t line;
	bool is_shared;
};

static void text(struct plan_writer *w, const char *key, const char *value)
{
	plan_write_string(w, key, (struct position){0}, str_of(value));
}

static void end_fragment(struct plan_writer *w, struct buffer *ends, struct buffer *fragments)
{
	ck_assert_int_eq(plan_writer_take_fragment(w, fragments), RC_OK);
	uint32_t end = (uint32_t)fragments->n;
	buffer_add(ends, str_n((const char *)&end, sizeof(end)));
}

static void write_service(struct plan_writer *w, const char *name)
{
	plan_open_object(w, NULL, (struct position){0});
	text(w, "name", name);
	text(w, "host", "127.0.0.1");
	plan_write_integer(w, "port", (struct position){0}, 9090);
	plan_close(w);
}

static void write_api(struct plan_writer *w, const struct file *f)
{
	const struct position at = {"a.yaml", f->line, 1};
	plan_open_object(w, NULL, at);
	text(w, "name", f->name);
	text(w, "basePath", f->base_path);
	plan_write_target(w, "listener", at, STR("x"));
	plan_open_array(w, "routes", at);
	plan_open_object(w, NULL, at);
	plan_open_array(w, "destinations", at);
	plan_open_object(w, NULL, at);
	plan_write_target(w, "service", at, STR("x"));
	plan_close(w);
	plan_close(w);
	plan_close(w);
	plan_close(w);
	plan_close(w);
}

static struct buffer content_of(const struct file *f)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer content, fragments;
	buffer_init(&content, 1 << 16);
	buffer_init(&fragments, 1 << 16);
	if (!f->is_shared) {
		write_service(w, f->name);
		end_fragment(w, &content, &fragments);
	}
	write_api(w, f);
	end_fragment(w, &content, &fragments);
	buffer_add(&content, buffer_str(&fragments));
	buffer_deinit(&fragments);
	plan_writer_free(w);
	return content;
}

/* The shared service is the first, of port `shared_port`; then those of the files. */
static void add_file(struct plan_parts_writer *w, const struct file *f, uint32_t place,
	uint32_t *services, struct buffer *content)
{
	uint8_t digest[SHA256_BYTES];
	*content = content_of(f);
	sha256(buffer_str(content), digest);
	uint32_t service = f->is_shared ? 0 : (*services)++;
	if (!f->is_shared)
		plan_parts_add_fragment(w, PLAN_SERVICES, service);
	plan_parts_add_fragment(w, PLAN_APIS, place);
	plan_parts_add_target(w, PLAN_TO_LISTENER, 0);
	plan_parts_add_target(w, PLAN_TO_SERVICE, service);
	plan_parts_add_part(w, digest, buffer_str(content));
}

#define FILES_MAX 8

/* The bytes are the caller's to free, after the build. */
static struct buffer encode(const struct file *files, size_t count, unsigned shared_port)
{
	struct buffer tree, out, contents[FILES_MAX];
	struct plan_parts_writer w;
	uint32_t services = 1;
	char *json = heap_printf(
		"{'services': [{'name': 'all', 'host': '127.0.0.1', 'port': %u}], 'plugins': [],"
		"'listeners': [{'address': '127.0.0.1', 'port': 8081}], 'apis': [],"
		"'settings': {'limits': {'headMs': %u, 'fieldValueBytes': %u}}}",
		shared_port, settings.head_ms, settings.field_value_bytes);
	buffer_init(&tree, 1 << 20);
	buffer_init(&out, 1 << 20);
	plan_text_encode(json, &tree);
	free(json);
	plan_parts_init(&w);
	for (size_t i = 0; i < count; i++)
		add_file(&w, &files[i], (uint32_t)i, &services, &contents[i]);
	ck_assert_int_eq(plan_parts_finish(&w, buffer_str(&tree), &out), RC_OK);
	plan_parts_deinit(&w);
	for (size_t i = 0; i < count; i++)
		buffer_deinit(&contents[i]);
	buffer_deinit(&tree);
	return out;
}

static enum rc build_bytes(
	struct buffer *bytes, const struct generation *former, struct generation **out)
{
	char message[160] = "";
	struct plan *plan = NULL;
	enum rc rc = plan_open(buffer_str(bytes), &plan, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	struct build_options options = {
		.registry = registry,
		.instances = &instances,
		.state_dir = "/nonexistent",
		.workers = 1,
		.number = 1,
		.former = former,
		.metrics = metrics,
	};
	rc = build_generation(&options, plan, &diagnostics, out);
	buffer_deinit(bytes);
	return rc;
}

static struct generation *build(const struct file *files, size_t count, unsigned shared_port,
	const struct generation *former)
{
	struct generation *g = NULL;
	struct buffer bytes = encode(files, count, shared_port);
	ck_assert_int_eq(build_bytes(&bytes, former, &g), RC_OK);
	ck_assert_uint_eq(diagnostics.count, 0);
	ck_assert_uint_eq(g->api_count, count);
	return g;
}

/* What a swap does: the former generation's share in what both have goes. */
static void end_both(struct generation *former, struct generation *next)
{
	for (size_t i = 0; i < former->api_count; i++)
		if (former->apis[i]->refs == 1)
			former->apis[i]->workers[0].is_retired = true;
	generation_free(former);
	generation_free(next);
}

static size_t found_at(const struct generation *g, const char *path)
{
	struct route_match match;
	const struct generation_listener *l = generation_find_listener(g, STR("127.0.0.1:8081"));
	return route_table_find(l->routes, STR_EMPTY, str_of(path), &match) ? match.api : SIZE_MAX;
}

/* --- cases ----------------------------------------------------------------------------------- */

static const struct file three[] = {
	{"a", "/a", 3, false}, {"b", "/b", 3, true}, {"c", "/c", 3, false}};

START_TEST(builds_what_stands_in_parts)
{
	struct generation *g = build(three, 3, 9090, NULL);
	ck_assert_str_eq(g->apis[1]->id, "default/b");
	ck_assert_uint_eq(found_at(g, "/c/x"), 2);
	ck_assert_uint_eq(g->service_count, 3);
	assert_str(service_options(api_service_at(g->apis[0], 1)->service)->name, "default/a");
	assert_str(service_options(api_service_at(g->apis[1], 0)->service)->name, "default/all");
	generation_free(g);
}
END_TEST

START_TEST(keeps_what_is_in_the_same_parts)
{
	struct generation *former = build(three, 3, 9090, NULL);
	struct generation *next = build(three, 3, 9090, former);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_eq(next->apis[i], former->apis[i]);
		ck_assert_ptr_eq(next->services[i], former->services[i]);
	}
	ck_assert_uint_eq(next->dropped_count, 0);
	ck_assert_uint_eq(next->dropped_api_count, 0);
	ck_assert_uint_eq(found_at(next, "/c"), 2);
	end_both(former, next);
}
END_TEST

/* Others move to other places. */
START_TEST(keeps_them_when_files_come_and_go)
{
	static const struct file others[] = {
		{"c", "/c", 3, false}, {"new", "/new", 3, false}, {"b", "/b", 3, true}};
	struct generation *former = build(three, 3, 9090, NULL);
	struct generation *next = build(others, 3, 9090, former);
	ck_assert_ptr_eq(next->apis[0], former->apis[2]);
	ck_assert_ptr_eq(next->apis[2], former->apis[1]);
	ck_assert_uint_eq(next->dropped_api_count, 1);
	ck_assert_ptr_eq(next->dropped_apis[0], former->apis[0]);
	ck_assert_uint_eq(next->dropped_count, 1);
	assert_str(service_options(next->dropped[0])->name, "default/a");
	ck_assert_uint_eq(found_at(next, "/c"), 0);
	ck_assert_uint_eq(found_at(next, "/new"), 1);
	ck_assert_uint_eq(found_at(next, "/b"), 2);
	ck_assert_uint_eq(found_at(next, "/a"), SIZE_MAX);
	end_both(former, next);
}
END_TEST

START_TEST(what_only_stands_at_other_lines_is_kept_after_a_look)
{
	static const struct file moved[] = {
		{"a", "/a", 9, false}, {"b", "/b", 9, true}, {"c", "/other", 9, false}};
	struct generation *former = build(three, 3, 9090, NULL);
	struct generation *next = build(moved, 3, 9090, former);
	ck_assert_ptr_eq(next->apis[0], former->apis[0]);
	ck_assert_ptr_eq(next->apis[1], former->apis[1]);
	ck_assert_ptr_ne(next->apis[2], former->apis[2]);
	ck_assert_uint_eq(found_at(next, "/other"), 2);
	end_both(former, next);
}
END_TEST

/* Its own bytes are the same. */
START_TEST(is_built_anew_when_a_service_that_it_shares_is_another)
{
	struct generation *former = build(three, 3, 9090, NULL);
	struct generation *next = build(three, 3, 9191, former);
	ck_assert_ptr_eq(next->apis[0], former->apis[0]);
	ck_assert_ptr_ne(next->apis[1], former->apis[1]);
	ck_assert_uint_eq(
		service_options(api_service_at(next->apis[1], 0)->service)->port, 9191);
	ck_assert_ptr_eq(next->apis[2], former->apis[2]);
	end_both(former, next);
}
END_TEST

static void damage_end(struct buffer *bytes)
{
	bytes->p[bytes->n - 1] ^= 1;
}

START_TEST(settings_that_no_api_has_build_none_anew)
{
	struct generation *first = build(three, 3, 9090, NULL);
	settings.head_ms++;
	struct generation *same = build(three, 3, 9090, first);
	settings.field_value_bytes++;
	struct generation *other = build(three, 3, 9090, same);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_eq(same->apis[i], first->apis[i]);
		ck_assert_ptr_ne(other->apis[i], same->apis[i]);
	}
	ck_assert_uint_eq(other->dropped_api_count, 3);
	generation_free(first);
	end_both(same, other);
}
END_TEST

START_TEST(a_part_that_is_known_is_not_read)
{
	struct generation *former = build(three, 3, 9090, NULL), *next = NULL;
	struct buffer bytes = encode(three, 3, 9090);
	damage_end(&bytes);
	ck_assert_int_eq(build_bytes(&bytes, former, &next), RC_OK);
	ck_assert_ptr_eq(next->apis[2], former->apis[2]);
	end_both(former, next);
}
END_TEST

START_TEST(a_new_part_that_has_not_its_digest_is_refused)
{
	static const struct file others[] = {
		{"a", "/a", 3, false}, {"b", "/b", 3, true}, {"d", "/d", 3, false}};
	struct generation *former = build(three, 3, 9090, NULL), *next = NULL;
	struct buffer bytes = encode(others, 3, 9090);
	damage_end(&bytes);
	ck_assert_int_eq(build_bytes(&bytes, former, &next), RC_INVALID);
	ck_assert_ptr_null(next);
	ck_assert_uint_eq(diagnostics.count, 1);
	ck_assert_str_eq(diagnostics.items[0].message, "a part of the plan is damaged");
	bytes = encode(others, 3, 9090);
	damage_end(&bytes);
	ck_assert_int_eq(build_bytes(&bytes, NULL, &next), RC_INVALID);
	generation_free(former);
}
END_TEST

static Suite *make_build_parts(void)
{
	Suite *suite = suite_create("build_parts");
	TCase *tcase = tcase_create("build_parts");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, builds_what_stands_in_parts);
	tcase_add_test(tcase, keeps_what_is_in_the_same_parts);
	tcase_add_test(tcase, keeps_them_when_files_come_and_go);
	tcase_add_test(tcase, what_only_stands_at_other_lines_is_kept_after_a_look);
	tcase_add_test(tcase, is_built_anew_when_a_service_that_it_shares_is_another);
	tcase_add_test(tcase, settings_that_no_api_has_build_none_anew);
	tcase_add_test(tcase, a_part_that_is_known_is_not_read);
	tcase_add_test(tcase, a_new_part_that_has_not_its_digest_is_refused);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_build_parts(void)
{
	static struct unit_suite entry = {"build_parts", make_build_parts, NULL};
	unit_register(&entry);
}
