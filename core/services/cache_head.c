/* SPDX-License-Identifier: Apache-2.0 */
/* Fields come in the order of the marks, but for those that are left out: the walk over both goes forward only, and what it does
 * not find is checked as if it had no mark. */
#include "services/cache_head.h"

#include "policy/local_stream.h"
#include "services/services_priv.h"

#include "sluice/cache.h"

#define ELSEWHERE SIZE_MAX

struct walk {
	struct cache_entry *entry;
	struct str meta;
	const struct cache_mark *marks;
	uint32_t count, at;
	struct str copy; /* of what the marks span, from copy_at on */
	size_t copy_at;
	bool leaves_marks;
	size_t end; /* of the last one that was left */
};

static size_t place_of(const struct walk *w, struct str text)
{
	size_t at = (uintptr_t)text.p - (uintptr_t)w->meta.p;
	return at <= w->meta.n && text.n <= w->meta.n - at ? at : ELSEWHERE;
}

/* Marks are of growing places: fields do not lie in each other. */
static void span_copy(struct walk *w, struct arena *arena)
{
	const struct cache_mark *last = &w->marks[w->count - 1];
	w->copy_at = w->marks[0].name_at;
	size_t n = last->value_at + last->value_n - w->copy_at;
	w->copy = arena_copy(arena, str_n(w->meta.p + w->copy_at, n));
	w->count = w->copy.n > 0 ? w->count : 0;
}

/* An answer that nothing has changed leaves fields out: its marks would lack them for ever. */
static void walk_begin(struct walk *w, struct cache_entry *e, struct arena *arena, int32_t status)
{
	*w = (struct walk){.entry = e, .meta = cache_entry_meta(e)};
	w->count = cache_entry_marks(e, &w->marks);
	if (w->count > 0)
		span_copy(w, arena);
	else
		w->leaves_marks = status != 304 && cache_entry_mark_begin(e);
}

static inline bool is_marked(
	const struct walk *w, const struct cache_mark *m, const struct sluice_str *pair)
{
	return pair[0].p == w->meta.p + m->name_at && pair[1].p == w->meta.p + m->value_at &&
	       pair[0].n == m->name_n && pair[1].n == m->value_n;
}

/* The mark of that field, at w->at; false: it has none. */
static __attribute__((noinline)) bool walk_find(struct walk *w, const struct sluice_str *pair)
{
	for (uint32_t i = w->at; i < w->count; i++) {
		if (!is_marked(w, &w->marks[i], pair))
			continue;
		w->at = i;
		return true;
	}
	return false;
}

/* The field at w->at; its text is the copy's. */
static inline int32_t take_over(struct fields *to, struct walk *w)
{
	const struct cache_mark *m = &w->marks[w->at++];
	const char *name = w->copy.p + (m->name_at - w->copy_at);
	const char *value = w->copy.p + (m->value_at - w->copy_at);
	enum rc rc = fields_append(
		to, str_n(name, m->name_n), (enum field_id)m->id, str_n(value, m->value_n));
	return rc == RC_OK ? SLUICE_OK : SLUICE_E_FULL;
}

/* A value lies behind its name, and each field behind the former one. */
static void leave_mark(struct walk *w, struct str name, struct str value, enum field_id id)
{
	size_t name_at = place_of(w, name), value_at = place_of(w, value);
	if (name_at == ELSEWHERE || value_at == ELSEWHERE || name_at < w->end ||
		value_at < name_at + name.n)
		return;
	w->end = value_at + value.n;
	const struct cache_mark mark = {.name_at = (uint32_t)name_at,
		.value_at = (uint32_t)value_at,
		.value_n = (uint32_t)value.n,
		.name_n = (uint16_t)name.n,
		.id = (uint8_t)id};
	cache_entry_mark(w->entry, &mark);
}

static __attribute__((noinline)) int32_t add(
	struct fields *to, struct walk *w, const struct sluice_str *pair)
{
	struct str name = str_in(pair[0]), value = str_in(pair[1]);
	if (walk_find(w, pair))
		return take_over(to, w);
	int32_t rc = answer_field_add(to, name, value);
	if (rc == SLUICE_OK && w->leaves_marks)
		leave_mark(w, name, value, to->items[to->count - 1].id);
	return rc;
}

int32_t cache_head_fill(
	struct fields *to, struct cache_entry *e, const struct sluice_cache_answer *a)
{
	struct walk w;
	int32_t rc = SLUICE_OK;
	answer_fields_reserve(to, a->field_count);
	walk_begin(&w, e, to->arena, a->status);
	for (size_t i = 0; i < a->field_count && rc == SLUICE_OK; i++) {
		const struct sluice_str *pair = &a->fields[2 * i];
		bool is_next = w.at < w.count && is_marked(&w, &w.marks[w.at], pair);
		rc = LIKELY(is_next) ? take_over(to, &w) : add(to, &w, pair);
	}
	if (w.leaves_marks)
		cache_entry_mark_end(e);
	return rc;
}
