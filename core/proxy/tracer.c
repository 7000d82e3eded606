/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/tracer.h"

#include "base/memory.h"

#include <stdlib.h>

struct tracer *tracer_new(const struct trace_filter *filter, unsigned count, struct loop *main_loop,
	void (*deliver)(void *story), void *owner)
{
	struct tracer *t = heap_zalloc(sizeof(*t));
	t->filter = *filter;
	t->main_loop = main_loop;
	t->deliver = deliver;
	t->owner = owner;
	atomic_init(&t->refs, 1);
	atomic_init(&t->left, (int)count);
	return t;
}

struct tracer *tracer_ref(struct tracer *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void trace_filter_deinit(struct trace_filter *f)
{
	free(f->api);
	regex_free(f->path);
	cidr_set_deinit(&f->clients);
	free(f->header);
	free(f->value);
}

void tracer_unref(struct tracer *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	trace_filter_deinit(&t->filter);
	free(t);
}

bool trace_filter_means(const struct trace_filter *f, struct str api)
{
	if (!f->api || str_eq(str_of(f->api), api))
		return true;
	struct str name = api;
	str_cut(&name, '/');
	return name.p && str_eq(str_of(f->api), name);
}

static bool miss(struct tracer *t)
{
	atomic_fetch_add(&t->missed, 1);
	return false;
}

/* Workers may begin a new second twice; a few stories more do no harm. */
static bool is_too_fast(struct tracer *t, int64_t now_ms)
{
	int64_t second = now_ms / 1000;
	if (atomic_exchange(&t->second, second) != second)
		atomic_store(&t->in_second, 0);
	return atomic_fetch_add(&t->in_second, 1) >= TRACE_PER_SECOND;
}

bool tracer_admit(struct tracer *t, int64_t now_ms)
{
	if (atomic_load(&t->left) <= 0)
		return false;
	if (is_too_fast(t, now_ms))
		return miss(t);
	if (atomic_fetch_add(&t->active, 1) >= TRACE_ACTIVE_MAX) {
		atomic_fetch_sub(&t->active, 1);
		return miss(t);
	}
	if (atomic_fetch_sub(&t->left, 1) > 0)
		return true;
	atomic_fetch_sub(&t->active, 1);
	return false;
}

void tracer_leave(struct tracer *t)
{
	atomic_fetch_sub(&t->active, 1);
}
