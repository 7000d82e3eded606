/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to an upstream until it is open: then a version of HTTP takes it over. */
#include "connection/client_priv.h"

#include "base/check.h"
#include "connection/way_out.h"

void client_close(struct http_client *c, enum stream_close_how how)
{
	c->is_closing = true;
	if (c->stream)
		stream_close(c->stream, how);
}

void client_finish(struct http_client *c, enum rc rc, const char *text)
{
	c->events->on_closed(c->owner, c, rc, text);
	pool_put(loop_pool(c->loop), c, sizeof(*c));
}

static void on_finish(struct task *t)
{
	client_finish(CONTAINER_OF(t, struct http_client, closed), RC_OK, "");
}

void client_finish_later(struct http_client *c)
{
	loop_defer(c->loop, &c->closed);
}

/* --- until it is open ------------------------------------------------------------------------ */

/* NULL: the peer did not choose what it has to speak. */
static const struct client_version *choose(const struct http_client *c)
{
	bool has_chosen = str_eq(stream_tls_alpn(c->stream), STR("h2"));
	if (c->protocol == HTTP_CLIENT_2)
		return c->is_plain || has_chosen ? &h2_client : NULL;
	return c->protocol == HTTP_CLIENT_ALPN && has_chosen ? &h2_client : &h1_client;
}

static void on_open(struct stream *stream)
{
	struct http_client *c = stream_owner(stream);
	c->version = choose(c);
	if (!c->version) {
		c->is_unsuited = true;
		client_close(c, STREAM_CLOSE_END);
		return;
	}
	stream_set_events(stream, c->version->stream_events, c);
	c->version->start(c);
}

static void on_close(struct stream *stream, enum rc rc)
{
	struct http_client *c = stream_owner(stream);
	c->stream = NULL;
	if (c->is_unsuited)
		client_finish(c, RC_UNSUPPORTED, "the upstream did not choose HTTP/2 by ALPN");
	else
		client_finish(c, rc, stream_error_text(stream));
}

static const struct stream_events dial_events = {
	.on_open = on_open,
	.on_close = on_close,
};

struct http_client *http_client_dial(struct stream_group *group,
	const struct http_client_target *target, const struct http_client_events *events,
	void *owner)
{
	struct loop *loop = stream_group_loop(group);
	struct http_client *c = pool_get(loop_pool(loop), sizeof(*c));
	*c = (struct http_client){
		.loop = loop,
		.events = events,
		.owner = owner,
		.protocol = target->protocol,
		.connect_timeout_ms = target->connect_timeout_ms,
		.http2 = target->http2,
		.proxy = target->proxy,
		.is_plain = target->tls == NULL,
	};
	list_init(&c->link);
	task_init(&c->closed, on_finish);
	if (UNLIKELY(way_out_is_needed(target))) {
		c->stream = way_out_dial(group, target, &dial_events, c);
		return c;
	}
	c->stream = stream_dial(group, &target->address, target->connect_timeout_ms, target->tls,
		target->server_name, &dial_events, c);
	return c;
}

/* --- from above ------------------------------------------------------------------------------ */

unsigned http_client_capacity(const struct http_client *c)
{
	return c->version && !c->is_closing ? c->version->capacity(c) : 0;
}

struct http_stream *http_client_open(struct http_client *c, struct arena *arena,
	const struct message_limits *limits, const struct http_stream_events *events, void *owner)
{
	CHECK(http_client_capacity(c) > 0);
	struct http_stream *s = c->version->open(c, arena, limits, events, owner);
	c->was_used = true;
	return s;
}

bool http_client_is_shut(const struct http_client *c)
{
	return c->version && !c->is_closing && c->version->is_shut && c->version->is_shut(c);
}

bool http_client_is_idle(const struct http_client *c)
{
	return !c->version || c->version->is_idle(c);
}

bool http_client_is_multiplexed(const struct http_client *c)
{
	return c->version && c->version->is_multiplexed;
}

bool http_client_was_used(const struct http_client *c)
{
	return c->was_used;
}

void http_client_close(struct http_client *c)
{
	client_close(c, STREAM_CLOSE_NOW);
}

struct link *http_client_link(struct http_client *c)
{
	return &c->link;
}

struct http_client *http_client_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct http_client, link);
}
