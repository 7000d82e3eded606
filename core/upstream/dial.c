/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to connect: the name's addresses, each once, beginning where the one before left off,
 * the families in turn (RFC 8305). One that stays silent for a moment gets the next one beside it;
 * who is open first wins, and the others are closed.
 *
 * An address that refuses costs nothing, so all of them are tried; after twice the connect timeout
 * no further one is. A family that won over another goes first the next time. */
#include "upstream/upstream_priv.h"

#include "base/limits.h"
#include "base/memory.h"
#include "net/proxy_protocol.h"
#include "net/targets.h"

#include <stdio.h>
#include <stdlib.h>

static const struct http_client_events client_events;

static const struct service_options *options_of(const struct pooled *c)
{
	return &c->pool->service->options;
}

static bool shakes_hands(const struct pooled *c)
{
	return options_of(c)->tls || options_of(c)->via_tls;
}

/* The others, when one has won or nobody waits any more. Their clients are closed at the end of the
 * turn, and may outlive the pool. */
static void close_racers(struct dial *d)
{
	struct link *l;
	while ((l = list_pop(&d->racers))) {
		struct racer *r = CONTAINER_OF(l, struct racer, link);
		r->place = NULL;
		r->upstream->losers++;
		http_client_close(r->client);
	}
}

static void free_dial(struct pooled *c)
{
	struct dial *d = c->dial;
	c->dial = NULL;
	if (d->query)
		resolver_cancel(d->query);
	if (d->targets)
		targets_cancel(d->targets);
	close_racers(d);
	timer_stop(&d->next);
	task_cancel(&d->failed);
	free(d->addresses);
	free(d);
}

void dial_abandon(struct pooled *c)
{
	free_dial(c);
	c->pool->dials--;
	pool_closed(c);
}

/* --- the outcome ----------------------------------------------------------------------------- */

/* Not from inside upstream_open: whoever asks again at once must not recurse. */
static void fail_later(struct pooled *c, enum rc rc)
{
	c->dial->rc = rc;
	loop_ready(c->pool->upstream->loop, &c->dial->failed);
}

static void fail(struct pooled *c)
{
	char text[sizeof(c->dial->text)];
	enum rc rc = c->dial->rc;
	memcpy(text, c->dial->text, sizeof(text));
	free_dial(c);
	pool_dial_failed(c, rc, text);
}

static void on_failed(struct task *t)
{
	fail(CONTAINER_OF(t, struct dial, failed)->place);
}

/* --- addresses ------------------------------------------------------------------------------- */

static int64_t next_address_ms(const struct pooled *c)
{
	return shakes_hands(c) ? LIMIT_NEXT_ADDRESS_TLS_MS : LIMIT_NEXT_ADDRESS_MS;
}

static void connect_to_next(struct pooled *c)
{
	struct dial *d = c->dial;
	struct upstream *u = c->pool->upstream;
	const struct service_options *o = options_of(c);
	struct racer *r = heap_zalloc(sizeof(*r));
	char header[PROXY_HEADER_WRITTEN_BYTES];
	size_t header_n = 0;
	if (o->proxy_header)
		header_n = proxy_header_write(
			o->proxy_header, &c->pool->client, &c->pool->local, header);
	*r = (struct racer){.place = c, .upstream = u, .address = d->addresses[d->tried++]};
	struct http_client_target target = {
		.address = r->address,
		.tls = o->via_absolute ? o->via_tls : o->tls,
		.server_name = o->via_absolute ? o->via_host : o->host,
		.connect_timeout_ms = o->connect_timeout_ms,
		.preamble = str_n(header, header_n),
		.connect = c->pool->service->connect,
		.proxy_tls = o->via_tls,
		.proxy_name = o->via_host,
		.proxy = c->proxied ? &c->proxied->proxy : NULL,
		.protocol = o->protocol,
		.http2 = o->http2,
	};
	list_append(&d->racers, &r->link);
	r->client = http_client_dial(u->group, &target, &client_events, r);
	if (d->tried < d->count)
		timer_start(u->loop, &d->next, next_address_ms(c));
}

