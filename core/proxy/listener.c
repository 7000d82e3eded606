/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/listener.h"

#include "base/memory.h"
#include "connection/server.h"
#include "net/proxy_accept.h"
#include "observe/log.h"
#include "proxy/access_record.h"
#include "proxy/exchange.h"
#include "proxy/local_answer.h"
#include "proxy/shed.h"

#include <unistd.h>

/* How long an idle connection of a draining worker may still send one more request: longer than a
 * client's round trip, so that no keep-alive race is lost. */
#define DRAIN_LINGER_MS 2000

struct proxy_listener {
	struct link link; /* in worker->listeners */
	struct proxy_worker *worker;
	struct listener **sockets;                /* owned */
	unsigned socket_count;                    /* 0: it does not accept (yet, or any more) */
	const struct generation_listener *serves; /* borrowed; NULL once closed */
	char *key;                                /* owned */
	struct link connections;                  /* of struct http_server */
	struct link pending;                      /* of struct proxy_accept */
	uint64_t tls_identity;                    /* of what it serves */
	struct http_server_options options;
	struct message_limits message;   /* a copy: connections outlive their generation */
	struct admission_port *admitted; /* ref; NULL without admission */
	bool is_closed;
};

struct proxy_worker *proxy_listener_worker(const struct proxy_listener *l)
{
	return l->worker;
}

const struct generation_listener *proxy_listener_serves(const struct proxy_listener *l)
{
	return l->serves;
}

struct link *proxy_listener_connections(struct proxy_listener *l)
{
	return &l->connections;
}

struct str proxy_listener_key(const struct proxy_listener *l)
{
	return str_of(l->key);
}

struct link *proxy_listener_link(struct proxy_listener *l)
{
	return &l->link;
}

struct proxy_listener *proxy_listener_of_link(struct link *link)
{
	return CONTAINER_OF(link, struct proxy_listener, link);
}

static void free_if_unused(struct proxy_listener *l)
{
	if (!l->is_closed || !list_is_empty(&l->connections) || !list_is_empty(&l->pending))
		return;
	list_remove(&l->link);
	if (l->admitted)
		admission_port_unref(l->worker->admission, l->admitted);
	free(l->key);
	free(l);
}

static struct str error_body(
	void *owner, uint16_t status, const char *text, struct arena *arena, struct fields *fields)
{
	struct proxy_listener *l = owner;
	return local_answer_of_refusal(&l->worker->generation->edge, status, text, arena, fields);
}

static void on_request(void *owner, struct http_stream *s)
{
	exchange_begin(owner, s);
}

static void on_refused(
	void *owner, const struct http_stream *s, uint16_t status, const char *detail)
{
	struct proxy_listener *l = owner;
	access_record_refused(l->worker, s, status, detail);
}

static void on_handshake_failed(void *owner, const struct http_stream *s, const char *detail)
{
	struct proxy_listener *l = owner;
	access_record_handshake_failed(l->worker, s, detail);
}

static void on_goaway(
	void *owner, struct http_server *server, enum h2_ending why, const char *detail)
{
	struct proxy_listener *l = owner;
	char text[ADDRESS_TEXT_BYTES];
	const struct address *peer = http_server_peer(server);
	l->worker->goaway_counts[why]++;
	if (why == H2_ENDING_DRAINED || !log_is_on(LOG_INFO))
		return;
	log_write(LOG_INFO, "the HTTP/2 connection of %.*s was ended: %s: %s",
		STR_ARG(peer ? address_text(peer, text) : STR("a client")), h2_ending_text(why),
		detail);
}

static void on_refused_stream(void *owner)
{
	struct proxy_listener *l = owner;
	l->worker->refused_stream_count++;
}

static void leave(struct proxy_listener *l)
{
	if (l->admitted)
		admission_leave(l->worker->admission, l->admitted);
}

static void on_closed(void *owner, struct http_server *server)
{
	struct proxy_listener *l = owner;
	list_remove(http_server_link(server));
	l->worker->connections_active--;
	if (l->admitted)
		admission_leave_address(l->worker->admission, http_server_tag(server));
	leave(l);
	free_if_unused(l);
}

