/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "sluice/metrics.h"

static const struct sluice_metrics_service *service;
static struct sluice_metric *lookups, *open_now, *took;
static void (*configuring)(const struct sluice_call *call);
static void (*asked)(const struct sluice_call *call, struct sluice_exchange *x);

static const struct sluice_str outcomes[] = {{"hit", 3}, {"miss", 4}};
static const struct sluice_str sides[] = {{"a", 1}, {"b", 1}, {"c", 1}};
static const struct sluice_label labels[] = {{{"outcome", 7}, outcomes, 2}, {{"side", 4}, sides, 3}};
static const double bounds[] = {0.1, 1};

static struct sluice_metric_definition definition(const char *name, uint32_t kind)
{
	return (struct sluice_metric_definition){.size = sizeof(struct sluice_metric_definition),
		.kind = kind,
		.name = {name, strlen(name)},
		.description = SLUICE_STR("For a test")};
}

static void define_all(const struct sluice_call *call)
{
	struct sluice_metric_definition d = definition("lookups", SLUICE_COUNTER);
	d.labels = labels;
	d.label_count = 2;
	lookups = service->define(call->instance, &d);
	d = definition("open", SLUICE_GAUGE);
	open_now = service->define(call->instance, &d);
	d = definition("took_seconds", SLUICE_HISTOGRAM);
	d.bounds = bounds;
	d.bound_count = 2;
	took = service->define(call->instance, &d);
	ck_assert(lookups && open_now && took);
	service->add(open_now, 0, 10); /* the main thread has a cell, too */
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	service = call->host->service(SLUICE_METRICS_SERVICE);
	configuring(call);
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	asked(call, x);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "counting",
	.version = "1.0.0",
	.configure = configure,
	.request_head = request_head,
};

static struct visit *begin(void (*at_configure)(const struct sluice_call *call),
	void (*at_request)(const struct sluice_call *call, struct sluice_exchange *x))
{
	struct rig *r = rig_new(2);
	configuring = at_configure;
	asked = at_request;
	rig_bind(r, rig_policy(r, &policy), "counting", "{}");
	struct visit *v = visit_new(r, 1);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
}

static void assert_line(struct visit *v, const char *line)
{
	struct buffer text;
	buffer_init(&text, 1 << 20);
	metrics_print(v->rig->metrics, &text);
	buffer_add_char(&text, '\0');
	ck_assert_msg(strstr(text.p, line), "no %s in:\n%s", line, text.p);
	buffer_deinit(&text);
}

static void count_some(const struct sluice_call *call, struct sluice_exchange *x)
{
	service->add(lookups, 0 * 3 + 2, 5);
	service->add(lookups, 1 * 3 + 0, 2);
	service->add(lookups, 1 * 3 + 0, -1); /* a counter never falls */
	service->add(lookups, 6, 1);          /* there are six: 0 to 5 */
	service->add(NULL, 0, 1);
	service->add(took, 0, 1); /* a histogram observes */
	service->observe(lookups, 0, 1);
	service->add(open_now, 0, 3);
	service->add(open_now, 0, -2);
	service->observe(took, 0, 500000);
	service->observe(took, 0, 2000000);
}

START_TEST(counts_by_the_places_of_values)
{
	struct visit *v = begin(define_all, count_some);
	assert_line(v, "sluice_policy_lookups_total{binding=\"default/0\",outcome=\"hit\",side=\"c\"} 5\n");
	assert_line(v,
		"sluice_policy_lookups_total{binding=\"default/0\",outcome=\"miss\",side=\"a\"} 2\n");
	assert_line(v,
		"sluice_policy_lookups_total{binding=\"default/0\",outcome=\"hit\",side=\"a\"} 0\n");
	assert_line(v, "sluice_policy_open{binding=\"default/0\"} 11\n");
	assert_line(v, "sluice_policy_took_seconds_bucket{binding=\"default/0\",le=\"1\"} 1\n");
	assert_line(v, "sluice_policy_took_seconds_count{binding=\"default/0\"} 2\n");
	/* Outside of its callbacks a plugin counts nothing. */
	service->add(lookups, 0, 100);
	assert_line(v,
		"sluice_policy_lookups_total{binding=\"default/0\",outcome=\"hit\",side=\"a\"} 0\n");
	end(v);
}
END_TEST

