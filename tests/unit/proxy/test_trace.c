/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges that are followed: whose, how many, and how much is told. */
#include "policy/support.h"
#include "unit.h"
#include "rig.h"

#include "base/memory.h"
#include "proxy/trace.h"
#include "proxy/tracer.h"

#include <stdlib.h>

static char *stories[64];
static unsigned story_count;

static void on_story(void *arg)
{
	ck_assert_uint_lt(story_count, ARRAY_COUNT(stories));
	stories[story_count++] = heap_strndup(trace_text(arg));
	trace_free(arg);
}

static struct tracer *follow(struct rig *g, const struct trace_filter *filter, unsigned count)
{
	struct tracer *t = tracer_new(filter, count, g->loop, on_story, NULL);
	trace_set(&g->worker, t);
	return t;
}

static void end(struct rig *g, struct tracer *t)
{
	trace_set(&g->worker, NULL);
	rig_turn(g);
	ck_assert_uint_eq(atomic_load(&t->refs), 1);
	ck_assert_uint_eq(atomic_load(&t->active), 0);
	tracer_unref(t);
	while (story_count > 0)
		free(stories[--story_count]);
	rig_free(g);
}

#define assert_tells(i, part)                                                                      \
	ck_assert_msg(strstr(stories[i], part) != NULL, "no %s in %s", part, stories[i])

START_TEST(an_exchange_is_told_to_its_end)
{
	struct bench *b = bench_new();
	probe_heads(b);
	struct rig *g = rig_new(b);
	struct tracer *t = follow(g, &(struct trace_filter){0}, 1);
	rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 204, 0);
	rig_ask(g, "GET /shop/more");
	ck_assert_uint_eq(story_count, 1);
	assert_tells(0, "\"event\":\"policy\",\"binding\":\"a\"");
	assert_tells(0, "\"verdict\":\"taken\"");
	assert_tells(0, "\"connection\":\"new\"");
	assert_tells(0, "\"event\":\"sent\",\"status\":204");
	assert_tells(0, "\"path\":\"/shop/items\"");
	ck_assert_ptr_null(strstr(stories[0], "unfinished"));
	end(g, t);
}
END_TEST

START_TEST(what_is_under_way_is_told_when_it_ends)
{
	struct rig *g = rig_new(NULL);
	struct tracer *t = follow(g, &(struct trace_filter){0}, 5);
	rig_ask(g, "GET /shop/items");
	trace_set(&g->worker, NULL);
	rig_turn(g);
	ck_assert_uint_eq(story_count, 1);
	assert_tells(0, "\"unfinished\":true");
	wire_answer(rig_upstream(g), 204, 0);
	end(g, t);
}
END_TEST

START_TEST(who_the_client_is_decides)
{
	struct trace_filter filter = {0};
	ck_assert_int_eq(cidr_set_add(&filter.clients, STR("203.0.113.0/24")), RC_OK);
	struct rig *g = rig_new(NULL);
	struct tracer *t = follow(g, &filter, 5);
	rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 204, 0);
	ck_assert_uint_eq(story_count, 0);
	ck_assert_int_eq(atomic_load(&t->left), 5);
	end(g, t);
}
END_TEST

START_TEST(too_many_at_once_are_missed)
{
	struct rig *g = rig_new(NULL);
	struct tracer *t = follow(g, &(struct trace_filter){0}, 1000);
	for (unsigned i = 0; i < TRACE_ACTIVE_MAX; i++)
		ck_assert(tracer_admit(t, 5));
	ck_assert(!tracer_admit(t, 5));
	ck_assert_uint_eq(atomic_load(&t->missed), 1);
	for (unsigned i = 0; i < TRACE_ACTIVE_MAX; i++)
		tracer_leave(t);
	ck_assert(tracer_admit(t, 5));
	tracer_leave(t);
	end(g, t);
}
END_TEST

START_TEST(too_many_in_a_second_are_missed)
{
	struct rig *g = rig_new(NULL);
	struct tracer *t = follow(g, &(struct trace_filter){0}, 1000);
	for (unsigned i = 0; i < TRACE_PER_SECOND; i++) {
		ck_assert(tracer_admit(t, 5000));
		tracer_leave(t);
	}
	ck_assert(!tracer_admit(t, 5999));
	ck_assert(tracer_admit(t, 6000));
	tracer_leave(t);
	ck_assert_uint_eq(atomic_load(&t->missed), 1);
	end(g, t);
}
END_TEST

START_TEST(a_story_has_an_end)
{
	struct bench *b = bench_new();
	struct probe *p = bench_probe(b);
	p->on[CALLBACK_REQUEST_BODY] = probe_pass;
	p->body[CHAIN_REQUEST].mode = BODY_OBSERVE;
	struct rig *g = rig_new(b);
	struct tracer *t = follow(g, &(struct trace_filter){0}, 1);
	struct wire *client = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
	for (unsigned i = 0; i < 1000; i++)
		wire_say(client, "x", i == 999);
	wire_answer(rig_upstream(g), 204, 0);
	ck_assert_uint_eq(story_count, 1);
	ck_assert_uint_lt(strlen(stories[0]), TRACE_BYTES_MAX + 1000);
	assert_tells(0, "],\"cut\":true,\"record\":{");
	assert_tells(0, "\"status\":204");
	end(g, t);
}
END_TEST

UNIT_SUITE(trace, an_exchange_is_told_to_its_end, what_is_under_way_is_told_when_it_ends,
	who_the_client_is_decides, too_many_at_once_are_missed, too_many_in_a_second_are_missed,
	a_story_has_an_end)