static const struct http_server_events server_events = {
	.on_request = on_request,
	.on_refused = on_refused,
	.on_handshake_failed = on_handshake_failed,
	.on_goaway = on_goaway,
	.on_refused_stream = on_refused_stream,
	.on_closed = on_closed,
};

/* The peer sees a reset at once, and nothing of it stays here. */
static void refuse(int fd)
{
	struct linger at_once = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* Idle connections make room before newcomers are refused. */
static bool admit(struct proxy_listener *l, int fd)
{
	struct proxy_worker *w = l->worker;
	if (!l->admitted)
		return true;
	unsigned excess = admission_excess(w->admission, fd);
	if (UNLIKELY(excess > 0))
		shed_idle(w, excess);
	return admission_enter(w->admission, l->admitted, fd) == ADMISSION_OK;
}

/* Nobody is told of who is behind these: they bring the connections of many. */
static bool is_proxy(const struct edge *edge, const struct address *client)
{
	return cidr_set_contains(&edge->proxies, client) ||
	       cidr_set_contains(&edge->proxy_protocol_from, client);
}

static bool admit_address(
	struct proxy_listener *l, const struct address *client, admission_ticket *ticket)
{
	struct proxy_worker *w = l->worker;
	if (!l->admitted || is_proxy(&w->generation->edge, client))
		return true;
	return admission_enter_address(w->admission, client, ticket) == ADMISSION_OK;
}

static void serve(struct proxy_listener *l, int fd, const struct address *peer)
{
	admission_ticket ticket = 0;
	if (!admit_address(l, peer, &ticket)) {
		leave(l);
		refuse(fd);
		return;
	}
	struct http_server *server = http_server_new(
		l->worker->group, fd, peer, l->serves->tls, &l->options, &server_events, l);
	list_append(&l->connections, http_server_link(server));
	http_server_set_tag(server, ticket);
	l->worker->connections_active++;
	l->worker->connection_count++;
	if (l->worker->is_draining)
		http_server_drain(server, DRAIN_LINGER_MS);
}

/* --- the PROXY protocol ---------------------------------------------------------------------- */

static void tell_refused(struct proxy_listener *l, const struct address *peer, const char *why)
{
	char text[ADDRESS_TEXT_BYTES];
	l->worker->proxy_refused_count++;
	if (log_is_on(LOG_DEBUG))
		log_write(LOG_DEBUG, "a connection from %.*s to %s was closed: %s",
			STR_ARG(address_text(peer, text)), l->key, why);
}

static const char *why_refused(enum rc rc)
{
	switch (rc) {
	case RC_TIMEOUT:
		return "its PROXY header did not come in time";
	case RC_INVALID:
		return "it does not begin with a PROXY header";
	default:
		return "it ended before its PROXY header";
	}
}

static void on_proxy_header(void *owner, enum rc rc, int fd, const struct address *client)
{
	struct proxy_listener *l = owner;
	l->worker->connections_active--;
	if (rc == RC_OK) {
		serve(l, fd, client);
	} else {
		leave(l);
		tell_refused(l, client, why_refused(rc));
	}
	free_if_unused(l);
}

/* Who is not to send a header might claim to be anybody by not sending one: nobody is served
 * without. */
static void expect_proxy_header(
	struct proxy_listener *l, const struct cidr_set *from, int fd, const struct address *peer)
{
	if (from->count > 0 && !cidr_set_contains(from, peer)) {
		leave(l);
		close(fd);
		tell_refused(l, peer, "it is none of the trusted proxies");
		return;
	}
	struct proxy_accept *a = proxy_accept_new(l->worker->loop, fd, peer, on_proxy_header, l);
	list_append(&l->pending, proxy_accept_link(a));
	l->worker->connections_active++;
}

static void drop_pending(struct proxy_listener *l)
{
	LIST_FOREACH_SAFE(link, &l->pending)
	{
		proxy_accept_free(proxy_accept_of_link(link));
		leave(l);
		l->worker->connections_active--;
	}
}

static void on_accept(void *owner, int fd, const struct address *peer)
{
	struct proxy_listener *l = owner;
	const struct edge *edge = &l->worker->generation->edge;
	if (!admit(l, fd)) {
		refuse(fd);
		return;
	}
	if (edge->has_proxy_protocol)
		expect_proxy_header(l, &edge->proxy_protocol_from, fd, peer);
	else
		serve(l, fd, peer);
}

/* --------------------------------------------------------------------------------------------- */

static void set_options(struct proxy_listener *l)
{
	const struct connection_limits *limits = &l->worker->generation->limits;
	l->message = limits->message;
	l->options = (struct http_server_options){
		.head_timeout_ms = limits->head_ms,
		.keepalive_idle_ms = limits->keepalive_idle_ms,
		.max_age_ms = limits->keepalive_max_age_ms,
		.requests_max = limits->keepalive_requests,
		.message = &l->message,
		.error_body = error_body,
		.http2 = limits->http2,
	};
	l->options.http2.settings.connect_protocol = l->serves->takes_upgrades;
	shed_adjust(l->worker, &l->options);
}

/* A worker has one socket of an address, or more when a gateway with more workers opened it. */
void proxy_listener_accept(struct proxy_listener *l)
{
	const struct generation_listener *from = l->serves;
	l->sockets = heap_zalloc((from->fd_count + 1) * sizeof(struct listener *));
	for (unsigned i = l->worker->index; i < from->fd_count; i += from->worker_count)
		l->sockets[l->socket_count++] =
			listener_new(l->worker->loop, from->fds[i], on_accept, l);
}

struct proxy_listener *proxy_listener_new(
	struct proxy_worker *w, const struct generation_listener *serves)
{
	struct proxy_listener *l = heap_zalloc(sizeof(*l));
	l->worker = w;
	l->serves = serves;
	l->tls_identity = serves->tls_identity;
	l->key = heap_strdup(serves->key);
	list_init(&l->connections);
	list_init(&l->pending);
	list_append(&w->listeners, &l->link);
	if (w->admission)
		l->admitted = admission_port_ref(w->admission, str_of(l->key));
	set_options(l);
	if (!w->stands_by)
		proxy_listener_accept(l);
	return l;
}

/* In plain text, or without the certificate that clients now need, nobody stays. */
static void drain_connections(struct proxy_listener *l)
{
	LIST_FOREACH_SAFE(link, &l->connections)
	http_server_drain(http_server_of_link(link), DRAIN_LINGER_MS);
}

void proxy_listener_update(struct proxy_listener *l, const struct generation_listener *serves)
{
	bool has_other_terms = serves->tls_identity != l->tls_identity;
	l->serves = serves;
	l->tls_identity = serves->tls_identity;
	set_options(l);
	if (has_other_terms)
		drain_connections(l);
}

static void stop_accepting(struct proxy_listener *l)
{
	while (l->socket_count > 0)
		listener_free(l->sockets[--l->socket_count]);
	free(l->sockets);
	l->sockets = NULL;
}

void proxy_listener_drain(struct proxy_listener *l)
{
	for (unsigned i = 0; i < l->socket_count; i++)
		listener_accept_queued(l->sockets[i]);
	stop_accepting(l);
	LIST_FOREACH_SAFE(link, &l->pending)
	proxy_accept_hurry(proxy_accept_of_link(link), DRAIN_LINGER_MS);
	drain_connections(l);
}

void proxy_listener_close(struct proxy_listener *l)
{
	proxy_listener_drain(l);
	drop_pending(l);
	l->serves = NULL;
	l->is_closed = true;
	free_if_unused(l);
}

void proxy_listener_abort(struct proxy_listener *l)
{
	stop_accepting(l);
	drop_pending(l);
	LIST_FOREACH_SAFE(link, &l->connections)
	http_server_abort(http_server_of_link(link));
}