static void assert_refused(
	const struct sluice_call *call, const struct sluice_metric_definition *d)
{
	ck_assert_ptr_null(service->define(call->instance, d));
}

static void refuse_labels(const struct sluice_call *call)
{
	static const struct sluice_str none[] = {{"", 0}}, twice[] = {{"a", 1}, {"a", 1}};
	static const struct sluice_label bad[] = {{{"Outcome", 7}, outcomes, 2},
		{{"binding", 7}, outcomes, 2}, {{"le", 2}, outcomes, 2}, {{"", 0}, outcomes, 2},
		{{"x", 1}, outcomes, 0}, {{"x", 1}, NULL, 2}, {{"x", 1}, none, 1},
		{{"x", 1}, twice, 2}};
	struct sluice_metric_definition d = definition("m", SLUICE_COUNTER);
	d.label_count = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		d.labels = &bad[i];
		assert_refused(call, &d);
	}
	const struct sluice_label same[] = {labels[0], labels[0]};
	d.labels = same;
	d.label_count = 2;
	assert_refused(call, &d);
	d.label_count = 5;
	assert_refused(call, &d);
}

static void refuse_others(const struct sluice_call *call)
{
	struct sluice_metric_definition d = definition("m", 3);
	assert_refused(call, &d);
	d = definition("M", SLUICE_COUNTER);
	assert_refused(call, &d);
	d = definition("m", SLUICE_COUNTER);
	d.size = 8;
	assert_refused(call, &d);
	assert_refused(call, NULL);
	d = definition("m", SLUICE_HISTOGRAM);
	d.bounds = bounds;
	d.bound_count = 2;
	assert_refused(call, &d); /* without a unit */
	d = definition("m_seconds", SLUICE_HISTOGRAM);
	assert_refused(call, &d); /* without bounds */
	d = definition("m", SLUICE_GAUGE);
	ck_assert_ptr_nonnull(service->define(call->instance, &d));
	d = definition("m_total", SLUICE_GAUGE);
	ck_assert_ptr_nonnull(service->define(call->instance, &d));
	d = definition("m", SLUICE_COUNTER);
	assert_refused(call, &d); /* that is a gauge by now */
}

static void refuse(const struct sluice_call *call)
{
	refuse_labels(call);
	refuse_others(call);
}

static void too_late(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_metric_definition d = definition("late", SLUICE_COUNTER);
	assert_refused(call, &d);
}

START_TEST(refuses_what_is_no_definition)
{
	end(begin(refuse, too_late));
}
END_TEST

static void define_many(const struct sluice_call *call)
{
	static char bytes[93];
	static struct sluice_str values[257];
	struct sluice_label wide = {{"x", 1}, values, 257};
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('!' + i % 90);
	for (size_t i = 0; i < 257; i++)
		values[i] = (struct sluice_str){&bytes[i % 90], 1 + i / 90};
	struct sluice_metric_definition d = definition("wide", SLUICE_COUNTER);
	d.labels = &wide;
	d.label_count = 1;
	assert_refused(call, &d);
	wide.value_count = 256;
	static const char *const names[] = {"wide_a", "wide_b", "wide_c", "wide_d"};
	for (size_t i = 0; i < 4; i++) {
		d.name = (struct sluice_str){names[i], 6};
		ck_assert_ptr_nonnull(service->define(call->instance, &d));
	}
	d = definition("one_more", SLUICE_COUNTER);
	assert_refused(call, &d);
}

static void nothing(const struct sluice_call *call, struct sluice_exchange *x)
{
}

START_TEST(series_are_bounded)
{
	end(begin(define_many, nothing));
}
END_TEST

UNIT_SUITE(metrics, counts_by_the_places_of_values, refuses_what_is_no_definition,
	series_are_bounded)
