/* SPDX-License-Identifier: Apache-2.0 */
#include "connection/way_out.h"

#include "base/memory.h"
#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>

struct way {
	struct task task;   /* goes on, outside of the stream's callbacks */
	struct timer timer; /* of the forward proxy's answer */
	struct stream *stream;
	struct tls_context *tls; /* ref, of the upstream; NULL: plain */
	struct str server_name;  /* owned */
	struct str preamble;     /* owned: what the upstream hears first */
	struct str connect;      /* owned: asks a forward proxy; empty: there is none */
	int timeout_ms;
	bool is_through;                    /* what goes wrong now is not the forward proxy's */
	bool upstream_may_begin;            /* what follows the forward proxy's head is its */
	const struct stream_events *events; /* who gets the stream */
	void *owner;
	size_t answer_n;
	char text[240];
	char answer[WAY_ANSWER_BYTES];
};

bool way_out_is_needed(const struct http_client_target *target)
{
	return target->preamble.n > 0 || target->connect.n > 0;
}

static void free_way(struct way *w)
{
	task_cancel(&w->task);
	timer_stop(&w->timer);
	tls_context_unref(w->tls);
	free((char *)w->server_name.p);
	free((char *)w->preamble.p);
	free((char *)w->connect.p);
	free(w);
}

/* --- the ends of it -------------------------------------------------------------------------- */

static void arrive(struct way *w)
{
	struct stream *s = w->stream;
	const struct stream_events *events = w->events;
	stream_set_events(s, events, w->owner);
	free_way(w);
	events->on_open(s);
}

/* The text may be the way's own, and lasts until it is told. */
static void on_close(struct stream *s, enum rc rc)
{
	struct way *w = stream_owner(s);
	if (w->connect.n > 0 && !w->is_through && w->text[0] == '\0') {
		snprintf(w->text, sizeof(w->text), "the forward proxy: %s", stream_error_text(s));
		stream_set_error_text(s, w->text);
	}
	stream_set_events(s, w->events, w->owner);
	w->events->on_close(s, rc);
	free_way(w);
}

static void give_up(struct way *w, enum rc rc, const char *text)
{
	snprintf(w->text, sizeof(w->text), "%s", text);
	stream_give_up(w->stream, rc, w->text);
}

/* --- steps ----------------------------------------------------------------------------------- */

/* The way is open: what is said now is heard by the upstream. */
static void go_on(struct way *w)
{
	stream_send_copy(w->stream, w->preamble);
	w->is_through = true;
	stream_receive(w->stream, true);
	if (w->tls)
		stream_start_tls(w->stream, w->tls, w->server_name);
	else
		arrive(w);
}

static void on_task(struct task *t)
{
	struct way *w = CONTAINER_OF(t, struct way, task);
	if (!stream_is_closed(w->stream)) /* in the same turn */
		go_on(w);
}

static void on_timer(struct timer *t)
{
	struct way *w = CONTAINER_OF(t, struct way, timer);
	give_up(w, RC_TIMEOUT, "the forward proxy did not answer in time");
}

static void on_open(struct stream *s)
{
	struct way *w = stream_owner(s);
	if (w->is_through) {
		arrive(w);
		return;
	}
	if (w->connect.n == 0) {
		go_on(w);
		return;
	}
	stream_send_copy(s, w->connect);
	timer_start(stream_loop(s), &w->timer, w->timeout_ms);
}

/* --- the forward proxy's answer -------------------------------------------------------------- */

/* HTTP-version SP status-code; 0: it is none. */
static unsigned status_of(struct str line)
{
	unsigned status = 0;
	if (!str_starts(line, STR("HTTP/1.")) || line.n < 12 || line.p[8] != ' ')
		return 0;
	for (size_t i = 9; i < 12; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return 0;
		status = status * 10 + (unsigned)(line.p[i] - '0');
	}
	return line.n == 12 || line.p[12] == ' ' || line.p[12] == '\r' ? status : 0;
}

/* Nothing is received until whom it is for has the stream. */
static void begin_tunnel(struct way *w)
{
	timer_stop(&w->timer);
	stream_receive(w->stream, false);
	loop_ready(stream_loop(w->stream), &w->task);
}

static void judge(struct way *w, struct str head, bool has_more)
{
	unsigned status = status_of(head);
	if (status >= 200 && status <= 299 && (!has_more || w->upstream_may_begin)) {
		begin_tunnel(w);
		return;
	}
	char refusal[60];
	const char *text = refusal;
	snprintf(refusal, sizeof(refusal), "the forward proxy refused to connect (%u)", status);
	if (status == 407)
		text = "the forward proxy wants other credentials (407)";
	else if (status >= 200 && status <= 299)
		text = "the forward proxy sent bytes of its own";
	else if (status == 0)
		text = "the forward proxy did not answer by HTTP";
	give_up(w, status > 0 ? RC_REFUSED : RC_IO, text);
}

/* Where the head ends, behind its empty line; 0: not yet. */
static size_t head_bytes(const struct way *w)
{
	const char *end = memmem(w->answer, w->answer_n, "\r\n\r\n", 4);
	return end ? (size_t)(end - w->answer) + 4 : 0;
}

static size_t on_data(struct stream *s, struct block *block, const char *p, size_t n)
{
	struct way *w = stream_owner(s);
	size_t before = w->answer_n, room = sizeof(w->answer) - before, part = n < room ? n : room;
	memcpy(w->answer + before, p, part);
	w->answer_n += part;
	size_t head = head_bytes(w);
	if (head > 0) {
		judge(w, str_n(w->answer, head), head - before < n);
		return head - before;
	}
	if (part == room)
		give_up(w, RC_IO, "the forward proxy's answer is too long");
	return part;
}

static void on_end(struct stream *s)
{
	give_up(stream_owner(s), RC_IO, "the connection was closed before it was of use");
}

static const struct stream_events way_events = {
	.on_open = on_open,
	.on_data = on_data,
	.on_end = on_end,
	.on_close = on_close,
};

static struct str own(struct str s)
{
	return str_n(heap_strndup(s), s.n);
}

struct stream *way_out_dial(struct stream_group *group, const struct http_client_target *target,
	const struct stream_events *events, void *owner)
{
	struct way *w = heap_zalloc(sizeof(*w));
	w->tls = target->tls ? tls_context_ref(target->tls) : NULL;
	w->server_name = own(target->server_name);
	w->preamble = own(target->preamble);
	w->connect = own(target->connect);
	w->timeout_ms = target->connect_timeout_ms;
	w->upstream_may_begin = target->protocol == HTTP_CLIENT_2 && !target->tls;
	w->events = events;
	w->owner = owner;
	task_init(&w->task, on_task);
	timer_init(&w->timer, on_timer);
	w->stream = stream_dial(group, &target->address, target->connect_timeout_ms,
		target->proxy_tls, target->proxy_name, &way_events, w);
	return w->stream;
}
