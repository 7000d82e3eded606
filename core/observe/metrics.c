/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics_priv.h"

#include "base/check.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

#define CACHE_LINE 64

struct metrics *metrics_new(unsigned workers)
{
	struct metrics *m = heap_zalloc(sizeof(*m));
	m->workers = workers;
	return m;
}

static void free_series(struct metric_series *s)
{
	for (size_t i = 0; i < s->label_count; i++) {
		free((char *)s->labels[i].name.p);
		free((char *)s->labels[i].value.p);
	}
	free(s->labels);
	free((char *)s->key.p);
	free(s->cells);
	free(s);
}

static void free_family(struct metric_family *f)
{
	for (size_t i = 0; i < f->series_count; i++)
		free_series(f->series[i]);
	free(f->series);
	map_deinit(&f->by_labels);
	free(f->bounds);
	free(f->help);
	free(f->name);
	free(f);
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->family_count; i++)
		free_family(m->families[i]);
	free(m->families);
	free(m);
}

unsigned metrics_workers(const struct metrics *m)
{
	return m->workers;
}

/* --- families -------------------------------------------------------------------------------- */
static bool is_name(const char *name)
{
	for (const char *p = name; *p; p++) {
		bool is_letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
				 *p == '_' || *p == ':';
		bool is_digit = *p >= '0' && *p <= '9' && p > name;
		if (!is_letter && !is_digit)
			return false;
	}
	return *name != '\0';
}

static bool are_bounds(enum metric_kind kind, const double *bounds, size_t count)
{
	if (kind != METRIC_HISTOGRAM)
		return count == 0;
	for (size_t i = 0; i < count; i++)
		if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
			return false;
	return count <= METRIC_BUCKETS_MAX;
}

