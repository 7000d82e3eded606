/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges stand in the order in which they were looked at last, so that a tick that has no time
 * for all of them goes on where it stopped. */
#include "proxy/sweep.h"

#include "base/limits.h"
#include "policy/local_stream.h"
#include "proxy/exchange_priv.h"
#include "proxy/tunnel.h"

/* So many a tick: below a millisecond of work, even when none of them is in a cache. */
#define VISITS_MAX 4096

/* Index of what is noted of whoever takes. */
enum { TO_CLIENT, TO_UPSTREAM };

static int64_t now_of(const struct exchange *e)
{
	return loop_now_ms(e->worker->loop);
}

/* --- streams by nature ----------------------------------------------------------------------- */

static bool has_type(const struct fields *f, struct str type)
{
	const struct field *found = fields_get_id(f, FIELD_CONTENT_TYPE);
	return found && str_eq_nocase(str_slice(found->value, 0, type.n), type);
}

/* Meant to last, and to be silent at times: tunnels, events, gRPC. */
static bool is_stream(const struct exchange *e)
{
	if (e->response_state == RESPONSE_TUNNEL ||
		has_type(&e->down->request->fields, STR("application/grpc")))
		return true;
	const struct http_response *r = e->x.response;
	return r && (has_type(&r->fields, STR("text/event-stream")) ||
			    has_type(&r->fields, STR("application/grpc")));
}

/* --- the three waits ------------------------------------------------------------------------- */

/* In SELECT a body is gathered: what came of it stands there. */
static bool awaits_body(const struct exchange *e)
{
	bool takes = chunk_queue_is_empty(&e->down->in) || e->request_state == REQUEST_SELECT;
	return takes && e->request_state != REQUEST_DONE && !e->down->in_ended &&
	       !e->continue_is_due;
}

static struct pace_rule rule_of(const struct pace_limit *l)
{
	return (struct pace_rule){l->bytes_per_second, l->grace_ms, l->stall_ms};
}

static bool sends_fast_enough(struct exchange *e)
{
	struct pace_rule rule = rule_of(&e->api->limits.request_body);
	bool is_awaited = rule.bytes_per_second > 0 && awaits_body(e);
	return pace_keeps(&e->sweep.in, &rule, now_of(e), e->down->body_received, is_awaited) ||
	       is_stream(e);
}

/* Without a rate a standstill still counts. A stream has no rate to keep. */
static struct pace_rule rule_of_response(const struct exchange *e)
{
	struct pace_rule rule = rule_of(&e->api->limits.response);
	if (rule.bytes_per_second == 0 || is_stream(e))
		return (struct pace_rule){0, rule.most_ms, rule.most_ms};
	return rule;
}

static void mark(struct exchange *e)
{
	struct sweep_notes *n = &e->sweep;
	n->mark = n->taken[TO_CLIENT] + n->outstanding;
	n->mark_ms = now_of(e);
}

/* Something is on its way at every look where the upstream drips and the client is far away. It is
 * not the client that is waited for as long as what was on its way is taken in the time that the
 * network may take. */
static bool is_client_awaited(struct exchange *e)
{
	const struct sweep_notes *n = &e->sweep;
	if (n->taken[TO_CLIENT] < n->mark)
		return true;
	bool was_quick = now_of(e) - n->mark_ms <= LIMIT_PACE_FLIGHT_MS;
	mark(e);
	return n->outstanding > 0 && !was_quick;
}

static bool takes_fast_enough(struct exchange *e)
{
	struct sweep_notes *n = &e->sweep;
	struct pace_rule rule = rule_of_response(e);
	bool is_awaited = is_client_awaited(e);
	return pace_keeps(&n->out, &rule, now_of(e), n->taken[TO_CLIENT], is_awaited);
}

static int upstream_idle_ms(const struct exchange *e)
{
	bool is_routes = e->terms && e->terms->upstream_idle_ms >= 0;
	return is_routes ? e->terms->upstream_idle_ms : e->api->limits.upstream_idle_ms;
}