static bool may_try_next(const struct pooled *c)
{
	const struct dial *d = c->dial;
	int64_t spent_ms = loop_now_ms(c->pool->upstream->loop) - d->started_ms;
	return d->tried < d->count && spent_ms < 2 * (int64_t)options_of(c)->connect_timeout_ms;
}

static void on_next(struct timer *t)
{
	struct pooled *c = CONTAINER_OF(t, struct dial, next)->place;
	if (may_try_next(c))
		connect_to_next(c);
}

static int family_of(const struct address *a)
{
	return a->u.sa.sa_family;
}

/* Where to begin: in turn, with the family that is known to be reached where one is. */
static size_t first_address(struct upstream_pool *p, const struct address *all, size_t count)
{
	size_t first = p->next_address++ % count;
	for (size_t i = 0; p->family && i < count; i++)
		if (family_of(&all[(first + i) % count]) == p->family)
			return (first + i) % count;
	return first;
}

/* The next one from `at` on, around the list, that is not taken; of that family unless it is 0. */
static size_t find_untaken(
	const struct address *all, size_t count, size_t at, uint64_t taken, int family)
{
	for (size_t i = 0; i < count; i++) {
		size_t k = (at + i) % count;
		if (!(taken >> k & 1) && (!family || family_of(&all[k]) == family))
			return k;
	}
	return count;
}

_Static_assert(RESOLVER_ADDRESSES_MAX <= 64, "a bit for each");

/* From `first` on, the families in turn for as long as there are two. */
static void put_in_order(struct address *to, const struct address *all, size_t count, size_t first)
{
	uint64_t taken = 0;
	int other = 0;
	for (size_t n = 0; n < count; n++) {
		size_t k = find_untaken(all, count, first, taken, other);
		if (k == count)
			k = find_untaken(all, count, first, taken, 0);
		to[n] = all[k];
		taken |= (uint64_t)1 << k;
		other = family_of(&all[k]) == AF_INET ? AF_INET6 : AF_INET;
	}
}

static void take_addresses(struct pooled *c, const struct address *addresses, size_t count)
{
	struct dial *d = c->dial;
	const struct service_options *o = options_of(c);
	uint16_t port = o->via_host.n > 0 ? o->via_port : o->port;
	size_t first = first_address(c->pool, addresses, count);
	d->addresses = heap_alloc(count * sizeof(struct address));
	put_in_order(d->addresses, addresses, count, first);
	for (size_t i = 0; i < count; i++)
		address_set_port(&d->addresses[i], port);
	d->count = count;
	connect_to_next(c);
}

/* Whose address is dialled. */
static struct str name_to_ask(const struct service_options *o)
{
	if (o->via_host.n > 0)
		return o->via_host;
	return o->at.n > 0 ? o->at : o->host;
}

static void fail_unresolved(struct pooled *c, struct str name, const char *why)
{
	snprintf(c->dial->text, sizeof(c->dial->text), "the name %.*s could not be resolved: %s",
		STR_ARG(name), why);
	fail_later(c, RC_NOT_FOUND);
}

static void on_resolved(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct pooled *c = owner;
	c->dial->query = NULL;
	if (rc == RC_OK)
		take_addresses(c, addresses, count);
	else
		fail_unresolved(c, name_to_ask(options_of(c)), rc_name(rc));
}

/* In their order: the lowest priority first. */
static void on_targets(
	void *owner, enum rc rc, const struct target *all, size_t count, int fresh_ms)
{
	struct pooled *c = owner;
	struct dial *d = c->dial;
	d->targets = NULL;
	if (rc != RC_OK) {
		fail_unresolved(c, options_of(c)->records, rc_name(rc));
		return;
	}
	d->addresses = heap_alloc(count * sizeof(struct address));
	for (size_t i = 0; i < count; i++)
		d->addresses[i] = all[i].address;
	d->count = count;
	connect_to_next(c);
}

