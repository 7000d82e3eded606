/* SPDX-License-Identifier: Apache-2.0 */
/* The response machine: from the upstream's head, or a local answer, to the client's last byte. */
#include "proxy/exchange_priv.h"

#include "base/limits.h"
#include "policy/local_stream.h"
#include "proxy/endpoint_choice.h"
#include "proxy/tunnel.h"
#include "proxy/upgrade.h"

static bool is_local(const struct exchange *e)
{
	return e->x.local != NULL && e->x.response == &e->x.local->head;
}

static bool wants_tunnel(const struct exchange *e)
{
	return e->attempt.up->response->status == 101 && e->attempt.up->upgraded;
}

/* The client is told the id under which the record stands, and no other. */
static void set_request_id(struct exchange *e, struct fields *f)
{
	fields_remove_id(f, FIELD_X_REQUEST_ID);
	/* Without room it goes without: the answer matters more. */
	enum rc rc = fields_append(f, STR("X-Request-ID"), FIELD_X_REQUEST_ID, e->x.request_id);
	(void)rc;
}

void response_send_head(struct exchange *e, bool end)
{
	struct http_response *r = e->x.response;
	set_request_id(e, &r->fields);
	if (UNLIKELY(e->worker->generation->edge.changes_responses))
		forward_finish_response(e, r, is_local(e));
	e->status = r->status;
	e->is_head_sent = true;
	e->x.response_sent = true;
	e->continue_is_due = false;
	http_stream_send_response(e->down, r, end);
}

bool response_wait(struct exchange *e)
{
	if (e->attempt.state != ATTEMPT_AWAIT || !(e->facts & FACT_UPSTREAM_HEAD))
		return false;
	timer_stop(&e->timer);
	if (wants_tunnel(e)) {
		tunnel_begin(e);
		return true;
	}
	e->x.response = e->attempt.up->response;
	forward_clean_response(&e->x.response->fields);
	if (UNLIKELY(e->attempt.endpoint != NULL))
		endpoint_choice_tell(e);
	response_go(e, RESPONSE_POLICIES);
	return true;
}

bool response_local(struct exchange *e)
{
	struct local_response *local = e->x.local;
	chunk_queue_clear(&e->local_body);
	if (UNLIKELY(e->grpc != GRPC_NONE))
		grpc_word(e, local);
	if (local->body.n > 0 && !http_asked_head(e->down->request))
		chunk_queue_add_copy(&e->local_body, local->body);
	local->head.has_content =
		local->stream ? !local->stream->discards : e->local_body.bytes > 0;
	e->x.response = &local->head;
	/* Those of an answer that this one replaces. */
	e->x.trailers[CHAIN_RESPONSE] = NULL;
	e->x.own_trailers &= (uint8_t) ~(1u << CHAIN_RESPONSE);
	response_go(e, RESPONSE_POLICIES);
	return true;
}

/* What a written answer gives the client at a time: as much as it would be given of an upstream's, so
 * that who takes a large one slowly is still seen to. */
#define WRITTEN_BYTES_AT_ONCE 65536

static void take_written(struct exchange *e, struct local_stream *s)
{
	size_t n = s->queue.bytes;
	if (e->is_head_sent && n > WRITTEN_BYTES_AT_ONCE)
		n = WRITTEN_BYTES_AT_ONCE;
	if (n > 0 && chunk_queue_is_empty(&e->local_body))
		chunk_queue_move_n(&e->local_body, &s->queue, n);
}

static struct chunk_queue *local_source(struct exchange *e, bool *ended)
{
	struct local_stream *s = e->x.local->stream;
	if (s)
		take_written(e, s);
	*ended = !s || (s->ended && chunk_queue_is_empty(&s->queue));
	return &e->local_body;
}

/* Who writes a local answer may have room again. */
static void local_taken(struct exchange *e)
{
	struct local_stream *s = e->x.local->stream;
	if (s)
		s->changed(s);
}

/* Where the body comes from: the local answer or the upstream. */
static struct chunk_queue *source(struct exchange *e, bool *ended)
{
	if (is_local(e))
		return local_source(e, ended);
	*ended = !e->x.response->has_content || e->attempt.up->in_ended;
	return &e->attempt.up->in;
}

