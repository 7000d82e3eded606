/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics_priv.h"

#include "base/check.h"
#include "base/memory.h"
#include "observe/log.h"

#include <math.h>
#include <stdlib.h>

#define CACHE_LINE 64

struct metrics *metrics_new(unsigned workers)
{
	struct metrics *m = heap_zalloc(sizeof(*m));
	m->workers = workers;
	return m;
}

static void free_family(struct metric_family *f)
{
	for (size_t i = 0; i < f->series_count; i++)
		free(f->series[i]);
	free(f->series);
	free(f->slots);
	free(f->bounds);
	free(f->limits);
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
	for (size_t i = 0; i < m->slab_count; i++)
		free(m->slabs[i]);
	free(m->slabs);
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
	if (kind != METRIC_HISTOGRAM)
		return sizeof(struct metric_cell);
	return sizeof(struct metric_histogram) + (bound_count + 1) * sizeof(_Atomic uint64_t);
}

/* A bound is the double nearest to its decimal; so is micro / 1e6: equal ones compare equal. */
static uint64_t limit_of(double bound)
{
	if (bound < 0)
		return 0;
	if (bound >= 9e9) /* its millionths are no exact double any more */
		return UINT64_MAX;
	uint64_t micro = (uint64_t)(bound * 1e6) + 2;
	while (micro > 0 && (double)(micro - 1) / 1e6 > bound)
		micro--;
	return micro;
}