/* Where the name stands, or belongs. */
static size_t find_family(const struct metrics *m, const char *name, bool *found)
{
	size_t low = 0, high = m->family_count;
	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(m->families[middle]->name, name);
		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t cell_bytes_of(enum metric_kind kind, size_t bound_count)
{
	size_t size = sizeof(struct metric_cell);
	if (kind == METRIC_HISTOGRAM)
		size += (bound_count + 1) * sizeof(_Atomic uint64_t);
	return (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

static struct metric_family *new_family(struct metrics *m, const char *name, const char *help,
	enum metric_kind kind, const double *bounds, size_t bound_count)
{
	struct metric_family *f = heap_zalloc(sizeof(*f));
	f->metrics = m;
	f->name = heap_strdup(name);
	f->help = heap_strdup(help);
	f->kind = kind;
	f->cell_bytes = cell_bytes_of(kind, bound_count);
	f->bound_count = (uint32_t)bound_count;
	if (bound_count > 0) {
		f->bounds = heap_alloc(bound_count * sizeof(*bounds));
		memcpy(f->bounds, bounds, bound_count * sizeof(*bounds));
	}
	map_init(&f->by_labels);
	return f;
}

struct metric_family *metrics_family(struct metrics *m, const char *name, const char *help,
	enum metric_kind kind, const double *bounds, size_t bound_count)
{
	bool found;
	size_t at = find_family(m, name, &found);
	if (found)
		return m->families[at]->kind == kind ? m->families[at] : NULL;
	if (!is_name(name) || !are_bounds(kind, bounds, bound_count))
		return NULL;
	m->families = heap_realloc(m->families, (m->family_count + 1) * sizeof(*m->families));
	memmove(m->families + at + 1, m->families + at,
		(m->family_count - at) * sizeof(*m->families));
	m->families[at] = new_family(m, name, help, kind, bounds, bound_count);
	m->family_count++;
	return m->families[at];
}

/* --- series ---------------------------------------------------------------------------------- */
static void add_sized(struct buffer *key, struct str s)
{
	uint64_t n = s.n;
	buffer_add(key, str_n((const char *)&n, sizeof(n)));
	buffer_add(key, s);
}

static void put_key(struct buffer *key, const struct metric_label *labels, size_t count)
{
	buffer_init(key, SIZE_MAX);
	/* So that a series without labels has a key, too. */
	buffer_add_char(key, (char)count);
	for (size_t i = 0; i < count; i++) {
		add_sized(key, labels[i].name);
		add_sized(key, labels[i].value);
	}
}

static char *new_cells(const struct metric_family *f)
{
	size_t count = f->metrics->workers + 1;
	char *cells = aligned_alloc(CACHE_LINE, count * f->cell_bytes);
	CHECK(cells);
	memset(cells, 0, count * f->cell_bytes);
	for (size_t i = 0; i < count; i++) {
		struct metric_cell *c = (struct metric_cell *)(void *)(cells + i * f->cell_bytes);
		c->bounds = f->bounds;
		c->bound_count = f->bound_count;
		c->buckets =
			f->kind == METRIC_HISTOGRAM ? (_Atomic uint64_t *)(void *)(c + 1) : NULL;
	}
	return cells;
}

static struct metric_series *new_series(
	struct metric_family *f, const struct metric_label *labels, size_t count)
{
	struct metric_series *s = heap_zalloc(sizeof(*s));
	s->family = f;
	s->labels = heap_zalloc(count * sizeof(*labels));
	s->label_count = count;
	for (size_t i = 0; i < count; i++) {
		s->labels[i].name = str_n(heap_strndup(labels[i].name), labels[i].name.n);
		s->labels[i].value = str_n(heap_strndup(labels[i].value), labels[i].value.n);
	}
	s->cells = new_cells(f);
	if (f->series_count == f->series_capacity) {
		f->series_capacity = f->series_capacity ? f->series_capacity * 2 : 4;
		f->series = heap_realloc(
			f->series, f->series_capacity * sizeof(struct metric_series *));
	}
	f->series[f->series_count++] = s;
	return s;
}

/* The last place of a family is kept for it (M2). */
static struct metric_series *overflow_series(
	struct metric_family *f, const struct metric_label *labels, size_t count)
{
	struct metric_label others[METRIC_LABELS_MAX];
	if (!f->overflow) {
		for (size_t i = 0; i < count; i++)
			others[i] = (struct metric_label){labels[i].name, STR("other")};
		f->overflow = new_series(f, others, count);
	}
	return f->overflow;
}

static bool is_full(const struct metric_family *f)
{
	return f->series_count - (f->overflow != NULL) >= METRICS_SERIES_MAX - 1;
}

struct metric_series *metrics_series(
	struct metric_family *f, const struct metric_label *labels, size_t count)
{
	CHECK(count <= METRIC_LABELS_MAX);
	struct buffer key;
	put_key(&key, labels, count);
	struct metric_series *s = map_get(&f->by_labels, buffer_str(&key));
	if (!s && is_full(f)) {
		s = overflow_series(f, labels, count);
	} else if (!s) {
		s = new_series(f, labels, count);
		s->key = str_n(heap_strndup(buffer_str(&key)), key.n);
		map_put(&f->by_labels, s->key, s);
	}
	buffer_deinit(&key);
	s->refs++;
	s->idle_sweeps = 0;
	return s;
}

void metric_series_unref(struct metric_series *s)
{
	CHECK(s->refs > 0);
	s->refs--;
}

struct metric_cell *metric_series_cell(struct metric_series *s, unsigned index)
{
	CHECK(index <= s->family->metrics->workers);
	return (struct metric_cell *)(void *)(s->cells + index * s->family->cell_bytes);
}

uint64_t metric_series_value(const struct metric_series *s)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i <= s->family->metrics->workers; i++) {
		const void *cell = s->cells + i * s->family->cell_bytes;
		sum += atomic_load_explicit(
			&((const struct metric_cell *)cell)->value, memory_order_relaxed);
	}
	return sum;
}

static void drop_series(struct metric_family *f, struct metric_series *s)
{
	if (s == f->overflow)
		f->overflow = NULL;
	else
		map_remove(&f->by_labels, s->key);
	free_series(s);
}

static void sweep_family(struct metric_family *f)
{
	size_t kept = 0;
	for (size_t i = 0; i < f->series_count; i++) {
		struct metric_series *s = f->series[i];
		if (s->refs == 0 && ++s->idle_sweeps >= 2)
			drop_series(f, s);
		else
			f->series[kept++] = s;
	}
	f->series_count = kept;
}

void metrics_sweep(struct metrics *m)
{
	for (size_t i = 0; i < m->family_count; i++)
		sweep_family(m->families[i]);
}

/* --- cells ----------------------------------------------------------------------------------- */
void metric_observe(struct metric_cell *c, uint64_t micro)
{
	/* A bound is the double nearest to its decimal; so is this quotient: equal ones compare
	 * equal. */
	double value = (double)micro / 1e6;
	uint32_t i = 0;
	while (i < c->bound_count && value > c->bounds[i])
		i++;
	uint64_t n = atomic_load_explicit(&c->buckets[i], memory_order_relaxed);
	atomic_store_explicit(&c->buckets[i], n + 1, memory_order_relaxed);
	uint64_t sum = atomic_load_explicit(&c->sum, memory_order_relaxed);
	atomic_store_explicit(&c->sum, sum + micro, memory_order_relaxed);
	metric_add(c, 1);
}

static void grow(_Atomic uint64_t *to, uint64_t n)
{
	uint64_t v = atomic_load_explicit(to, memory_order_relaxed);
	atomic_store_explicit(to, v + n, memory_order_relaxed);
}

void metric_observe_many(struct metric_cell *c, const uint64_t *buckets, uint64_t sum_micro)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i <= c->bound_count; i++) {
		grow(&c->buckets[i], buckets[i]);
		count += buckets[i];
	}
	grow(&c->sum, sum_micro);
	metric_add(c, count);
}
