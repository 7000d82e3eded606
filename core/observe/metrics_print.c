/* SPDX-License-Identifier: Apache-2.0 */
/* The text format 0.0.4 of Prometheus. A histogram's count is the sum of the buckets that were
 * read, so that it agrees with its +Inf line while workers go on counting. */
#include "observe/metrics_priv.h"

#include "base/check.h"
#include "base/utf8.h"

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* `quote`: inside of a label value, where a quote ends it. */
static void put_escaped(struct buffer *out, struct str s, bool quote)
{
	for (size_t i = 0; i < s.n;) {
		size_t length = utf8_sequence(str_from(s, i));
		char c = s.p[i];
		if (length == 0)
			buffer_add(out, STR("\xef\xbf\xbd"));
		else if (c == '\n')
			buffer_add(out, STR("\\n"));
		else if (c == '\\' || (c == '"' && quote))
			buffer_add(out, c == '"' ? STR("\\\"") : STR("\\\\"));
		else
			buffer_add(out, str_n(s.p + i, length));
		i += length ? length : 1;
	}
}

static void put_label(struct buffer *out, char before, struct str name, struct str value)
{
	buffer_add_char(out, before);
	buffer_add(out, name);
	buffer_add(out, STR("=\""));
	put_escaped(out, value, true);
	buffer_add_char(out, '"');
}

void metrics_print_labels(struct buffer *out, const struct metric_label *labels, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put_label(out, i == 0 ? '{' : ',', labels[i].name, labels[i].value);
	if (count > 0)
		buffer_add_char(out, '}');
}

/* Name, suffix and labels, and the blank before the value; `le` may be empty. */
static void put_start(
	struct buffer *out, const struct metric_series *s, struct str suffix, struct str le)
{
	char before = '{';
	buffer_add(out, str_of(s->family->name));
	buffer_add(out, suffix);
	size_t at = 0;
	for (size_t i = 0; i < s->label_count; i++, before = ',') {
		struct metric_label label = metric_series_label(s, &at);
		put_label(out, before, label.name, label.value);
	}
	if (le.n > 0) {
		put_label(out, before, STR("le"), le);
		before = ',';
	}
	buffer_add(out, before == ',' ? STR("} ") : STR(" "));
}

static void put_millionths(struct buffer *out, uint64_t micro)
{
	char digits[6];
	size_t n = sizeof(digits);
	uint64_t rest = micro % 1000000;
	buffer_add_u64(out, micro / 1000000);
	for (size_t i = sizeof(digits); i-- > 0; rest /= 10)
		digits[i] = (char)('0' + rest % 10);
	while (n > 0 && digits[n - 1] == '0')
		n--;
	if (n > 0)
		buffer_add_char(out, '.');
	buffer_add(out, str_n(digits, n));
}

struct histogram {
	uint64_t buckets[METRIC_BUCKETS_MAX + 1];
	uint64_t sum;
};

static void sum_cells(const struct metric_series *s, struct histogram *h)
{
	const struct metric_family *f = s->family;
	*h = (struct histogram){0};
	for (unsigned w = 0; w <= f->metrics->workers; w++) {
		const struct metric_histogram *c = metric_histogram_at(s, w);
		for (uint32_t i = 0; i <= f->bound_count; i++)
			h->buckets[i] += atomic_load_explicit(&c->buckets[i], memory_order_relaxed);
		h->sum += atomic_load_explicit(&c->sum.value, memory_order_relaxed);
	}
}

static void put_histogram(struct buffer *out, const struct metric_series *s)
{
	const struct metric_family *f = s->family;
	struct histogram h;
	struct buffer le;
	uint64_t count = 0;
	sum_cells(s, &h);
	buffer_init(&le, 64);
	for (uint32_t i = 0; i <= f->bound_count; i++) {
		buffer_reset(&le);
		if (i < f->bound_count)
			buffer_addf(&le, "%.15g", f->bounds[i]);
		else
			buffer_add(&le, STR("+Inf"));
		count += h.buckets[i];
		put_start(out, s, STR("_bucket"), buffer_str(&le));
		buffer_add_u64(out, count);
		buffer_add_char(out, '\n');
	}
	buffer_deinit(&le);
	put_start(out, s, STR("_sum"), STR_EMPTY);
	put_millionths(out, h.sum);
	buffer_add_char(out, '\n');
	put_start(out, s, STR("_count"), STR_EMPTY);
	buffer_add_u64(out, count);
	buffer_add_char(out, '\n');
}

static void put_value(struct buffer *out, const struct metric_series *s)
{
	uint64_t value = metric_series_value(s);
	put_start(out, s, STR_EMPTY, STR_EMPTY);
	/* A gauge that one worker raises and another lowers may be below zero for a moment. */
	if (s->family->kind == METRIC_GAUGE)
		buffer_add_i64(out, (int64_t)value);
	else
		buffer_add_u64(out, value);
	buffer_add_char(out, '\n');
}

static void put_family(struct buffer *out, const struct metric_family *f)
{
	buffer_add(out, STR("# HELP "));
	buffer_add(out, str_of(f->name));
	buffer_add_char(out, ' ');
	put_escaped(out, str_of(f->help), false);
	buffer_addf(out, "\n# TYPE %s %s\n", f->name, kind_names[f->kind]);
	for (size_t i = 0; i < f->series_count; i++) {
		if (f->kind == METRIC_HISTOGRAM)
			put_histogram(out, f->series[i]);
		else
			put_value(out, f->series[i]);
	}
}

void metrics_print(const struct metrics *m, struct buffer *out)
{
	for (size_t i = 0; i < m->family_count; i++)
		if (m->families[i]->series_count > 0)
			put_family(out, m->families[i]);
}