static void take_bounds(struct metric_family *f, const double *bounds, size_t count)
{
	f->bound_count = (uint32_t)count;
	if (count == 0)
		return;
	f->bounds = heap_alloc(count * sizeof(*bounds));
	f->limits = heap_alloc(count * sizeof(*f->limits));
	memcpy(f->bounds, bounds, count * sizeof(*bounds));
	for (size_t i = 0; i < count; i++)
		f->limits[i] = limit_of(bounds[i]);
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
	take_bounds(f, bounds, bound_count);
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

/* --- cells ----------------------------------------------------------------------------------- */
static void add_slab(struct metrics *m)
{
	size_t size = (m->workers + (size_t)1) * METRIC_LANE_BYTES;
	char *slab = aligned_alloc(CACHE_LINE, size);
	CHECK(slab);
	memset(slab, 0, size);
	m->slabs = heap_realloc(m->slabs, (m->slab_count + 1) * sizeof(*m->slabs));
	m->slabs[m->slab_count++] = slab;
	m->slab_used = 0;
}

static char *take_free_cells(struct metric_family *f)
{
	char *cells = f->free_cells;
	memcpy(&f->free_cells, cells, sizeof(f->free_cells));
	for (unsigned i = 0; i <= f->metrics->workers; i++)
		memset(cells + (size_t)i * METRIC_LANE_BYTES, 0, f->cell_bytes);
	return cells;
}

static void give_back_cells(struct metric_family *f, char *cells)
{
	memcpy(cells, &f->free_cells, sizeof(f->free_cells));
	f->free_cells = cells;
}

static char *take_cells(struct metric_family *f)
{
	struct metrics *m = f->metrics;
	if (f->free_cells)
		return take_free_cells(f);
	if (m->slab_count == 0 || m->slab_used + f->cell_bytes > METRIC_LANE_BYTES)
		add_slab(m);
	char *cells = m->slabs[m->slab_count - 1] + m->slab_used;
	m->slab_used += f->cell_bytes;
	return cells;
}

static void init_cells(const struct metric_series *s)
{
	if (s->family->kind != METRIC_HISTOGRAM)
		return;
	for (unsigned i = 0; i <= s->family->metrics->workers; i++) {
		void *at = s->cells + (size_t)i * METRIC_LANE_BYTES;
		((struct metric_histogram *)at)->family = s->family;
	}
}

/* --- series ---------------------------------------------------------------------------------- */
static void add_sized(struct buffer *key, struct str s)
{
	uint32_t n = (uint32_t)s.n;
	buffer_add(key, str_n((const char *)&n, sizeof(n)));
	buffer_add(key, s);
}

static void put_key(struct buffer *key, const struct metric_label *labels, size_t count)
{
	buffer_init(key, UINT32_MAX);
	for (size_t i = 0; i < count; i++) {
		add_sized(key, labels[i].name);
		add_sized(key, labels[i].value);
	}
	CHECK(!key->failed);
}

static struct metric_series **slot_of(const struct metric_family *f, uint64_t hash)
{
	return &f->slots[hash & (f->slot_count - 1)];
}

static void link_series(struct metric_family *f, struct metric_series *s)
{
	struct metric_series **slot = slot_of(f, s->hash);
	s->next = *slot;
	*slot = s;
}

static void grow_slots(struct metric_family *f)
{
	f->slot_count = f->slot_count ? f->slot_count * 2 : 4;
	free(f->slots);
	f->slots = heap_zalloc(f->slot_count * sizeof(struct metric_series *));
	for (size_t i = 0; i < f->series_count; i++)
		link_series(f, f->series[i]);
}

static struct metric_series *find_series(const struct metric_family *f, struct str key)
{
	uint64_t hash = str_hash(key);
	struct metric_series *s = f->slot_count ? *slot_of(f, hash) : NULL;
	while (s && (s->hash != hash || !str_eq(str_n(s->key, s->key_bytes), key)))
		s = s->next;
	return s;
}

static struct metric_series *new_series(struct metric_family *f, struct str key, size_t label_count)
{
	struct metric_series *s = heap_alloc(sizeof(*s) + key.n);
	*s = (struct metric_series){
		.family = f,
		.cells = take_cells(f),
		.hash = str_hash(key),
		.label_count = (uint16_t)label_count,
		.key_bytes = (uint32_t)key.n,
	};
	if (key.n > 0)
		memcpy(s->key, key.p, key.n);
	init_cells(s);
	if (f->series_count >= f->slot_count)
		grow_slots(f);
	if (f->series_count == f->series_capacity) {
		f->series_capacity = f->series_capacity ? f->series_capacity * 2 : 4;
		f->series = heap_realloc(
			f->series, f->series_capacity * sizeof(struct metric_series *));
	}
	f->series[f->series_count++] = s;
	link_series(f, s);
	return s;
}

/* The last place of a family is kept for it (M2). */
static struct metric_series *overflow_series(
	struct metric_family *f, const struct metric_label *labels, size_t count)
{
	struct metric_label others[METRIC_LABELS_MAX];
	struct buffer key;
	if (f->overflow)
		return f->overflow;
	for (size_t i = 0; i < count; i++)
		others[i] = (struct metric_label){labels[i].name, STR("other")};
	put_key(&key, others, count);
	f->overflow = find_series(f, buffer_str(&key));
	if (!f->overflow)
		f->overflow = new_series(f, buffer_str(&key), count);
	log_write(LOG_WARN, "metrics: %s has its %d series; what comes now counts under \"other\"",
		f->name, METRICS_SERIES_MAX);
	buffer_deinit(&key);
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
	struct metric_series *s = find_series(f, buffer_str(&key));
	if (!s && is_full(f))
		s = overflow_series(f, labels, count);
	else if (!s)
		s = new_series(f, buffer_str(&key), count);
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
	void *at = s->cells + (size_t)index * METRIC_LANE_BYTES;
	return at;
}

uint64_t metric_observations(const struct metric_cell *c)
{
	const struct metric_histogram *h = CONTAINER_OF(c, const struct metric_histogram, sum);
	uint64_t sum = 0;
	for (uint32_t i = 0; i <= h->family->bound_count; i++)
		sum += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
	return sum;
}

uint64_t metric_series_value(const struct metric_series *s)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i <= s->family->metrics->workers; i++)
		sum += s->family->kind == METRIC_HISTOGRAM
			       ? metric_observations(metric_cell_at(s, i))
			       : atomic_load_explicit(
					 &metric_cell_at(s, i)->value, memory_order_relaxed);
	return sum;
}

static void drop_series(struct metric_family *f, struct metric_series *s)
{
	struct metric_series **at = slot_of(f, s->hash);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (s == f->overflow)
		f->overflow = NULL;
	give_back_cells(f, s->cells);
	free(s);
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

/* --- observing ------------------------------------------------------------------------------- */
static void add_relaxed(_Atomic uint64_t *to, uint64_t n)
{
	uint64_t v = atomic_load_explicit(to, memory_order_relaxed);
	atomic_store_explicit(to, v + n, memory_order_relaxed);
}

void metric_observe(struct metric_cell *c, uint64_t micro)
{
	struct metric_histogram *h = CONTAINER_OF(c, struct metric_histogram, sum);
	const struct metric_family *f = h->family;
	uint32_t i = 0;
	while (i < f->bound_count && micro >= f->limits[i])
		i++;
	add_relaxed(&h->buckets[i], 1);
	add_relaxed(&h->sum.value, micro);
}

void metric_observe_many(struct metric_cell *c, const uint64_t *buckets, uint64_t sum_micro)
{
	struct metric_histogram *h = CONTAINER_OF(c, struct metric_histogram, sum);
	for (uint32_t i = 0; i <= h->family->bound_count; i++)
		add_relaxed(&h->buckets[i], buckets[i]);
	add_relaxed(&h->sum.value, sum_micro);
}
