/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/access_record.h"

#include "base/clock.h"
#include "http/query_mask.h"
#include "observe/metrics.h"
#include "policy/claims.h"
#include "proxy/exchange_priv.h"
#include "proxy/listener.h"
#include "proxy/tunnel.h"

/* Names and values: a comma before all but the first. */
static void add_name(struct buffer *b, const char *name)
{
	buffer_add_char(b, b->n > 0 ? ',' : '{');
	buffer_add_char(b, '"');
	buffer_add(b, str_of(name));
	buffer_add(b, STR("\":"));
}

/* What one text may take, so that the longest of every kind still fit into one record. */
#define TARGET_BYTES_MAX 2500
#define TEXT_BYTES_MAX   256

static void add_cut_text(struct buffer *b, const char *name, struct str value, size_t bytes_max)
{
	if (value.n == 0)
		return;
	add_name(b, name);
	buffer_add_json(b, str_slice(value, 0, bytes_max));
}

static void add_text(struct buffer *b, const char *name, struct str value)
{
	add_cut_text(b, name, value, TEXT_BYTES_MAX);
}

static void add_number(struct buffer *b, const char *name, uint64_t value)
{
	add_name(b, name);
	buffer_add_u64(b, value);
}

/* Microseconds as milliseconds with three places. */
static void add_ms(struct buffer *b, const char *name, int64_t us)
{
	uint64_t n = us > 0 ? (uint64_t)us : 0, part = n % 1000;
	add_number(b, name, n / 1000);
	char places[4] = {'.', (char)('0' + part / 100), (char)('0' + part / 10 % 10),
		(char)('0' + part % 10)};
	buffer_add(b, str_n(places, sizeof(places)));
}

static void add_time(struct buffer *b, int64_t wall_us)
{
	char text[CLOCK_RFC3339_BYTES];
	clock_rfc3339(wall_us, text);
	add_text(b, "time", str_n(text, sizeof(text)));
}

static void add_address(struct buffer *b, const char *name, const struct address *a)
{
	char text[ADDRESS_TEXT_BYTES];
	if (a && a->n > 0)
		add_text(b, name, address_text(a, text));
}

struct str access_record_reason(const struct exchange *e)
{
	if (e->fault != FAULT_NONE)
		return str_of(fault_row(e->fault)->reason);
	if (UNLIKELY(e->tunnel != NULL))
		return str_of(tunnel_reason(e->tunnel));
	if (e->x.local)
		return e->x.local->reason.n > 0 ? e->x.local->reason : STR("answered_by_policy");
	return STR("ok");
}

/* Apart, so that other records do not pay for its stack. */
static __attribute__((noinline)) void add_masked_target(struct buffer *b, struct str target)
{
	char masked[TARGET_BYTES_MAX];
	add_cut_text(b, "target", query_mask_all(target, masked, sizeof(masked)), TARGET_BYTES_MAX);
}

/* Where nobody has said which parameters are secret, since no chain of policies is known. */
static bool hides_all(const struct exchange *e)
{
	if (e->api)
		return e->api->error != NULL;
	const struct generation_listener *serves = proxy_listener_serves(e->listener);
	return serves && serves->hides_queries;
}

static void add_request(struct buffer *b, const struct exchange *e, bool is_masked)
{
	const struct http_request *r = e->down->request;
	add_text(b, "requestId", e->x.request_id);
	add_text(b, "traceId", e->x.trace_id);
	add_text(b, "api", e->x.api);
	add_text(b, "method", http_asked_name(r));
	if (UNLIKELY(is_masked || hides_all(e)))
		add_masked_target(b, r->target);
	else
		add_cut_text(b, "target", r->target, TARGET_BYTES_MAX);
	add_cut_text(b, "path", e->path_received, TARGET_BYTES_MAX);
	add_text(b, "host", e->authority_received);
	char version[8] = {'H', 'T', 'T', 'P', '/', (char)('0' + r->version_major % 10), '.',
		(char)('0' + r->version_minor % 10)};
	add_text(b, "protocol", str_n(version, sizeof(version)));
	add_text(b, "tls", str_of(e->down->tls_version));
}

