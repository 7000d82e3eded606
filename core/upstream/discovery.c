/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/discovery.h"

#include "base/map.h"
#include "base/memory.h"
#include "net/targets.h"
#include "upstream/slots.h"
#include "upstream/upstream_priv.h"

#include <stdlib.h>

/* How soon those are looked for again that were in the way of a change: some turns of a loop. */
#define AGAIN_MS 10

/* One service. */
struct discovery {
	struct link link; /* in discoveries.list */
	struct discoveries *all;
	struct upstream *upstream;
	struct service *service; /* ref */
	bool is_wanted;
	struct resolver_query *query;  /* NULL: answered */
	struct targets_query *targets; /* likewise */
	struct timer timer;            /* to the next question, or to the rest of a change */
	unsigned count;
	struct slot_wish wishes[SLOTS_MAX];
	char texts[SLOTS_MAX][ADDRESS_TEXT_BYTES];
	int64_t fresh_until_ms; /* how long those count */
	bool is_half;           /* not all of them could be done */
};

struct discoveries {
	struct upstream *upstream; /* borrowed */
	struct link list;
	struct map by_service; /* struct discovery, by key_of */
};

_Static_assert(RESOLVER_ADDRESSES_MAX <= SLOTS_MAX && TARGETS_MAX <= SLOTS_MAX, "a wish for each");

static struct str name_of(const struct discovery *d)
{
	return d->service->options.host;
}

static void apply(struct discovery *d)
{
	struct loop *loop = d->upstream->loop;
	int64_t now_ms = loop_now_ms(loop);
	d->is_half = !slots_set(d->service, d->wishes, d->count, now_ms);
	int64_t ms = d->fresh_until_ms - now_ms;
	timer_start(loop, &d->timer, d->is_half && ms > AGAIN_MS ? AGAIN_MS : ms);
}

static void conclude(struct discovery *d, enum rc rc, size_t count, int fresh_ms)
{
	struct loop *loop = d->upstream->loop;
	d->fresh_until_ms = loop_now_ms(loop) + fresh_ms;
	d->count = (unsigned)count;
	if (rc == RC_OK) {
		apply(d);
		return;
	}
	d->is_half = false;
	slots_forget(d->service);
	timer_start(loop, &d->timer, fresh_ms);
}

static void on_answer(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct discovery *d = owner;
	d->query = NULL;
	if (rc == RC_CLOSED)
		return;
	for (unsigned i = 0; i < count; i++)
		d->wishes[i] = (struct slot_wish){
			.ip = address_ip_text(&addresses[i], d->texts[i]),
			.port = d->service->options.port,
			.weight = 1,
		};
	conclude(d, rc, count, resolver_fresh_ms(d->upstream->resolver, name_of(d)));
}

static void on_targets(
	void *owner, enum rc rc, const struct target *all, size_t count, int fresh_ms)
{
	struct discovery *d = owner;
	d->targets = NULL;
	if (rc == RC_CLOSED)
		return;
	for (unsigned i = 0; i < count; i++)
		d->wishes[i] = (struct slot_wish){
			.ip = address_ip_text(&all[i].address, d->texts[i]),
			.port = address_port(&all[i].address),
			.weight = all[i].weight,
			.priority = all[i].priority,
		};
	conclude(d, rc, count, fresh_ms);
}

static void ask(struct discovery *d)
{
	struct resolver *r = d->upstream->resolver;
	struct str records = d->service->options.records;
	struct resolver_query *query = NULL;
	struct targets_query *targets = NULL;
	if (records.n > 0)
		targets_ask(r, records, on_targets, d, &targets);
	else
		resolver_ask(r, name_of(d), on_answer, d, &query);
	d->query = query;
	d->targets = targets;
}

static void on_timer(struct timer *t)
{
	struct discovery *d = CONTAINER_OF(t, struct discovery, timer);
	/* What is in the way may last for hours, and the name is another one's by then. */
	if (d->is_half && loop_now_ms(d->upstream->loop) < d->fresh_until_ms)
		apply(d);
	else
		ask(d);
}

/* --- services -------------------------------------------------------------------------------- */

/* Where it is: a discovery keeps its service, so that no other one can be there. */
static struct str key_of(struct service *const *s)
{
	return str_n((const char *)s, sizeof(*s));
}

static void add(struct discoveries *all, struct service *s)
{
	struct discovery *d = heap_zalloc(sizeof(*d));
	d->all = all;
	d->upstream = all->upstream;
	d->service = service_ref(s);
	map_put(&all->by_service, key_of(&d->service), d);
	d->is_wanted = true;
	timer_init(&d->timer, on_timer);
	list_append(&all->list, &d->link);
	ask(d);
}

static void stop(struct discovery *d)
{
	if (d->query)
		resolver_cancel(d->query);
	if (d->targets)
		targets_cancel(d->targets);
	timer_stop(&d->timer);
	list_remove(&d->link);
	map_remove(&d->all->by_service, key_of(&d->service));
	service_unref(d->service);
	free(d);
}

/* Other name servers may know better; else this costs nothing. */
static void look_again(struct discovery *d)
{
	d->is_wanted = true;
	if (!d->query && !d->targets)
		timer_start(d->upstream->loop, &d->timer, AGAIN_MS);
}

void discoveries_set(struct discoveries *all, struct service *const *services, size_t count)
{
	LIST_FOREACH(l, &all->list)
	CONTAINER_OF(l, struct discovery, link)->is_wanted = false;
	for (size_t i = 0; i < count; i++) {
		if (!services[i]->options.finds_endpoints)
			continue;
		struct discovery *d = map_get(&all->by_service, key_of(&services[i]));
		if (d)
			look_again(d);
		else
			add(all, services[i]);
	}
	LIST_FOREACH_SAFE(l, &all->list)
	if (!CONTAINER_OF(l, struct discovery, link)->is_wanted)
		stop(CONTAINER_OF(l, struct discovery, link));
}

struct discoveries *discoveries_new(struct upstream *u)
{
	struct discoveries *all = heap_zalloc(sizeof(*all));
	all->upstream = u;
	list_init(&all->list);
	map_init(&all->by_service);
	return all;
}

void discoveries_free(struct discoveries *all)
{
	discoveries_set(all, NULL, 0);
	map_deinit(&all->by_service);
	free(all);
}
