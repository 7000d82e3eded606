/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted and timed of the bindings that exchanges run. */
#include "policy/support.h"
#include "unit.h"
#include "rig.h"

#include "base/limits.h"
#include "policy/pause.h"
#include "proxy/binding_tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct binding_tally tally;

static struct rig *counted(struct bench *b)
{
	struct rig *g = rig_new(b);
	binding_tally_init(&tally);
	g->worker.bindings = &tally;
	return g;
}

static void end(struct rig *g)
{
	binding_tally_settle(&tally);
	ck_assert(list_is_empty(&tally.pending));
	rig_free(g);
	binding_tally_deinit(&tally);
}

/* "runs answers failures timed" of a binding; "" when it has no row. */
static const char *told(const char *binding)
{
	static char text[100];
	struct binding_numbers n;
	text[0] = '\0';
	binding_tally_settle(&tally);
	for (const struct binding_row *r = tally.rows; r; r = r->next) {
		if (!str_eq(r->binding, str_of(binding)))
			continue;
		uint64_t timed = 0;
		binding_row_read(r, &n);
		for (size_t i = 0; i < BINDING_BUCKETS; i++)
			timed += n.buckets[i];
		snprintf(text, sizeof(text), "%d %d %d %d", (int)n.counts[BINDING_RUNS],
			(int)n.counts[BINDING_ANSWERS], (int)n.counts[BINDING_FAILURES],
			(int)timed);
	}
	return text;
}

static void ask(struct rig *g, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		struct wire *client = rig_ask(g, "GET /shop/items");
		if (!client->is_released)
			wire_answer(rig_upstream(g), 200, 0);
		ck_assert(client->is_released);
		wire_free(client);
		if (scripted.latest)
			wire_free(scripted.latest);
		scripted.latest = NULL;
		g->wire_count = 0;
	}
}

START_TEST(each_exchange_is_a_run_of_all_that_it_began)
{
	struct bench *b = bench_new();
	probe_heads(b);
	struct probe *second = probe_heads(b);
	probe_heads(b);
	struct rig *g = counted(b);
	ask(g, 3);
	second->on[CALLBACK_REQUEST_HEAD] = probe_answer;
	ask(g, 1);
	second->on[CALLBACK_REQUEST_HEAD] = probe_fail;
	ask(g, 1);
	second->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	ask(g, 1);
	ck_assert_str_eq(told("a"), "6 0 0 0");
	ck_assert_str_eq(told("b"), "6 1 1 0");
	ck_assert_str_eq(told("c"), "4 0 0 0");
	end(g);
}
END_TEST

START_TEST(what_is_passed_over_has_failed)
{
	struct bench *b = bench_new();
	struct probe *p = probe_heads(b);
	p->on[CALLBACK_REQUEST_HEAD] = probe_fail;
	p->skip_on_error = true;
	probe_heads(b);
	struct rig *g = counted(b);
	ask(g, 2);
	ck_assert_str_eq(told("a"), "2 0 2 0");
	ck_assert_str_eq(told("b"), "2 0 0 0");
	end(g);
}
END_TEST

START_TEST(an_api_without_policies_has_no_row)
{
	struct rig *g = counted(NULL);
	ask(g, 2);
	ck_assert_ptr_null(tally.rows);
	end(g);
}
END_TEST

START_TEST(a_sampled_exchange_is_timed_and_the_next_one_is_not)
{
	struct bench *b = bench_new();
	probe_heads(b);
	struct rig *g = counted(b);
	tally.unsampled = 2;
	ask(g, 1);
	ck_assert_str_eq(told("a"), "1 0 0 0");
	ask(g, 1);
	ck_assert_str_eq(told("a"), "2 0 0 1");
	ck_assert_uint_ge(tally.unsampled, 1);
	ck_assert_uint_lt(tally.unsampled, 2 * BINDING_SAMPLE);
	tally.unsampled = 100;
	ask(g, 1);
	ck_assert_str_eq(told("a"), "3 0 0 1");
	end(g);
}
END_TEST

/* By the real clock: what it waited is there at least. */
START_TEST(the_time_of_a_pause_is_the_bindings)
{
	struct bench *b = bench_new();
	struct probe *p = probe_heads(b);
	p->on[CALLBACK_REQUEST_HEAD] = probe_pause;
	probe_heads(b);
	struct rig *g = counted(b);
	tally.unsampled = 1;
	struct wire *client = rig_ask(g, "GET /shop/items");
	usleep(20000);
	ck_assert_int_eq(pause_resume(p->token), RC_OK);
	rig_turn(g);
	wire_answer(rig_upstream(g), 200, 0);
	ck_assert(client->is_released);
	struct binding_numbers n;
	struct binding_row *first = tally.rows->next;
	ck_assert(str_eq(first->binding, STR("a")));
	binding_row_read(first, &n);
	ck_assert_uint_ge(n.sum_us, 20000);
	ck_assert_str_eq(told("b"), "1 0 0 1");
	end(g);
}
END_TEST

START_TEST(beyond_the_bound_all_are_others)
{
	struct binding_tally t;
	struct bench *b = bench_new();
	probe_heads(b);
	struct rig *g = rig_new(b);
	struct api api = *rig_api(g, "default/shop");
	binding_tally_init(&t);
	for (int i = 0; i < LIMIT_BINDINGS_MEASURED + 50; i++) {
		char id[40];
		struct api_worker own = {0};
		snprintf(id, sizeof(id), "default/api-%d", i);
		api.id = id;
		binding_tally_ran(&t, &api, &own, 1);
		binding_tally_settle(&t);
		ck_assert_uint_eq(own.ran_mask, 0);
		free(own.rows);
	}
	ck_assert_uint_eq(t.row_count, LIMIT_BINDINGS_MEASURED);
	struct binding_numbers n;
	binding_row_read(t.rows, &n);
	assert_str(t.rows->api, "other");
	ck_assert_uint_eq(n.counts[BINDING_RUNS], 51);
	binding_tally_deinit(&t);
	rig_free(g);
}
END_TEST

UNIT_SUITE(binding_tally, each_exchange_is_a_run_of_all_that_it_began,
	what_is_passed_over_has_failed, an_api_without_policies_has_no_row,
	a_sampled_exchange_is_timed_and_the_next_one_is_not, the_time_of_a_pause_is_the_bindings,
	beyond_the_bound_all_are_others)