static void add_client(struct buffer *b, const struct exchange *e)
{
	char peer[ADDRESS_TEXT_BYTES];
	add_text(b, "client", e->x.client_address);
	if (UNLIKELY(e->is_proxied))
		add_text(b, "peer", address_ip_text(e->down->peer, peer));
}

const struct chain_binding *access_record_answerer(const struct exchange *e)
{
	return e->fault == FAULT_NONE ? e->x.local_binding : e->x.fault_binding;
}

static void add_violation(struct buffer *b, const struct exchange_violation *v)
{
	add_text(b, "violation", v->what);
	add_text(b, "violatedBinding", chain_binding_id(v->binding));
	add_text(b, "violatedPolicy", chain_binding_policy(v->binding));
	add_text(b, "violatorId", v->client_id);
	add_text(b, "violatorName", v->client_name);
}

#define CLAIM_BYTES_MAX 128

/* Compact JSON, or where it is too much a text of its beginning. */
static void add_claim(struct buffer *b, const struct claim *claim, bool is_first)
{
	buffer_add_char(b, is_first ? '{' : ',');
	buffer_add_json(b, claim->name);
	buffer_add_char(b, ':');
	if (claim->json.n <= CLAIM_BYTES_MAX)
		buffer_add(b, claim->json);
	else
		buffer_add_json(b, str_slice(claim->json, 0, CLAIM_BYTES_MAX));
}

static void add_claims(struct buffer *b, const struct exchange *e)
{
	const struct edge *edge = &e->worker->generation->edge;
	bool is_first = true;
	for (size_t i = 0; i < edge->record_claim_count; i++) {
		const struct claim *claim = claims_find(&e->x, edge->record_claims[i]);
		if (!claim)
			continue;
		if (is_first)
			add_name(b, "claims");
		add_claim(b, claim, is_first);
		is_first = false;
	}
	if (!is_first)
		buffer_add_char(b, '}');
}

static void add_outcome(struct buffer *b, const struct exchange *e)
{
	add_number(b, "status", e->status);
	if (UNLIKELY(e->grpc != GRPC_NONE))
		add_text(b, "grpcStatus", grpc_status_told(e));
	add_text(b, "reason", access_record_reason(e));
	add_text(b, "detail", str_of(e->fault_detail));
	const struct chain_binding *by = access_record_answerer(e);
	if (by) {
		add_text(b, "binding", chain_binding_id(by));
		add_text(b, "policy", chain_binding_policy(by));
	}
	add_text(b, "clientId", e->x.client_id);
	add_text(b, "principal", e->x.principal);
	if (UNLIKELY(e->x.claims != NULL))
		add_claims(b, e);
	if (UNLIKELY(e->x.violation != NULL))
		add_violation(b, e->x.violation);
}

static void add_upstream(struct buffer *b, const struct exchange *e)
{
	if (e->service)
		add_text(b, "service", service_options(e->service)->name);
	if (UNLIKELY(e->x.way != NULL))
		add_text(b, "reroutedBy", chain_binding_id(e->x.way->binding));
	add_address(b, "upstream", &e->upstream_address);
	if (e->attempt.is_retry)
		add_number(b, "retries", e->attempt.retry_count);
}

static void add_sizes_and_times(struct buffer *b, const struct exchange *e, int64_t now_us)
{
	const struct attempt *a = &e->attempt;
	add_number(b, "bytesIn", e->down->bytes_received);
	add_number(b, "bytesOut", e->down->bytes_sent);
	add_ms(b, "durationMs", now_us - e->down->started_us);
	if (a->state == ATTEMPT_NONE)
		return;
	int64_t head_us = a->head_us > 0 ? a->head_us : now_us;
	add_ms(b, "upstreamMs", head_us - a->started_us);
}

/* What went over a WebSocket, and how it was closed. */
static void add_frames(struct buffer *b, const struct tunnel *t)
{
	const struct tunnel_way *in = &t->way[CHAIN_REQUEST], *out = &t->way[CHAIN_RESPONSE];
	add_number(b, "messagesIn", in->messages);
	add_number(b, "messagesOut", out->messages);
	if (t->binding) {
		add_text(b, "binding", chain_binding_id(t->binding));
		add_text(b, "policy", chain_binding_policy(t->binding));
	}
	bool by_peers = t->end == TUNNEL_PEERS;
	const struct tunnel_way *by = t->is_closer_client ? in : out;
	if (by_peers && !by->sequence.is_closed)
		return;
	add_text(b, "closedBy",
		!by_peers             ? STR("gateway")
		: t->is_closer_client ? STR("client")
				      : STR("upstream"));
	add_number(b, "closeStatus", by_peers ? by->close_status : t->status[CHAIN_RESPONSE]);
}

