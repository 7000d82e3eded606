/* SPDX-License-Identifier: Apache-2.0 */
/* What a binding has counted, as the gateway would print it. */
#include "testing/testing_priv.h"

#include "base/memory.h"
#include "policy/instance.h"

#include <stdlib.h>

#define TEXT_BYTES_MAX (16u << 20)

/* One kind of metric by the name that its policy has given it. */
struct wanted {
	struct str start;  /* of its lines: the name, and the binding's label */
	struct str labels; /* that stand behind it; empty: any */
	bool is_found;
	int64_t sum;
};

/* `labels` whole, and not the end of one's name or the beginning of one's value. */
static bool has_labels(struct str rest, struct str labels)
{
	for (size_t at = 0; labels.n > 0 && at + labels.n + 2 <= rest.n; at++) {
		struct str here = str_from(rest, at);
		char next = here.p[labels.n + 1];
		if (here.p[0] == ',' && str_starts(str_from(here, 1), labels) &&
			(next == ',' || next == '}'))
			return true;
	}
	return labels.n == 0;
}

static void add_line(struct wanted *w, struct str line)
{
	if (!str_starts(line, w->start))
		return;
	struct str rest = str_from(line, w->start.n);
	if (rest.n == 0 || (rest.p[0] != ',' && rest.p[0] != '}') || !has_labels(rest, w->labels))
		return;
	const char *value = memrchr(rest.p, ' ', rest.n);
	w->is_found = true;
	w->sum += value ? strtoll(value, NULL, 10) : 0;
}

static void look(struct wanted *w, struct str text, struct sluice_test *t, size_t n,
	const char *name, const char *suffix)
{
	struct buffer start;
	const struct metric_label binding = {STR("binding"), instance_binding(t->instances[n])};
	buffer_init(&start, TEXT_BYTES_MAX);
	buffer_addf(&start, "sluice_policy_%s%s", name, suffix);
	metrics_print_labels(&start, &binding, 1);
	w->start = str_n(start.p, start.n - 1); /* without the brace */
	while (text.p)
		add_line(w, str_cut(&text, '\n'));
	buffer_deinit(&start);
}

int64_t sluice_test_metric(struct sluice_test *t, size_t n, const char *name, const char *labels)
{
	static const char *const suffixes[] = {"_total", "", "_count"};
	struct wanted w = {.labels = str_of(labels ? labels : "")};
	struct buffer text;
	testing_open(t);
	if (n >= t->instance_count) {
		testing_fail("there is no binding %zu", n);
		return 0;
	}
	buffer_init(&text, TEXT_BYTES_MAX);
	metrics_print(t->metrics, &text);
	for (size_t i = 0; i < 3 && !w.is_found; i++)
		look(&w, buffer_str(&text), t, n, name, suffixes[i]);
	buffer_deinit(&text);
	if (!w.is_found)
		testing_fail("binding %zu has defined no metric %s%s%s%s", n, name,
			labels ? "{" : "", labels ? labels : "", labels ? "}" : "");
	return w.sum;
}

uint64_t sluice_test_counter(struct sluice_test *t, size_t n, const char *name)
{
	return (uint64_t)sluice_test_metric(t, n, name, NULL);
}
