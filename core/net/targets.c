/* SPDX-License-Identifier: Apache-2.0 */
#include "net/targets.h"

#include "base/memory.h"
#include "net/address_choice.h"

#include <stdio.h>
#include <stdlib.h>

#define ADDRESSES_EACH_MAX 8

/* One record's target. */
struct lookup {
	struct targets_query *query;
	struct resolver_query *asked; /* NULL: answered */
	struct srv_record record;
	enum rc rc;
	size_t count;
	struct address addresses[ADDRESSES_EACH_MAX];
};

struct targets_query {
	struct resolver *resolver;
	struct str name; /* owned */
	targets_fn *fn;
	void *owner;
	struct resolver_query *asked; /* for the records; NULL: answered */
	enum rc rc;                   /* of the records */
	unsigned open;                /* questions, and whoever still asks them */
	size_t count;
	struct lookup *lookups; /* owned */
};

static void query_free(struct targets_query *q)
{
	free((char *)q->name.p);
	free(q->lookups);
	free(q);
}

/* Absolute, whatever the machine's search list is. */
static struct str name_of(const struct lookup *l, char out[SRV_TARGET_BYTES + 1])
{
	return str_n(out, (size_t)snprintf(out, SRV_TARGET_BYTES + 1, "%s.", l->record.target));
}

/* --- the answer ------------------------------------------------------------------------------ */

static unsigned weight_of(const struct targets_query *q, const struct lookup *l)
{
	unsigned most = 1;
	for (size_t i = 0; i < q->count; i++) {
		const struct srv_record *r = &q->lookups[i].record;
		if (r->priority == l->record.priority && r->weight > most)
			most = r->weight;
	}
	unsigned weight = (unsigned)(l->record.weight * TARGET_WEIGHT_MAX / most / l->count);
	return weight > 0 ? weight : 1;
}

static bool is_among(const struct target *all, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_eq(&all[i].address, a))
			return true;
	return false;
}

static size_t add(
	struct target *all, size_t count, const struct targets_query *q, const struct lookup *l)
{
	for (size_t i = 0; i < l->count && count < TARGETS_MAX; i++)
		if (!is_among(all, count, &l->addresses[i]))
			all[count++] = (struct target){
				l->addresses[i], l->record.priority, weight_of(q, l)};
	return count;
}

/* Else those beyond TARGETS_MAX would be others each time that a name server rotates them. */
static int compare(const void *a, const void *b)
{
	const struct lookup *x = a, *y = b;
	return srv_record_compare(&x->record, &y->record);
}

static int when_to_ask(const struct targets_query *q)
{
	char name[SRV_TARGET_BYTES + 1];
	int ms = resolver_records_fresh_ms(q->resolver, q->name);
	for (size_t i = 0; i < q->count; i++) {
		int own_ms = resolver_fresh_ms(q->resolver, name_of(&q->lookups[i], name));
		ms = own_ms < ms ? own_ms : ms;
	}
	return ms;
}

static void conclude(struct targets_query *q)
{
	struct target all[TARGETS_MAX];
	size_t count = 0;
	enum rc rc = q->rc;
	qsort(q->lookups, q->count, sizeof(*q->lookups), compare);
	for (size_t i = 0; i < q->count; i++) {
		count = add(all, count, q, &q->lookups[i]);
		rc = q->lookups[i].rc != RC_OK ? q->lookups[i].rc : rc;
	}
	/* What a resolver that ends still knew is nobody's business any more. */
	int fresh_ms = rc == RC_CLOSED ? 0 : when_to_ask(q);
	rc = count > 0 && rc != RC_CLOSED ? RC_OK : rc;
	targets_fn *fn = q->fn;
	void *owner = q->owner;
	query_free(q);
	fn(owner, rc, all, rc == RC_OK ? count : 0, fresh_ms);
}

/* --- questions ------------------------------------------------------------------------------- */

static void leave(struct targets_query *q)
{
	if (--q->open == 0)
		conclude(q);
}

static void on_addresses(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct lookup *l = owner;
	l->asked = NULL;
	l->rc = rc;
	for (size_t i = 0; i < count; i++)
		l->count = address_choice_add(
			l->addresses, l->count, ADDRESSES_EACH_MAX, &addresses[i]);
	for (size_t i = 0; i < l->count; i++)
		address_set_port(&l->addresses[i], l->record.port);
	leave(l->query);
}

/* Whoever called holds `q` open. */
static void look_up(struct targets_query *q, struct lookup *l)
{
	char name[SRV_TARGET_BYTES + 1];
	struct resolver_query *asked;
	l->query = q;
	q->open++;
	resolver_ask(q->resolver, name_of(l, name), on_addresses, l, &asked);
	l->asked = asked;
}

static void on_records(void *owner, enum rc rc, const struct srv_records *records)
{
	struct targets_query *q = owner;
	q->asked = NULL;
	q->rc = rc;
	q->count = records ? records->count : 0;
	q->lookups = heap_zalloc((q->count + 1) * sizeof(*q->lookups));
	for (size_t i = 0; i < q->count; i++)
		q->lookups[i].record = records->all[i];
	for (size_t i = 0; i < q->count; i++)
		look_up(q, &q->lookups[i]);
	leave(q);
}

void targets_ask(struct resolver *r, struct str name, targets_fn *fn, void *owner,
	struct targets_query **query)
{
	struct targets_query *q = heap_zalloc(sizeof(*q));
	struct resolver_query *asked;
	q->resolver = r;
	q->name = str_n(heap_strndup(name), name.n);
	q->fn = fn;
	q->owner = owner;
	q->open = 2;
	resolver_ask_records(r, name, on_records, q, &asked);
	q->asked = asked;
	*query = q->open > 1 ? q : NULL;
	leave(q);
}

void targets_cancel(struct targets_query *q)
{
	if (q->asked)
		resolver_cancel(q->asked);
	for (size_t i = 0; i < q->count; i++)
		if (q->lookups[i].asked)
			resolver_cancel(q->lookups[i].asked);
	query_free(q);
}