static void hand_over(struct proxy_worker *w, struct buffer *b)
{
	buffer_add(b, STR("}\n"));
	char *room = b->failed ? NULL : record_ring_reserve(w->records, b->n);
	if (!room)
		return;
	memcpy(room, b->p, b->n);
	record_ring_commit(w->records, b->n);
}

static void count_answer(const struct exchange *e)
{
	const struct chain_binding *by = access_record_answerer(e);
	answer_tally_count(e->worker->answers, e->x.api, access_record_reason(e),
		by ? chain_binding_policy(by) : STR_EMPTY);
}

static void count(const struct exchange *e, int64_t now_us)
{
	if (UNLIKELY(e->fault != FAULT_NONE || e->x.local) && e->worker->answers)
		count_answer(e);
	if (!e->api)
		return;
	struct api_worker *own = &e->api->workers[e->worker->index];
	metric_add(own->requests[e->status / 100 < API_STATUS_CLASSES ? e->status / 100 : 0], 1);
	metric_observe(own->duration, (uint64_t)(now_us - e->down->started_us));
}

static inline void write(const struct exchange *e, struct buffer *b, int64_t now_us, bool is_masked)
{
	buffer_reset(b);
	add_time(b, loop_wall_us(e->worker->loop));
	add_request(b, e, is_masked);
	add_client(b, e);
	add_outcome(b, e);
	add_upstream(b, e);
	add_sizes_and_times(b, e, now_us);
	if (UNLIKELY(e->tunnel != NULL))
		add_frames(b, e->tunnel);
}

void access_record_write(struct exchange *e)
{
	struct proxy_worker *w = e->worker;
	int64_t now_us = loop_now_us(w->loop);
	count(e, now_us);
	if (!w->records)
		return;
	write(e, &w->record_text, now_us, false);
	hand_over(w, &w->record_text);
}

void access_record_tell(const struct exchange *e, struct buffer *out)
{
	struct buffer *b = &e->worker->record_text;
	write(e, b, loop_now_us(e->worker->loop), true);
	buffer_add_char(b, '}');
	buffer_add(out, buffer_str(b));
}

struct str access_record_refusal_reason(uint16_t status)
{
	enum fault fault = status == 408 ? FAULT_CLIENT_TIMEOUT : FAULT_CLIENT_PROTOCOL;
	return str_of(fault_row(fault)->reason);
}

static void write_unborn(struct proxy_worker *w, const struct http_stream *s, uint16_t status,
	struct str reason, const char *detail)
{
	if (w->answers)
		answer_tally_count(w->answers, STR_EMPTY, reason, STR_EMPTY);
	if (!w->records)
		return;
	char client[ADDRESS_TEXT_BYTES];
	struct buffer *b = &w->record_text;
	buffer_reset(b);
	add_time(b, loop_wall_us(w->loop));
	if (s->peer)
		add_text(b, "client", address_ip_text(s->peer, client));
	add_number(b, "status", status);
	add_text(b, "reason", reason);
	add_text(b, "detail", str_of(detail));
	add_number(b, "bytesIn", s->bytes_received);
	add_number(b, "bytesOut", s->bytes_sent);
	if (s->started_us > 0)
		add_ms(b, "durationMs", loop_now_us(w->loop) - s->started_us);
	hand_over(w, b);
}

void access_record_refused(
	struct proxy_worker *w, const struct http_stream *s, uint16_t status, const char *detail)
{
	w->refused_count++;
	write_unborn(w, s, status, access_record_refusal_reason(status), detail);
}

void access_record_handshake_failed(
	struct proxy_worker *w, const struct http_stream *s, const char *detail)
{
	w->handshake_failed_count++;
	write_unborn(w, s, 0, str_of(fault_row(FAULT_TLS_HANDSHAKE)->reason), detail);
}
