/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/slots.h"

#include "observe/log.h"
#include "upstream/upstream_priv.h"

#include <stdlib.h>

static void tell(const struct service *s, struct str name, const char *text)
{
	struct log_field fields[] = {{"service", s->options.name}, {"endpoint", name}};
	log_write_fields(LOG_INFO, str_of(text), fields, ARRAY_COUNT(fields));
}

/* E3: whoever enters after this finds absent what was made so before. */
static bool is_quiet(const struct balancer *b)
{
	for (unsigned i = 0; i < BALANCER_READERS; i++)
		if (atomic_load(&b->guards[i].is_inside))
			return false;
	return true;
}

static void leave(struct service *s, struct endpoint *e)
{
	struct balancer *b = s->balancer;
	if (!endpoint_is_present(e))
		return;
	atomic_store(&e->is_absent, true);
	atomic_fetch_sub(&b->present, 1);
	atomic_store(&e->service->is_dropped, true);
	if (atomic_exchange(&e->is_unhealthy, false))
		atomic_fetch_sub(&b->unhealthy, 1);
	tell(s, e->name, "an address of the service is gone");
}

static void come(struct service *s, struct endpoint *e, const struct slot_wish *w, int64_t now_ms)
{
	bool is_late = balancer_is_known(s->balancer);
	e->weight = w->weight;
	e->priority = w->priority;
	atomic_store(&e->well_since_ms, is_late ? now_ms : 0);
	atomic_store(&e->service->is_dropped, false);
	atomic_fetch_add(&s->balancer->present, 1);
	atomic_store(&e->is_absent, false);
	if (is_late)
		tell(s, e->name, "the service has another address");
}

static bool is_meant(const struct endpoint *e, const struct slot_wish *w)
{
	const struct service *s = e->service;
	return s && str_eq(s->options.at, w->ip) && s->options.port == w->port;
}

static struct endpoint *find(struct balancer *b, const struct slot_wish *w)
{
	for (unsigned i = 0; i < b->count; i++)
		if (is_meant(&b->endpoints[i], w))
			return &b->endpoints[i];
	return NULL;
}

/* One that was never filled, else one that nobody uses any more: nobody is inside who may still take it,
 * and then nobody who has seen it in use, as a report does. */
static struct endpoint *find_free(struct balancer *b)
{
	for (unsigned i = 0; i < b->count; i++)
		if (!b->endpoints[i].service)
			return &b->endpoints[i];
	if (!is_quiet(b))
		return NULL;
	for (unsigned i = 0; i < b->count; i++) {
		struct endpoint *e = &b->endpoints[i];
		if (!endpoint_is_present(e) && atomic_load(&e->active) == 0)
			return is_quiet(b) ? e : NULL;
	}
	return NULL;
}

static void fill(struct service *s, struct endpoint *e, const struct slot_wish *w)
{
	struct str key = s->options.balancing.sticky.key;
	if (e->service)
		service_let_go_found(e->service);
	free((char *)e->name.p);
	e->service = service_new_found(s, w->ip, w->port, &e->name);
	sticky_token(key, e->name, e->token);
	atomic_store(&e->requests, 0);
	atomic_store(&e->failures, 0);
	shared_text_set(&e->why, STR_EMPTY);
	atomic_store(&e->outlier.failures, 0);
	atomic_store(&e->outlier.ejections, 0);
	atomic_store(&e->outlier.ejected_until_ms, 0);
}

static bool is_wanted(const struct endpoint *e, const struct slot_wish *all, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (is_meant(e, &all[i]))
			return true;
	return false;
}

/* Whether it is there. */
static bool place(struct service *s, const struct slot_wish *w, int64_t now_ms, bool *has_changed)
{
	struct endpoint *e = find(s->balancer, w);
	if (e && endpoint_is_present(e)) {
		*has_changed |= e->weight != w->weight;
		e->weight = w->weight;
		e->priority = w->priority;
		return true;
	}
	if (!e) {
		e = find_free(s->balancer);
		if (!e)
			return false;
		fill(s, e, w);
	}
	come(s, e, w, now_ms);
	*has_changed = true;
	return true;
}

/* Whether nobody can look at the former ring any more. */
static bool let_go_of_ring(struct balancer *b)
{
	if (b->former_ring && !is_quiet(b))
		return false;
	ring_free(b->former_ring);
	b->former_ring = NULL;
	return true;
}

static bool has_priorities(const struct slot_wish *all, unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		if (all[i].priority != all[0].priority)
			return true;
	return false;
}

/* L3: behind whoever comes; and the last one that is there waits until another has found room. */
static bool let_leave(
	struct service *s, const struct slot_wish *all, unsigned count, bool *has_changed)
{
	struct balancer *b = s->balancer;
	for (unsigned i = 0; i < b->count; i++) {
		struct endpoint *e = &b->endpoints[i];
		if (!endpoint_is_present(e) || is_wanted(e, all, count))
			continue;
		if (count > 0 && balancer_size(b) == 1)
			return false;
		leave(s, e);
		*has_changed = true;
	}
	return true;
}

bool slots_set(struct service *s, const struct slot_wish *all, unsigned count, int64_t now_ms)
{
	struct balancer *b = s->balancer;
	bool has_changed = false, is_done = true;
	if (!let_go_of_ring(b))
		return false;
	if (count > SLOTS_MAX)
		count = SLOTS_MAX;
	atomic_store(&b->has_priorities, has_priorities(all, count));
	for (unsigned i = 0; i < count; i++)
		is_done &= place(s, &all[i], now_ms, &has_changed);
	if (count == 0 || is_quiet(b))
		is_done &= let_leave(s, all, count, &has_changed);
	else
		is_done = false;
	if (has_changed)
		service_make_ring(b);
	atomic_store(&b->is_known, true);
	return let_go_of_ring(b) && is_done;
}

void slots_forget(struct service *s)
{
	for (unsigned i = 0; i < s->balancer->count; i++)
		leave(s, &s->balancer->endpoints[i]);
	atomic_store(&s->balancer->is_known, false);
}
