/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/trace_priv.h"

#include "base/clock.h"
#include "base/memory.h"

/* --- writing --------------------------------------------------------------------------------- */
static uint64_t now_us(const struct trace *t)
{
	return (uint64_t)(t->before_us + (clock_monotonic_ns() - t->begun_ns) / 1000);
}

void trace_add_key(struct trace *t, const char *key)
{
	buffer_addf(&t->text, ",\"%s\":", key);
}

void trace_add_text(struct trace *t, const char *key, struct str value)
{
	if (value.n == 0)
		return;
	trace_add_key(t, key);
	buffer_add_json(&t->text, value);
}

void trace_add_number(struct trace *t, const char *key, uint64_t value)
{
	trace_add_key(t, key);
	buffer_add_u64(&t->text, value);
}

/* Where the event begins, for event_end. */
size_t trace_event_begin(struct trace *t, const char *event)
{
	size_t at = t->text.n;
	buffer_addf(&t->text, "%s{\"us\":%llu,\"event\":\"%s\"", t->has_events ? "," : "",
		(unsigned long long)now_us(t), event);
	return at;
}

/* What finds no room is left out, and all that comes after it. */
void trace_event_end(struct trace *t, size_t at)
{
	buffer_add_char(&t->text, '}');
	if (!t->text.failed && !t->is_cut) {
		t->has_events = true;
		return;
	}
	t->text.n = at;
	t->text.failed = false;
	t->is_cut = true;
}

/* --- fields ---------------------------------------------------------------------------------- */
void trace_remember(struct seen_fields *s, const struct fields *f)
{
	if (f->count > s->capacity) {
		s->items = heap_realloc(s->items, f->count * sizeof(*s->items));
		s->capacity = f->count;
	}
	if (f->count > 0)
		memcpy(s->items, f->items, f->count * sizeof(*s->items));
	s->count = f->count;
}

static const struct field *find(
	const struct field *items, uint32_t count, const struct field *like, uint32_t nth)
{
	for (uint32_t i = 0; i < count; i++)
		if (str_eq_nocase(items[i].name, like->name) && nth-- == 0)
			return &items[i];
	return NULL;
}

/* How many of that name stand before it. */
static uint32_t rank(const struct field *items, const struct field *field)
{
	uint32_t n = 0;
	for (const struct field *f = items; f < field; f++)
		n += str_eq_nocase(f->name, field->name);
	return n;
}

enum change { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED };

static bool has_become(enum change change, const struct field *field, const struct field *other)
{
	return change == CHANGE_CHANGED ? other && !str_eq(other->value, field->value) : !other;
}

/* The names of fields in `a` that have no counterpart in `b`, or one with another value. */
static bool add_names(struct trace *t, enum change change, const struct field *a, uint32_t a_count,
	const struct field *b, uint32_t b_count, bool is_first)
{
	static const char *const keys[] = {"added", "removed", "changed"};
	bool any = false;
	for (uint32_t i = 0; i < a_count; i++) {
		if (!has_become(change, &a[i], find(b, b_count, &a[i], rank(a, &a[i]))))
			continue;
		if (!any)
			buffer_addf(&t->text, "%s\"%s\":[", is_first ? "" : ",", keys[change]);
		else
			buffer_add_char(&t->text, ',');
		buffer_add_json(&t->text, a[i].name);
		any = true;
	}
	if (any)
		buffer_add_char(&t->text, ']');
	return any;
}

/* `,"requestHeaders":{"added":[...],"removed":[...],"changed":[...]}`, if there was any. */
static void add_changes(
	struct trace *t, const char *key, struct seen_fields *s, const struct fields *f)
{
	size_t at = t->text.n;
	buffer_addf(&t->text, ",\"%s\":{", key);
	bool any = add_names(t, CHANGE_ADDED, f->items, f->count, s->items, s->count, true);
	any |= add_names(t, CHANGE_REMOVED, s->items, s->count, f->items, f->count, !any);
	any |= add_names(t, CHANGE_CHANGED, f->items, f->count, s->items, s->count, !any);
	buffer_add_char(&t->text, '}');
	if (!any && !t->text.failed)
		t->text.n = at;
	trace_remember(s, f);
}

void trace_add_request_changes(struct trace *t, const struct http_request *r)
{
	add_changes(t, "requestHeaders", &t->request, &r->fields);
}

void trace_add_response_changes(struct trace *t, const struct http_response *r)
{
	if (r)
		add_changes(t, "responseHeaders", &t->response, &r->fields);
}
