/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to connect: the name's addresses, each once, beginning where the one before left off.
 *
 * An address that refuses costs nothing, so all of them are tried; one that stays silent costs the
 * connect timeout, so after twice that the attempt is over. */
#include "upstream/upstream_priv.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

static const struct http_client_events client_events;

static const struct service_options *options_of(const struct pooled *c)
{
	return &c->pool->service->options;
}

static void free_dial(struct pooled *c)
{
	struct dial *d = c->dial;
	c->dial = NULL;
	if (d->query)
		resolver_cancel(d->query);
	task_cancel(&d->failed);
	free(d->addresses);
	free(d);
}

void dial_abandon(struct pooled *c)
{
	free_dial(c);
	c->pool->dials--;
	if (c->client)
		http_client_close(c->client);
	else
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

static const struct address *address_at_hand(const struct dial *d)
{
	return &d->addresses[(d->first + d->tried) % d->count];
}

static void connect_to(struct pooled *c)
{
	struct dial *d = c->dial;
	const struct service_options *o = options_of(c);
	struct http_client_target target = {
		.address = *address_at_hand(d),
		.tls = o->tls,
		.server_name = o->host,
		.connect_timeout_ms = o->connect_timeout_ms,
		.protocol = o->protocol,
		.http2 = o->http2,
	};
	c->client = http_client_dial(c->pool->upstream->group, &target, &client_events, c);
}

static void take_addresses(struct pooled *c, const struct address *addresses, size_t count)
{
	struct dial *d = c->dial;
	uint16_t port = options_of(c)->port;
	d->addresses = heap_alloc(count * sizeof(struct address));
	memcpy(d->addresses, addresses, count * sizeof(struct address));
	for (size_t i = 0; i < count; i++)
		address_set_port(&d->addresses[i], port);
	d->count = count;
	d->first = c->pool->next_address++ % count;
	connect_to(c);
}

static void on_resolved(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct pooled *c = owner;
	struct dial *d = c->dial;
	const struct service_options *o = options_of(c);
	d->query = NULL;
	if (rc != RC_OK) {
		snprintf(d->text, sizeof(d->text), "the name %.*s could not be resolved: %s",
			STR_ARG(o->host), rc_name(rc));
		fail_later(c, RC_NOT_FOUND);
		return;
	}
	take_addresses(c, addresses, count);
}

static void find_address(struct pooled *c)
{
	const struct service_options *o = options_of(c);
	struct dial *d = c->dial;
	struct address socket;
	struct resolver_query *query;
	if (o->unix_path.n == 0) {
		resolver_ask(c->pool->upstream->resolver, o->host, on_resolved, c, &query);
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
	struct pooled *c = owner;
	count_connect(c);
	free_dial(c);
	pool_connected(c);
}

static void on_idle(void *owner, struct http_client *client)
{
	pool_offer(owner);
}

/* Another address can be better only where no connection came about. */
static bool may_try_next(const struct pooled *c, enum rc rc)
{
	const struct dial *d = c->dial;
	int64_t spent_ms = loop_now_ms(c->pool->upstream->loop) - d->started_ms;
	return rc != RC_INVALID && d->tried + 1 < d->count &&
	       spent_ms < 2 * (int64_t)options_of(c)->connect_timeout_ms;
}

/* A peer that hangs up before the connection is usable either spoke no TLS or wanted none of us. */
static enum rc rc_of(const struct pooled *c, enum rc rc)
{
	if (rc != RC_CLOSED)
		return rc;
	return options_of(c)->tls ? RC_INVALID : RC_IO;
}

static void on_never_open(struct pooled *c, enum rc rc, const char *text)
{
	struct dial *d = c->dial;
	if (may_try_next(c, rc)) {
		d->tried++;
		connect_to(c);
		return;
	}
	char address[ADDRESS_TEXT_BYTES];
	struct str at = address_text(address_at_hand(d), address);
	d->rc = rc_of(c, rc);
	snprintf(d->text, sizeof(d->text), "%.*s: %s", STR_ARG(at), text);
	fail(c);
}

static void on_closed(void *owner, struct http_client *client, enum rc rc, const char *text)
{
	struct pooled *c = owner;
	c->client = NULL;
	if (c->dial)
		on_never_open(c, rc, text);
	else
		pool_closed(c);
}

static const struct http_client_events client_events = {
	.on_open = on_open,
	.on_idle = on_idle,
	.on_closed = on_closed,
};