/* Nothing of the response came although there was room for it. */
static bool is_upstream_silent(struct exchange *e)
{
	struct sweep_notes *n = &e->sweep;
	const struct http_stream *up = e->attempt.up;
	int64_t now_ms = now_of(e);
	bool is_awaited = up && (e->facts & FACT_UPSTREAM_HEAD) && !up->in_ended &&
			  chunk_queue_is_empty(&up->in) && http_stream_can_send(e->down);
	if (!is_awaited || up->bytes_received != n->upstream_bytes) {
		n->upstream_bytes = up ? up->bytes_received : 0;
		n->upstream_moved_ms = now_ms;
		return false;
	}
	int most_ms = upstream_idle_ms(e);
	return most_ms > 0 && now_ms - n->upstream_moved_ms >= most_ms && !is_stream(e);
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool moved(uint64_t bytes, int64_t ms, const struct pace_limit *l)
{
	return l->bytes_per_second > 0 && bytes > 0 &&
	       bytes >= (uint64_t)l->bytes_per_second * (uint64_t)ms / 1000;
}

/* When it is asked again: a response that has only begun has shown little, so soon. */
static int64_t next_due_ms(const struct exchange *e, int64_t answered_ms, bool sends)
{
	const struct api_limits *l = &e->api->limits;
	int64_t shown_ms = answered_ms > l->response.grace_ms ? answered_ms : l->response.grace_ms;
	return !sends && shown_ms < l->exchange_ms ? shown_ms : l->exchange_ms;
}

/* A body that moves is not cut for being large. */
static bool lasts_too_long(struct exchange *e)
{
	struct sweep_notes *n = &e->sweep;
	const struct api_limits *l = &e->api->limits;
	int64_t now_ms = now_of(e), answered_ms = now_ms - n->out_began_ms;
	if (n->due_ms == 0 || now_ms < n->due_ms)
		return false;
	bool sends = e->request_state != REQUEST_DONE && !e->down->in_ended &&
		     moved(e->down->body_received - n->in_bytes, now_ms - n->in_began_ms,
			     &l->request_body);
	bool takes = n->has_begun_out &&
		     moved(n->taken[TO_CLIENT] - n->out_bytes, answered_ms, &l->response);
	n->in_began_ms = n->out_began_ms = now_ms;
	n->in_bytes = e->down->body_received;
	n->out_bytes = n->taken[TO_CLIENT];
	n->due_ms = now_ms + next_due_ms(e, answered_ms, sends);
	return !sends && !takes && !is_stream(e);
}

/* --- looking --------------------------------------------------------------------------------- */

static void note_taken(struct exchange *e, int to, uint64_t taken)
{
	struct sweep_notes *n = &e->sweep;
	if (taken <= n->taken[to])
		return;
	n->taken[to] = taken;
	n->taken_ms[to] = now_of(e);
}

static bool is_upstream_slow(const struct exchange *e)
{
	const struct attempt *a = &e->attempt;
	return a->state == ATTEMPT_AWAIT && !a->is_request_sent && !http_stream_can_send(a->up);
}

/* The connection's earlier responses are no merit of this one. */
static void begin_out(struct exchange *e)
{
	struct sweep_notes *n = &e->sweep;
	struct pace_rule out = rule_of_response(e);
	uint64_t queued = n->taken[TO_CLIENT] + n->outstanding, own = e->down->bytes_sent;
	n->has_begun_out = true;
	n->out_began_ms = now_of(e);
	n->out_bytes = queued > own ? queued - own : 0;
	mark(e);
	pace_begin(&n->out, &out, n->out_began_ms, n->taken[TO_CLIENT]);
}

static void look_at_client(struct exchange *e)
{
	note_taken(e, TO_CLIENT, http_stream_taken(e->down, &e->sweep.outstanding));
	if (!e->sweep.has_begun_out)
		begin_out(e);
}

static void look(struct exchange *e)
{
	size_t ignored;
	e->sweep.outstanding = 0;
	if (e->is_head_sent)
		look_at_client(e);
	if (is_upstream_slow(e))
		note_taken(e, TO_UPSTREAM, http_stream_taken(e->attempt.up, &ignored));
}

/* What was taken before the first look counts as taken `moved_ms`. */
static void begin(struct exchange *e, int64_t moved_ms)
{
	const struct api_limits *l = &e->api->limits;
	struct pace_rule in = rule_of(&l->request_body);
	int64_t started_ms = e->down->started_us / 1000;
	e->is_swept = true;
	e->sweep = (struct sweep_notes){
		.due_ms = l->exchange_ms > 0 ? started_ms + l->exchange_ms : 0,
		.in_began_ms = started_ms,
		.upstream_moved_ms = moved_ms,
	};
	look(e);
	e->sweep.taken_ms[TO_CLIENT] = e->sweep.taken_ms[TO_UPSTREAM] = moved_ms;
	pace_begin(&e->sweep.in, &in, started_ms, 0);
}

int64_t sweep_taken_ms(struct exchange *e)
{
	bool is_client = e->is_head_sent && !http_stream_can_send(e->down);
	if (!e->api || (!is_client && !is_upstream_slow(e)))
		return 0;
	if (!e->is_swept)
		begin(e, now_of(e));
	look(e);
	return e->sweep.taken_ms[is_client ? TO_CLIENT : TO_UPSTREAM];
}

/* Once: the answer that follows is not late. */
static bool is_past_deadline(struct exchange *e)
{
	if (LIKELY(e->deadline_ms == 0) || now_of(e) < e->deadline_ms)
		return false;
	e->deadline_ms = 0;
	return true;
}

static void visit(struct exchange *e)
{
	if (!e->api || e->facts & FACT_CLIENT_RESET)
		return;
	if (!e->is_swept)
		begin(e, now_of(e) - LIMIT_SWEEP_MS);
	look(e);
	if (UNLIKELY(is_past_deadline(e)))
		exchange_note(e, FACT_DEADLINE);
	else if (!sends_fast_enough(e))
		exchange_note(e, FACT_SLOW_BODY);
	else if (e->sweep.has_begun_out && !takes_fast_enough(e))
		exchange_note(e, FACT_SLOW_READER);
	else if (is_upstream_silent(e))
		exchange_note(e, FACT_UPSTREAM_SILENT);
	else if (lasts_too_long(e))
		exchange_note(e, FACT_TOO_LONG);
	else
		tunnel_look(e);
}

/* --- the facts ------------------------------------------------------------------------------- */

static bool awaits_policy(const struct exchange *e)
{
	return e->x.chain && (e->x.run[CHAIN_REQUEST].pause || e->x.run[CHAIN_RESPONSE].pause);
}

/* Whose turn it was. */
static void fail_whole(struct exchange *e)
{
	static const char detail[] = "longer than requestSeconds";
	if (awaits_policy(e))
		exchange_fail(e, FAULT_POLICY_TIMEOUT, detail);
	else if (awaits_body(e) || (e->is_head_sent && !http_stream_can_send(e->down)))
		exchange_fail(e, FAULT_CLIENT_TIMEOUT, detail);
	else if (e->attempt.state == ATTEMPT_NONE || local_stream_of(&e->x))
		exchange_fail(e, FAULT_POLICY_TIMEOUT, detail);
	else
		exchange_fail(
			e, e->is_head_sent ? FAULT_UPSTREAM_IDLE : FAULT_UPSTREAM_TIMEOUT, detail);
}

void sweep_act(struct exchange *e, uint32_t facts)
{
	if (facts & FACT_DEADLINE)
		exchange_fail(e, FAULT_DEADLINE, "longer than the call's grpc-timeout");
	else if (facts & FACT_SLOW_BODY)
		exchange_fail(e, FAULT_CLIENT_TIMEOUT,
			"the body came slower than requestBodyBytesPerSecond");
	else if (facts & FACT_SLOW_READER)
		exchange_fail(e, FAULT_CLIENT_TIMEOUT,
			"the response was taken slower than responseBytesPerSecond");
	else if (facts & FACT_UPSTREAM_SILENT)
		exchange_fail(
			e, FAULT_UPSTREAM_IDLE, "no byte of the response for upstreamIdleSeconds");
	else
		fail_whole(e);
}

/* --- the tick -------------------------------------------------------------------------------- */

static void on_sweep(struct timer *t)
{
	struct proxy_worker *w = CONTAINER_OF(t, struct proxy_worker, sweep);
	unsigned visits = w->exchanges_active < VISITS_MAX ? w->exchanges_active : VISITS_MAX;
	while (visits-- > 0) {
		struct link *first = list_pop(&w->exchanges);
		list_append(&w->exchanges, first);
		visit(CONTAINER_OF(first, struct exchange, link));
	}
	if (w->exchanges_active > 0)
		timer_start(w->loop, &w->sweep, LIMIT_SWEEP_MS);
}

void sweep_init(struct proxy_worker *w)
{
	timer_init(&w->sweep, on_sweep);
}

void sweep_deinit(struct proxy_worker *w)
{
	timer_stop(&w->sweep);
}

void sweep_start(struct proxy_worker *w)
{
	if (!timer_is_running(&w->sweep))
		timer_start(w->loop, &w->sweep, LIMIT_SWEEP_MS);
}