static const struct fields *trailers_of(const struct exchange *e)
{
	if (!is_local(e))
		return e->attempt.up->trailers;
	return e->x.local->stream ? e->x.local->stream->trailers : NULL;
}

/* The chain with what came of the body. */
static enum chain_result step_chain(struct exchange *e)
{
	if (!chain_run_wants_body(&e->x, CHAIN_RESPONSE))
		return chain_step(&e->x, CHAIN_RESPONSE);
	bool ended;
	struct chunk_queue *q = source(e, &ended);
	if (UNLIKELY(ended && trailers_of(e)))
		exchange_take_trailers(e, CHAIN_RESPONSE, trailers_of(e));
	if (!is_local(e))
		return exchange_step_chain(e, CHAIN_RESPONSE, q, ended, e->attempt.up);
	enum chain_result result = exchange_step_chain(e, CHAIN_RESPONSE, q, ended, NULL);
	if (result < CHAIN_RESPONDED)
		local_taken(e);
	return result;
}

/* Nothing can go to the client now. */
static bool wait_for_body(struct exchange *e, enum chain_result result)
{
	if (result == CHAIN_PAUSED)
		timer_stop(&e->timer);
	else if (!timer_is_running(&e->timer))
		exchange_await_bytes(e);
	return false;
}

bool response_policies(struct exchange *e)
{
	enum chain_result result = step_chain(e);
	if (exchange_chain_stopped(e, CHAIN_RESPONSE, result))
		return true;
	if (e->x.run[CHAIN_RESPONSE].head_done) {
		if (UNLIKELY(e->down->request->is_connect) && upgrade_is_false(e, is_local(e)))
			return true;
		response_send_head(e, !e->x.response->has_content);
		response_go(e, RESPONSE_BODY);
		return true;
	}
	if (result == CHAIN_PAUSED)
		timer_stop(&e->timer); /* a pause has a bound of its own */
	else
		exchange_await_bytes(e);
	return false;
}

/* The queue that holds what may go to the client now, and whether it ends the message. */
static struct chunk_queue *sendable(struct exchange *e, bool walks, bool *ended)
{
	if (!walks)
		return source(e, ended);
	struct chain_run *run = &e->x.run[CHAIN_RESPONSE];
	*ended = run->body_done && run->ended;
	return &run->out;
}

static void send_body(struct exchange *e, struct chunk_queue *q, bool walks, bool ended)
{
	size_t n = q->bytes;
	if (UNLIKELY(ended && trailers_of(e)))
		exchange_take_trailers(e, CHAIN_RESPONSE, trailers_of(e));
	const struct fields *trailers = ended ? exchange_trailers(e, CHAIN_RESPONSE) : NULL;
	if (n > 0 || !trailers)
		http_stream_send_data(e->down, q, ended && !trailers);
	if (trailers)
		http_stream_send_trailers(e->down, trailers);
	if (walks || n == 0)
		return;
	if (is_local(e))
		local_taken(e);
	else
		http_stream_credit(e->attempt.up, n);
}

/* It comes in more than one piece: each of them when the client has room. */
static __attribute__((noinline)) void await_more(struct exchange *e)
{
	if (e->attempt.up && !is_local(e))
		http_stream_ask_room(e->attempt.up);
	exchange_await_bytes(e);
}

bool response_body(struct exchange *e)
{
	bool has_content = e->x.response->has_content;
	/* A client that does not read stops the chain, too: nothing piles up behind it. */
	if (has_content && !http_stream_can_send(e->down))
		return wait_for_body(e, CHAIN_MORE);
	bool walks = chain_run_wants_body(&e->x, CHAIN_RESPONSE);
	enum chain_result result = CHAIN_MORE;
	if (walks) {
		result = step_chain(e);
		if (exchange_chain_stopped(e, CHAIN_RESPONSE, result))
			return true;
	}
	bool ended;
	struct chunk_queue *q = sendable(e, walks, &ended);
	if (!ended && (!has_content || chunk_queue_is_empty(q)))
		return wait_for_body(e, result);
	if (has_content)
		send_body(e, q, walks, ended);
	if (ended)
		response_go(e, RESPONSE_DONE);
	else
		await_more(e);
	return true;
}
