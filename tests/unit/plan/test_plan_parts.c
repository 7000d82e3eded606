/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "plan_text.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan_fragment.h"
#include "plan/plan_parts.h"
#include "plan/plan_priv.h"

static const uint8_t digests[2][32] = {"the digest of the first content", "and of the second"};
static struct buffer bytes;
static char message[160];

/* --- making ---------------------------------------------------------------------------------- */

/* A service, and an API that leads to a listener and to a service. */
static void write_service(struct plan_writer *w, const char *name)
{
	const struct position at = {"a.yaml", 3, 5};
	plan_open_object(w, NULL, at);
	plan_write_string(w, "name", at, str_of(name));
	plan_close(w);
}

static void write_api(struct plan_writer *w, const char *name)
{
	const struct position at = {"a.yaml", 7, 1};
	plan_open_object(w, NULL, at);
	plan_write_string(w, "name", at, str_of(name));
	plan_write_target(w, "listener", at, STR("all|80"));
	plan_write_target(w, "service", at, STR("up"));
	plan_close(w);
}

/* The content of a part: the end of each fragment, and the fragments. */
static struct buffer content_of(const char *name)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer fragments, content;
	char end[4];
	buffer_init(&fragments, 1 << 16);
	buffer_init(&content, 1 << 16);
	write_service(w, name);
	ck_assert_int_eq(plan_writer_take_fragment(w, &fragments), RC_OK);
	plan_store32(end, (uint32_t)fragments.n);
	buffer_add(&content, str_n(end, 4));
	write_api(w, name);
	ck_assert_int_eq(plan_writer_take_fragment(w, &fragments), RC_OK);
	plan_store32(end, (uint32_t)fragments.n);
	buffer_add(&content, str_n(end, 4));
	buffer_add(&content, buffer_str(&fragments));
	buffer_deinit(&fragments);
	plan_writer_free(w);
	return content;
}

static const char tree[] = "{'services': [{'name': 'own'}], 'listeners': [{'port': 80}],"
			   "'plugins': [], 'apis': [{'name': 'own'}, {'name': 'last'}], 'more': 1}";

/* Where the fragments of two parts stand, and what they lead to. */
struct layout {
	uint32_t services[2], apis[2];
	int64_t listeners[2], routes[2];
};

static const struct layout good = {{0, 2}, {1, 2}, {0, 0}, {0, 1}};

static enum rc make(const struct layout *l)
{
	struct plan_parts_writer w;
	struct buffer in, contents[2] = {content_of("a"), content_of("b")};
	buffer_init(&in, 1 << 16);
	buffer_init(&bytes, 1 << 20);
	plan_text_encode(tree, &in);
	plan_parts_init(&w);
	for (size_t i = 0; i < 2; i++) {
		plan_parts_add_fragment(&w, PLAN_SERVICES, l->services[i]);
		plan_parts_add_fragment(&w, PLAN_APIS, l->apis[i]);
		plan_parts_add_target(&w, PLAN_TO_LISTENER, l->listeners[i]);
		plan_parts_add_target(&w, PLAN_TO_SERVICE, l->routes[i]);
		plan_parts_add_part(&w, digests[i], buffer_str(&contents[i]));
	}
	enum rc rc = plan_parts_finish(&w, buffer_str(&in), &bytes);
	plan_parts_deinit(&w);
	buffer_deinit(&in);
	buffer_deinit(&contents[0]);
	buffer_deinit(&contents[1]);
	return rc;
}

static size_t summed_end(void)
{
	return PLAN_PARTS_HEADER_BYTES + plan_load32(bytes.p + PLAN_PARTS_AT_TREE_BYTES) +
	       plan_load32(bytes.p + PLAN_PARTS_AT_TABLE_BYTES);
}

static void seal(void)
{
	plan_store64(bytes.p + PLAN_AT_CHECKSUM,
		plan_parts_checksum(buffer_str(&bytes), summed_end()));
}

