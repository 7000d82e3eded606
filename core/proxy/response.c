/* SPDX-License-Identifier: Apache-2.0 */
/* The response machine: from the upstream's head, or a local answer, to the client's last byte. */
#include "proxy/exchange_priv.h"

#include "base/limits.h"

static bool is_local(const struct exchange *e)
{
	return e->x.local != NULL && e->x.response == &e->x.local->head;
}

static bool wants_tunnel(const struct exchange *e)
{
	return e->attempt.up->response->status == 101 && e->attempt.up->upgraded;
}

static void begin_tunnel(struct exchange *e)
{
	e->x.response = e->attempt.up->response;
	e->status = 101;
	e->is_head_sent = true;
	e->request_state = REQUEST_DONE;
	http_stream_send_response(e->down, e->x.response, false);
	exchange_await_bytes(e);
	response_go(e, RESPONSE_TUNNEL);
}

bool response_wait(struct exchange *e)
{
	if (e->attempt.state != ATTEMPT_AWAIT || !(e->facts & FACT_UPSTREAM_HEAD))
		return false;
	timer_stop(&e->timer);
	if (wants_tunnel(e)) {
		begin_tunnel(e);
		return true;
	}
	e->x.response = e->attempt.up->response;
	response_go(e, RESPONSE_POLICIES);
	return true;
}

bool response_local(struct exchange *e)
{
	struct local_response *local = e->x.local;
	chunk_queue_clear(&e->local_body);
	if (local->body.n > 0 && e->down->request->method != METHOD_HEAD)
		chunk_queue_add_copy(&e->local_body, local->body);
	local->head.has_content = e->local_body.bytes > 0;
	e->x.response = &local->head;
	response_go(e, RESPONSE_POLICIES);
	return true;
}

/* Where the body comes from: the local answer or the upstream. */
static struct chunk_queue *source(struct exchange *e, bool *ended)
{
	if (is_local(e)) {
		*ended = true;
		return &e->local_body;
	}
	*ended = !e->x.response->has_content || e->attempt.up->in_ended;
	return &e->attempt.up->in;
}

static void credit_source(struct exchange *e, size_t n)
{
	if (!is_local(e) && n > 0)
		http_stream_credit(e->attempt.up, n);
}

static bool walks_bodies(const struct exchange *e)
{
	return chain_run_wants_body(&e->x, CHAIN_RESPONSE);
}

static void feed_chain(struct exchange *e)
{
	struct chain_run *run = &e->x.run[CHAIN_RESPONSE];
	bool ended;
	struct chunk_queue *q = source(e, &ended);
	size_t n = q->bytes;
	chunk_queue_move(&run->in, q);
	credit_source(e, n);
	run->in_ended = ended;
}

/* A response policy gave another answer: it replaces the one at hand. */
static bool respond_anew(struct exchange *e)
{
	if (e->is_head_sent) {
		exchange_fail(e, FAULT_POLICY_FAILED, "a policy answered after the head was sent");
		return true;
	}
	attempt_abandon(e);
	response_go(e, RESPONSE_LOCAL);
	return true;
}

static bool chain_stopped(struct exchange *e, enum chain_result result)
{
	switch (result) {
	case CHAIN_RESPONDED:
		return respond_anew(e);
	case CHAIN_TOO_LARGE:
		exchange_fail(e, FAULT_RESPONSE_TOO_LARGE, NULL);
		return true;
	case CHAIN_FAILED:
		exchange_fail(e, FAULT_POLICY_FAILED, e->x.fault_reason);
		return true;
	case CHAIN_PAUSED:
	case CHAIN_MORE:
	case CHAIN_DONE:
		return false;
	}
	return false;
}

/* The client is told the id under which the record stands, and no other. */
static void set_request_id(struct exchange *e, struct fields *f)
{
	fields_remove_id(f, FIELD_X_REQUEST_ID);
	/* Without room it goes without: the answer matters more. */
	enum rc rc = fields_append(f, STR("X-Request-ID"), FIELD_X_REQUEST_ID, e->x.request_id);
	(void)rc;
}

static void send_head(struct exchange *e)
{
	struct http_response *r = e->x.response;
	set_request_id(e, &r->fields);
	e->status = r->status;
	e->is_head_sent = true;
	e->x.response_sent = true;
	e->continue_is_due = false;
	http_stream_send_response(e->down, r, !r->has_content);
}

static void finish(struct exchange *e)
{
	response_go(e, RESPONSE_DONE);
	timer_stop(&e->timer);
	struct attempt *a = &e->attempt;
	if (a->state == ATTEMPT_AWAIT && a->is_request_sent && a->up->in_ended && !is_local(e))
		attempt_finish(e);
}

bool response_policies(struct exchange *e)
{
	if (walks_bodies(e))
		feed_chain(e);
	if (chain_stopped(e, chain_step(&e->x, CHAIN_RESPONSE)))
		return true;
	if (!e->x.run[CHAIN_RESPONSE].head_done) {
		if (!timer_is_running(&e->timer))
			exchange_await_bytes(e);
		return false;
	}
	send_head(e);
	response_go(e, RESPONSE_BODY);
	return true;
}

static bool step_body_chain(struct exchange *e)
{
	if (!walks_bodies(e))
		return false;
	feed_chain(e);
	return chain_stopped(e, chain_step(&e->x, CHAIN_RESPONSE));
}

static const struct fields *trailers_out(const struct exchange *e, bool ended)
{
	return ended && !is_local(e) ? e->attempt.up->trailers : NULL;
}

bool response_body(struct exchange *e)
{
	struct chain_run *run = &e->x.run[CHAIN_RESPONSE];
	/* A client that does not read stops the chain, too: nothing piles up behind it. */
	if (!http_stream_can_send(e->down))
		return false;
	if (step_body_chain(e))
		return true;
	bool walks = walks_bodies(e);
	bool ended;
	struct chunk_queue *q = source(e, &ended);
	if (walks) {
		q = &run->out;
		ended = run->body_done && run->ended;
	}
	if (!e->x.response->has_content) {
		if (ended)
			finish(e);
		return ended;
	}
	if (chunk_queue_is_empty(q) && !ended) {
		if (!timer_is_running(&e->timer))
			exchange_await_bytes(e);
		return false;
	}
	size_t n = q->bytes;
	const struct fields *trailers = trailers_out(e, ended);
	if (n > 0 || !trailers)
		http_stream_send_data(e->down, q, ended && !trailers);
	if (trailers)
		http_stream_send_trailers(e->down, trailers);
	if (!walks)
		credit_source(e, n);
	if (ended)
		finish(e);
	else
		exchange_await_bytes(e);
	return true;
}

/* One direction of a tunnel; whether bytes moved. */
static bool pass(struct exchange *e, struct http_stream *from, struct http_stream *to, bool *closed)
{
	size_t n = from->in.bytes;
	bool ends = from->in_ended && !*closed;
	if ((n == 0 && !ends) || !http_stream_can_send(to))
		return false;
	http_stream_send_data(to, &from->in, ends);
	if (n > 0)
		http_stream_credit(from, n);
	*closed |= ends;
	exchange_await_bytes(e);
	return true;
}

bool response_tunnel(struct exchange *e)
{
	struct http_stream *up = e->attempt.up;
	bool moved = pass(e, e->down, up, &e->tunnel_closed[0]);
	moved |= pass(e, up, e->down, &e->tunnel_closed[1]);
	if (!e->tunnel_closed[0] || !e->tunnel_closed[1])
		return moved;
	attempt_finish(e);
	response_go(e, RESPONSE_DONE);
	return true;
}
