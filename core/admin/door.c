/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/door.h"

#include "admin/request.h"
#include "base/limits.h"
#include "base/memory.h"

#include <unistd.h>

struct door {
	struct stream_group *group; /* borrowed */
	struct listener *listener;  /* owned; NULL once closed */
	int fd;                     /* owned */
	bool is_private;
	struct admin_answerer answerer;
	struct http_server_options options;
	struct link connections; /* of struct http_server */
	unsigned count;
};

static void free_if_unused(struct door *d)
{
	if (!d->listener && d->count == 0)
		free(d);
}

/* The same user, or root. */
static bool may_enter(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

/* The connection that has been idle longest gives way. */
static bool make_room(struct door *d)
{
	struct http_server *idlest = NULL;
	int64_t since = INT64_MAX;
	LIST_FOREACH(l, &d->connections)
	{
		struct http_server *c = http_server_of_link(l);
		int64_t idle = http_server_idle_since_ms(c);
		if (idle >= 0 && idle < since) {
			since = idle;
			idlest = c;
		}
	}
	if (idlest)
		http_server_abort(idlest);
	return idlest != NULL;
}

static void on_request(void *owner, struct http_stream *s)
{
	struct door *d = owner;
	admin_request_begin(&d->answerer, stream_group_loop(d->group), s);
}

static void on_refused(
	void *owner, const struct http_stream *s, uint16_t status, const char *detail)
{
}

static void on_closed(void *owner, struct http_server *server)
{
	struct door *d = owner;
	list_remove(http_server_link(server));
	d->count--;
	free_if_unused(d);
}

static const struct http_server_events events = {
	.on_request = on_request,
	.on_refused = on_refused,
	.on_closed = on_closed,
};

static void on_accept(void *owner, int fd, const struct address *peer)
{
	struct door *d = owner;
	bool is_welcome = !d->is_private || may_enter(fd);
	if (!is_welcome || (d->count >= ADMIN_CONNECTIONS_MAX && !make_room(d))) {
		close(fd);
		return;
	}
	struct http_server *server =
		http_server_new(d->group, fd, peer, NULL, &d->options, &events, d);
	list_append(&d->connections, http_server_link(server));
	d->count++;
}

struct door *door_open(struct stream_group *group, int fd, bool is_private,
	const struct admin_source *source, void *owner)
{
	struct door *d = heap_zalloc(sizeof(*d));
	d->group = group;
	d->fd = fd;
	d->is_private = is_private;
	d->answerer = (struct admin_answerer){source, owner, is_private};
	d->options = (struct http_server_options){
		.head_timeout_ms = LIMIT_HEAD_MS,
		.keepalive_idle_ms = LIMIT_KEEPALIVE_IDLE_MS,
		.requests_max = LIMIT_REQUESTS_PER_CONNECTION,
		.error_body = admin_error_body,
	};
	list_init(&d->connections);
	d->listener = listener_new(stream_group_loop(group), fd, on_accept, d);
	return d;
}

void door_close(struct door *d)
{
	if (!d)
		return;
	listener_free(d->listener);
	d->listener = NULL;
	close(d->fd);
	LIST_FOREACH_SAFE(l, &d->connections)
	http_server_abort(http_server_of_link(l));
	free_if_unused(d);
}
