/* SPDX-License-Identifier: Apache-2.0 */
/* Which version a client speaks: by ALPN, or in clear text by its first bytes (RFC 9113 3.3), which
 * no request of HTTP/1 has. Until that is known the connection is an idle one of HTTP/1. */
#include "connection/server.h"

#include "connection/h1_server.h"
#include "connection/server_priv.h"

static const char preface[EARLY_BYTES + 1] = "PRI * HTTP/2";

/* --- the end --------------------------------------------------------------------------------- */

void server_close(struct http_server *c, enum stream_close_how how)
{
	c->is_closing = true;
	timer_stop(&c->timer);
	if (c->stream)
		stream_close(c->stream, how);
}

enum stream_close_how server_eviction(const struct http_server *c)
{
	size_t outstanding;
	stream_taken(c->stream, &outstanding);
	return outstanding > 0 ? STREAM_CLOSE_FLUSH : STREAM_CLOSE_END;
}

void server_finish(struct http_server *c)
{
	timer_stop(&c->timer);
	c->events->on_closed(c->owner, c);
	pool_put(server_pool(c), c, sizeof(*c));
}

static void on_finish(struct task *t)
{
	server_finish(CONTAINER_OF(t, struct http_server, closed));
}

bool server_is_too_old(const struct http_server *c)
{
	int max_age_ms = c->options->max_age_ms;
	return max_age_ms > 0 && loop_now_ms(c->loop) - c->opened_ms >= max_age_ms;
}

/* --- the choice ------------------------------------------------------------------------------ */

/* With what was held back of its first bytes, which are the preface's. */
static void begin_h1(struct http_server *c)
{
	size_t held = c->early;
	c->early = 0;
	stream_set_events(c->stream, &h1_server_events, c);
	if (held > 0)
		h1_server_take(c, NULL, preface, held);
}

static void begin_h2(struct http_server *c)
{
	size_t held = c->early;
	c->early = 0;
	h2_server_begin(c);
	if (held > 0 && !c->is_closing)
		h2_server_take(c, NULL, preface, held);
}

/* How many of the bytes go on with the preface. */
static size_t preface_bytes(const struct http_server *c, const char *p, size_t n)
{
	size_t at = 0, most = EARLY_BYTES - c->early;
	while (at < n && at < most && p[at] == preface[c->early + at])
		at++;
	return at;
}

/* Its head has begun, whatever it is. */
static void hold(struct http_server *c, size_t n)
{
	if (c->early == 0)
		timer_start(c->loop, &c->timer, c->options->head_timeout_ms);
	c->early += (uint8_t)n;
}

static size_t on_data(struct stream *stream, struct block *block, const char *p, size_t n)
{
	struct http_server *c = stream_owner(stream);
	size_t same = preface_bytes(c, p, n);
	if (c->early + same == EARLY_BYTES) {
		begin_h2(c);
		return c->is_closing ? n : h2_server_take(c, block, p, n);
	}
	if (same == n) {
		hold(c, n);
		return n;
	}
	begin_h1(c);
	return c->is_closing ? n : h1_server_take(c, block, p, n);
}

static void on_open(struct stream *stream)
{
	struct http_server *c = stream_owner(stream);
	c->is_open = true;
	if (str_eq(stream_tls_alpn(stream), STR("h2")))
		begin_h2(c);
	else
		begin_h1(c);
}

static void on_end(struct stream *stream)
{
	begin_h1(stream_owner(stream));
	h1_server_events.on_end(stream);
}

static void on_close(struct stream *stream, enum rc rc)
{
	h1_server_events.on_close(stream, rc);
}

static const struct stream_events choosing_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_open = on_open,
	.on_close = on_close,
};

static void on_timer(struct timer *t)
{
	struct http_server *c = CONTAINER_OF(t, struct http_server, timer);
	if (c->early > 0)
		begin_h1(c);
	c->version->expire(c);
}

/* --- from above ------------------------------------------------------------------------------ */

struct http_server *http_server_new(struct stream_group *group, int fd, const struct address *peer,
	struct tls_context *tls, const struct http_server_options *options,
	const struct http_server_events *events, void *owner)
{
	struct loop *loop = stream_group_loop(group);
	struct http_server *c = pool_get(loop_pool(loop), sizeof(*c));
	*c = (struct http_server){
		.loop = loop,
		.version = &h1_server_version,
		.options = options,
		.events = events,
		.owner = owner,
		.is_open = tls == NULL,
		.opened_ms = loop_now_ms(loop),
		.idle_since_ms = loop_now_ms(loop),
	};
	list_init(&c->link);
	task_init(&c->closed, on_finish);
	timer_init(&c->timer, on_timer);
	bool chooses = tls || options->http2.enabled;
	c->stream = stream_accept(
		group, fd, peer, tls, chooses ? &choosing_events : &h1_server_events, c);
	timer_start(loop, &c->timer, options->keepalive_idle_ms);
	return c;
}

void http_server_drain(struct http_server *c, int linger_ms)
{
	c->is_draining = true;
	c->linger_ms = linger_ms;
	if (!c->is_closing)
		c->version->drain(c);
}

bool http_server_evict(struct http_server *c)
{
	if (c->is_closing || c->version->is_busy(c) || stream_has_input(c->stream))
		return false;
	c->version->evict(c);
	return true;
}

void http_server_abort(struct http_server *c)
{
	server_close(c, c->version->is_cut(c) ? STREAM_CLOSE_RESET : STREAM_CLOSE_NOW);
}

size_t http_server_tail(const struct http_server *c)
{
	return c->stream ? c->version->tail(c) : 0;
}

void http_server_cut_tail(struct http_server *c)
{
	if (c->stream && !c->is_closing)
		c->version->cut_tail(c);
}

int64_t http_server_idle_since_ms(const struct http_server *c)
{
	return c->is_closing || c->version->is_busy(c) ? -1 : c->idle_since_ms;
}

void http_server_set_tag(struct http_server *c, uint64_t tag)
{
	c->tag = tag;
}

uint64_t http_server_tag(const struct http_server *c)
{
	return c->tag;
}

const struct address *http_server_peer(const struct http_server *c)
{
	return c->stream ? stream_peer(c->stream) : NULL;
}

struct link *http_server_link(struct http_server *c)
{
	return &c->link;
}

struct http_server *http_server_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct http_server, link);
}