static enum rc try_to_open(struct str in)
{
	struct plan *p;
	char *copy = heap_strndup(in); /* reading past the end shows */
	enum rc rc = plan_open(str_n(copy, in.n), &p, message, sizeof(message));
	if (rc == RC_OK)
		plan_free(p);
	else
		ck_assert_uint_gt(strlen(message), 10);
	free(copy);
	return rc;
}

static struct plan *open_good(void)
{
	struct plan *p = NULL;
	ck_assert_int_eq(make(&good), RC_OK);
	enum rc rc = plan_open(buffer_str(&bytes), &p, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	return p;
}

static bool has_name(const struct plan_node *n, const char *name)
{
	return str_eq(plan_string(n, "name", STR_EMPTY), str_of(name));
}

/* --- cases ----------------------------------------------------------------------------------- */

START_TEST(makes_one_tree_of_parts_and_the_rest)
{
	struct plan *whole = NULL;
	ck_assert_int_eq(make(&good), RC_OK);
	ck_assert_int_eq(
		plan_decode(buffer_str(&bytes), &whole, message, sizeof(message)), RC_OK);
	const struct plan_node *root = plan_root(whole);
	static const char *const services[] = {"a", "own", "b"};
	static const char *const apis[] = {"own", "a", "b", "last"};
	ck_assert_uint_eq(plan_count(plan_get(root, "services")), 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert(has_name(plan_at(plan_get(root, "services"), i), services[i]));
	ck_assert_uint_eq(plan_count(plan_get(root, "apis")), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert(has_name(plan_at(plan_get(root, "apis"), i), apis[i]));
	const struct plan_node *b = plan_at(plan_get(root, "apis"), 2);
	ck_assert_int_eq(plan_integer(b, "listener", -1), 0);
	ck_assert_int_eq(plan_integer(b, "service", -1), 1);
	ck_assert_str_eq(b->position.file, "a.yaml");
	ck_assert_int_eq(plan_integer(root, "more", 0), 1);
	plan_free(whole);
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(opens_what_stands_apart_without_reading_it)
{
	struct plan *p = open_good(), *fragment = NULL;
	ck_assert_uint_eq(plan_part_count(p), 2);
	ck_assert_uint_eq(plan_list_count(p, PLAN_SERVICES), 3);
	ck_assert_uint_eq(plan_list_count(p, PLAN_APIS), 4);
	const struct plan_part *second = plan_part_at(p, 1);
	ck_assert_mem_eq(second->sha256, digests[1], 32);
	struct plan_place place = plan_list_place(p, PLAN_APIS, 2);
	ck_assert(place.is_in_part && place.part == 1 && place.item == 1);
	place = plan_list_place(p, PLAN_APIS, 3);
	ck_assert(!place.is_in_part && place.item == 1);
	struct plan_part_fragment f = plan_part_fragment(second, 1);
	ck_assert_int_eq(f.list, PLAN_APIS);
	ck_assert_uint_eq(f.end_target - f.first_target, 2);
	enum plan_lead lead;
	ck_assert_uint_eq(plan_part_target(second, f.first_target + 1, &lead), 1);
	ck_assert_int_eq(lead, PLAN_TO_SERVICE);
	ck_assert_int_eq(plan_part_decode(second, 1, &fragment), RC_OK);
	assert_str(plan_string(plan_root(fragment), "name", STR_EMPTY), "b");
	ck_assert_int_eq(plan_integer(plan_root(fragment), "service", -1), 1);
	plan_free(fragment);
	plan_free(p);
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(is_the_same_plan_opened_or_decoded)
{
	struct plan *opened = open_good(), *whole = NULL;
	ck_assert_int_eq(
		plan_decode(buffer_str(&bytes), &whole, message, sizeof(message)), RC_OK);
	ck_assert_uint_eq(plan_digest(opened), plan_digest(whole));
	plan_free(opened);
	plan_free(whole);
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(refuses_every_truncation_with_parts)
{
	ck_assert_int_eq(make(&good), RC_OK);
	ck_assert_int_eq(try_to_open(buffer_str(&bytes)), RC_OK);
	for (size_t n = 0; n < bytes.n; n++)
		ck_assert_int_eq(try_to_open(str_n(bytes.p, n)), RC_INVALID);
	buffer_add_char(&bytes, 'x');
	ck_assert_int_eq(try_to_open(buffer_str(&bytes)), RC_INVALID);
	buffer_deinit(&bytes);
}
END_TEST

/* In a content it is for whoever decodes it: that asks for the digest first. */
START_TEST(refuses_every_flipped_bit_but_in_contents)
{
	ck_assert_int_eq(make(&good), RC_OK);
	for (size_t i = 0; i < bytes.n * 8; i++) {
		bytes.p[i / 8] ^= (char)(1 << i % 8);
		enum rc rc = try_to_open(buffer_str(&bytes));
		ck_assert(i / 8 < summed_end() ? rc != RC_OK : rc == RC_OK);
		bytes.p[i / 8] ^= (char)(1 << i % 8);
	}
	buffer_deinit(&bytes);
}
END_TEST

/* Whoever can write a plan can seal it, too: nothing is read that is not there. */
START_TEST(sealed_nonsense_harms_nobody)
{
	ck_assert_int_eq(make(&good), RC_OK);
	for (size_t i = PLAN_PARTS_AT_SUMMED; i < bytes.n; i++)
		for (unsigned v = 0; v < 256; v += 51) {
			char was = bytes.p[i];
			struct plan *p;
			bytes.p[i] = (char)v;
			if (summed_end() <= bytes.n)
				seal();
			if (plan_decode(buffer_str(&bytes), &p, message, sizeof(message)) == RC_OK)
				plan_free(p);
			bytes.p[i] = was;
		}
	buffer_deinit(&bytes);
}
END_TEST

START_TEST(refuses_places_that_are_none)
{
	static const struct layout layouts[] = {
		{{0, 0}, {1, 2}, {0, 0}, {0, 1}}, /* two at one place */
		{{0, 3}, {1, 2}, {0, 0}, {0, 1}}, /* beyond the end */
		{{0, 2}, {1, 4}, {0, 0}, {0, 1}},
		{{0, 2}, {2, 2}, {0, 0}, {0, 1}},
		{{0, 2}, {1, 2}, {0, 1}, {0, 1}}, /* there is one listener */
		{{0, 2}, {1, 2}, {0, 0}, {0, 3}}, /* there are three services */
	};
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		ck_assert_int_eq(make(&layouts[i]), RC_OK);
		ck_assert_int_eq(try_to_open(buffer_str(&bytes)), RC_INVALID);
		buffer_deinit(&bytes);
	}
}
END_TEST

START_TEST(what_leads_nowhere_is_not_written)
{
	static const struct layout nowhere = {{0, 2}, {1, 2}, {0, 0}, {0, -1}};
	ck_assert_int_eq(make(&nowhere), RC_INVALID);
	buffer_deinit(&bytes);
}
END_TEST

/* The service of a fragment is asked for where its bytes have the listener. */
START_TEST(refuses_a_target_of_another_kind)
{
	struct plan *p, *fragment;
	ck_assert_int_eq(make(&good), RC_OK);
	size_t last = summed_end();
	char first[4];
	memcpy(first, bytes.p + last - 8, 4);
	memcpy(bytes.p + last - 8, bytes.p + last - 4, 4);
	memcpy(bytes.p + last - 4, first, 4);
	seal();
	ck_assert_int_eq(plan_open(buffer_str(&bytes), &p, message, sizeof(message)), RC_OK);
	ck_assert_int_eq(plan_part_decode(plan_part_at(p, 1), 1, &fragment), RC_INVALID);
	plan_free(p);
	ck_assert_int_eq(
		plan_decode(buffer_str(&bytes), &p, message, sizeof(message)), RC_INVALID);
	buffer_deinit(&bytes);
}
END_TEST

UNIT_SUITE(plan_parts, makes_one_tree_of_parts_and_the_rest,
	opens_what_stands_apart_without_reading_it, is_the_same_plan_opened_or_decoded,
	refuses_every_truncation_with_parts, refuses_every_flipped_bit_but_in_contents,
	sealed_nonsense_harms_nobody, refuses_places_that_are_none,
	what_leads_nowhere_is_not_written, refuses_a_target_of_another_kind)
