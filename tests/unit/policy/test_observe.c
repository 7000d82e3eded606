/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/check.h"
#include "base/memory.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "policy/run.h"

#include <stdlib.h>

/* --- counters -------------------------------------------------------------------------------- */
static int32_t handle;

static int32_t define(struct probe *p, const struct sluice_call *call)
{
	const struct sluice_host *h = call->host;
	handle = h->counter_define(
		call->instance, SLUICE_STR("refused"), SLUICE_STR("Requests refused"));
	ck_assert_int_ge(handle, 0);
	static const char *const bad[] = {"", "Upper", "1st", "a-b", "_x",
		"a123456789012345678901234567890123456789012345678"};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		ck_assert_int_eq(
			h->counter_define(call->instance,
				(struct sluice_str){bad[i], strlen(bad[i])}, SLUICE_STR("")),
			SLUICE_E_INVALID);
	return SLUICE_OK;
}

static int32_t count_three(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	p->host->counter_add(p->instance, handle, 3);
	p->host->counter_add(p->instance, handle + 1, 100);
	p->host->counter_add(p->instance, -1, 100);
	return SLUICE_CONTINUE;
}

static struct metric_series *series_of(struct metrics *m, const char *binding)
{
	struct metric_family *f = metrics_family(
		m, "sluice_policy_refused_total", "Requests refused", METRIC_COUNTER, NULL, 0);
	const struct metric_label label = {STR("binding"), str_of(binding)};
	return metrics_series(f, &label, 1);
}

START_TEST(counters_are_series_by_binding_in_the_workers_cell)
{
	struct bench *b = bench_new();
	b->metrics = metrics_new(2);
	struct probe *a = bench_probe(b);
	a->configure = define;
	a->on[CALLBACK_REQUEST_HEAD] = count_three;
	bench_start(b);
	b->x.worker = 1;
	ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
	struct metric_series *s = series_of(b->metrics, "a");
	ck_assert_uint_eq(metric_series_value(s), 3);
	ck_assert_uint_eq(atomic_load(&metric_series_cell(s, 1)->value), 3);
	/* A timer has no exchange: its service tells the worker. */
	policy_call_enter(a->instance, CALLBACK_TIMER, 0);
	a->host->counter_add(a->instance, handle, 2);
	policy_call_leave();
	ck_assert_uint_eq(atomic_load(&metric_series_cell(s, 0)->value), 2);
	/* Outside of its callbacks a plugin counts nothing. */
	a->host->counter_add(a->instance, handle, 50);
	ck_assert_uint_eq(metric_series_value(s), 5);
	struct buffer text;
	buffer_init(&text, 65536);
	metrics_print(b->metrics, &text);
	ck_assert_uint_lt(
		str_find(buffer_str(&text), STR("sluice_policy_refused_total{binding=\"a\"} 5")),
		text.n);
	buffer_deinit(&text);
	metric_series_unref(s);
	struct metrics *m = b->metrics;
	bench_free(b);
	metrics_free(m);
}
END_TEST

START_TEST(without_metrics_counters_count_nothing)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->configure = define;
	a->on[CALLBACK_REQUEST_HEAD] = count_three;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
	bench_free(b);
}
END_TEST

static int32_t define_too_many(struct probe *p, const struct sluice_call *call)
{
	for (int i = 0; i < 32; i++)
		ck_assert_int_eq(call->host->counter_define(
					 call->instance, SLUICE_STR("refused"), SLUICE_STR("")),
			i);
	ck_assert_int_eq(
		call->host->counter_define(call->instance, SLUICE_STR("refused"), SLUICE_STR("")),
		SLUICE_E_FULL);
	return SLUICE_OK;
}

START_TEST(an_instance_has_so_many_counters)
{
	struct bench *b = bench_new();
	b->metrics = metrics_new(2);
	bench_probe(b)->configure = define_too_many;
	bench_start(b);
	struct metrics *m = b->metrics;
	bench_free(b);
	metrics_free(m);
}
END_TEST

/* --- log ------------------------------------------------------------------------------------- */
static struct buffer taken;

static void log_begin(void)
{
	log_set_level(LOG_INFO);
	log_start_queue(1 << 20, NULL, NULL);
	buffer_init(&taken, 1 << 20);
}

static void log_end(void)
{
	log_stop_queue();
	buffer_deinit(&taken);
}

static bool log_has(const char *text)
{
	log_take(&taken);
	return str_find(buffer_str(&taken), str_of(text)) < taken.n;
}

static int32_t say(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static char elsewhere[8];
	p->host->log(p->instance, x, SLUICE_LOG_WARN, SLUICE_STR("he said \"no\"\n"));
	p->host->log(p->instance, NULL, SLUICE_LOG_INFO, SLUICE_STR("nobody asked"));
	p->host->log(p->instance, x, SLUICE_LOG_DEBUG, SLUICE_STR("too quiet"));
	p->host->log(p->instance, x, (enum sluice_log_level)77, SLUICE_STR("too loud"));
	/* Handles that are not those of the callback are not read. */
	p->host->log(p->instance, (struct sluice_exchange *)(void *)elsewhere, SLUICE_LOG_INFO,
		SLUICE_STR("another exchange"));
	p->host->log((struct sluice_instance *)(void *)elsewhere, x, SLUICE_LOG_INFO,
		SLUICE_STR("another instance"));
	return SLUICE_CONTINUE;
}

START_TEST(lines_name_the_binding_and_the_request)
{
	log_begin();
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = say;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert(log_has(
		"\"level\":\"warn\",\"message\":\"he said \\\"no\\\"\\n\",\"binding\":\"a\","
		"\"policy\":\"a\",\"requestId\":\"r-1\"}"));
	ck_assert(log_has("\"message\":\"nobody asked\",\"binding\":\"a\",\"policy\":\"a\"}"));
	ck_assert(!log_has("too quiet"));
	ck_assert(log_has("\"level\":\"error\",\"message\":\"too loud\""));
	ck_assert(log_has("\"message\":\"another exchange\",\"binding\":\"a\",\"policy\":\"a\"}"));
	ck_assert(!log_has("another instance"));
	bench_free(b);
	log_end();
}
END_TEST

static int32_t misbehave(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			p->host->body_replace(x, SLUICE_STR("x")), SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

START_TEST(a_wrong_call_is_told_once_with_where_it_is_right)
{
	log_begin();
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = misbehave;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
	const char *line = "body_replace is not legal in request_head for this handle; it is in: "
			   "request_body response_body\"";
	ck_assert(log_has(line));
	size_t at = str_find(buffer_str(&taken), STR("body_replace is not"));
	struct str rest = str_from(buffer_str(&taken), at + 1);
	ck_assert_uint_eq(str_find(rest, STR("body_replace is not")), rest.n);
	bench_free(b);
	log_end();
}
END_TEST

static void *left;

static int32_t leak(struct probe *p, const struct sluice_call *call)
{
	left = call->host->instance_alloc(call->instance, 100);
	return SLUICE_OK;
}

START_TEST(memory_left_behind_is_told)
{
	log_begin();
	struct bench *b = bench_new();
	bench_probe(b)->configure = leak;
	bench_start(b);
	bench_free(b);
	ck_assert(log_has("release left 116 bytes behind"));
	log_end();
	free((char *)left - 16); /* what accounts for a block stands in front of it */
}
END_TEST

UNIT_SUITE(observe, counters_are_series_by_binding_in_the_workers_cell,
	without_metrics_counters_count_nothing, an_instance_has_so_many_counters,
	lines_name_the_binding_and_the_request, a_wrong_call_is_told_once_with_where_it_is_right,
	memory_left_behind_is_told)