/* Of a service whose endpoints are not known yet. A forward proxy would have to be told where, and
 * cannot be. */
static void find_targets(struct pooled *c)
{
	struct str records = options_of(c)->records;
	struct targets_query *targets;
	if (options_of(c)->via_host.n > 0) {
		fail_unresolved(c, records, "it has no answer yet");
		return;
	}
	targets_ask(c->pool->upstream->resolver, records, on_targets, c, &targets);
	c->dial->targets = targets;
}

static void find_address(struct pooled *c)
{
	const struct service_options *o = options_of(c);
	struct dial *d = c->dial;
	struct address socket;
	struct resolver_query *query;
	if (o->records.n > 0 && o->at.n == 0) {
		find_targets(c);
	} else if (o->unix_path.n == 0) {
		resolver_ask(c->pool->upstream->resolver, name_to_ask(o), on_resolved, c, &query);
		d->query = query;
	} else if (address_from_path(o->unix_path, &socket) == RC_OK) {
		take_addresses(c, &socket, 1);
	} else {
		snprintf(d->text, sizeof(d->text), "the path of the UNIX socket is too long");
		fail_later(c, RC_NOT_FOUND);
	}
}

void dial_begin(struct pooled *c)
{
	struct dial *d = heap_zalloc(sizeof(*d));
	d->place = c;
	d->started_ms = loop_now_ms(c->pool->upstream->loop);
	d->started_us = loop_now_us(c->pool->upstream->loop);
	task_init(&d->failed, on_failed);
	timer_init(&d->next, on_next);
	list_init(&d->racers);
	c->dial = d;
	find_address(c);
}

/* --- events ---------------------------------------------------------------------------------- */

static void count_connect(const struct pooled *c)
{
	const struct service_row *row = pool_row(c->pool);
	if (!row)
		return;
	int64_t took_us = loop_now_us(c->pool->upstream->loop) - c->dial->started_us;
	metric_add(row->connects, 1);
	metric_observe(row->connect_time, (uint64_t)took_us);
}

static void on_open(void *owner, struct http_client *client)
{
	struct racer *r = owner;
	struct pooled *c = r->place;
	list_remove(&r->link);
	c->client = client;
	for (size_t i = 0; i < c->dial->tried; i++)
		if (family_of(&c->dial->addresses[i]) != family_of(&r->address))
			c->pool->family = family_of(&r->address);
	count_connect(c);
	free_dial(c);
	pool_connected(c);
}

static void on_idle(void *owner, struct http_client *client)
{
	pool_offer(((struct racer *)owner)->place);
}

/* A peer that hangs up before the connection is usable either spoke no TLS or wanted none of us. */
static enum rc rc_of(const struct pooled *c, enum rc rc)
{
	if (rc != RC_CLOSED)
		return rc;
	return shakes_hands(c) ? RC_INVALID : RC_IO;
}

/* Another address can be better only where no connection came about. */
static void on_never_open(struct pooled *c, const struct address *at, enum rc rc, const char *text)
{
	struct dial *d = c->dial;
	char address[ADDRESS_TEXT_BYTES];
	struct str shown = address_text(at, address);
	d->rc = rc_of(c, rc);
	snprintf(d->text, sizeof(d->text), "%.*s: %s", STR_ARG(shown), text);
	if (rc != RC_INVALID && may_try_next(c))
		connect_to_next(c);
	else if (list_is_empty(&d->racers))
		fail(c);
}

static void on_closed(void *owner, struct http_client *client, enum rc rc, const char *text)
{
	struct racer racer = *(struct racer *)owner;
	struct racer *r = owner;
	list_remove(&r->link);
	free(r);
	if (!racer.place)
		racer.upstream->losers--;
	else if (racer.place->dial)
		on_never_open(racer.place, &racer.address, rc, text);
	else
		pool_closed(racer.place);
}

static const struct http_client_events client_events = {
	.on_open = on_open,
	.on_idle = on_idle,
	.on_closed = on_closed,
};
