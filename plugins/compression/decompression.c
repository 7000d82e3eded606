/* SPDX-License-Identifier: Apache-2.0 */
/* decompression - policies and upstreams behind it see what a message says, whatever its coding.
 *
 * The head loses its Content-Encoding, the body flows through a decoder. What is too much of it is
 * refused while it comes out, before it goes on. Requests and responses meet the policies of a chain in
 * opposite orders: a binding decompresses either or both. */
#include "compression.h"
#include "decoder.h"
#include "heads.h"

#include "sluice/text.h"

struct state {
	unsigned codings; /* bits of enum coding that are taken */
	int takes_requests, takes_responses;
	struct decoder_bounds bounds;
	struct sluice_str accepted; /* for a 415 */
	char accepted_bytes[32];
	int32_t requests, responses, refused;
};

/* What is known of one exchange. */
struct visit {
	struct decoder *decoder
		[2]; /* owned, until the last byte or `done`: SLUICE_REQUEST, SLUICE_RESPONSE */
};

/* --- configuration --------------------------------------------------------------------------- */
static void accept_coding(struct state *s, enum coding coding)
{
	struct sluice_str name = coding_name(coding);
	size_t n = s->accepted.n;
	if (n) {
		memcpy(s->accepted_bytes + n, ", ", 2);
		n += 2;
	}
	memcpy(s->accepted_bytes + n, name.p, name.n);
	s->accepted = (struct sluice_str){s->accepted_bytes, n + name.n};
	s->codings |= 1u << coding;
}

static void read_config(
	const struct sluice_call *call, const struct sluice_value *config, struct state *s)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *codings = host->value_get(config, SLUICE_STR("codings"));
	for (size_t i = 0; i < host->value_count(codings); i++)
		accept_coding(s, coding_of(host->value_string(
					 host->value_at(codings, i, NULL), SLUICE_STR("gzip"))));
	s->takes_requests = host->value_bool(host->value_get(config, SLUICE_STR("requests")), 1);
	s->takes_responses = host->value_bool(host->value_get(config, SLUICE_STR("responses")), 0);
	s->bounds.bytes_max =
		host->value_integer(host->value_get(config, SLUICE_STR("maximumBytes")), 10485760);
	s->bounds.ratio_max =
		host->value_integer(host->value_get(config, SLUICE_STR("maximumRatio")), 100);
}

static void define_counters(const struct sluice_call *call, struct state *s)
{
	const struct sluice_host *host = call->host;
	s->requests = host->counter_define(call->instance, SLUICE_STR("decompressed_requests"),
		SLUICE_STR("Requests whose content was decompressed"));
	s->responses = host->counter_define(call->instance, SLUICE_STR("decompressed_responses"),
		SLUICE_STR("Responses whose content was decompressed"));
	s->refused = host->counter_define(call->instance, SLUICE_STR("decompression_refused"),
		SLUICE_STR("Messages refused by decompression"));
}

/* A direction that is not looked at costs nothing. What may be sent is said in the request's head. */
static int32_t omit_callbacks(const struct sluice_call *call, const struct state *s)
{
	uint32_t omitted = 0;
	if (!s->takes_requests)
		omitted |= SLUICE_OMIT_REQUEST_BODY;
	if (!s->takes_responses)
		omitted |= SLUICE_OMIT_RESPONSE_HEAD | SLUICE_OMIT_RESPONSE_BODY;
	return call->host->callbacks_omit(call->instance, omitted);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	read_config(call, config, s);
	define_counters(call, s);
	int32_t rc = omit_callbacks(call, s);
	if (!s->takes_requests && !s->takes_responses) {
		host->config_error(call->instance, host->value_get(config, SLUICE_STR("requests")),
			SLUICE_STR("neither requests nor responses: it would do nothing"));
		rc = SLUICE_E_INVALID;
	}
	if (rc == SLUICE_OK)
		*out = s;
	else
		host->instance_free(call->instance, s);
	return rc;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- either direction ------------------------------------------------------------------------ */
/* Why a message is refused, as each direction tells it: a client is at fault, or an upstream. */
#define WORDS(text)                                                                                \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}
static const struct refusal {
	int32_t request_status;
	struct sluice_str message, reason;
} unsupported = {415, WORDS("Content of this Content-Encoding is not taken"),
	WORDS("coding_unsupported")},
  damaged = {400, WORDS("The content is not what its coding says"), WORDS("coding_damaged")},
  too_large = {413, WORDS("The content is too large"), WORDS("decompressed_too_large")},
  too_dense = {413, WORDS("The content is compressed too much"), WORDS("decompression_bomb")};

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, const struct refusal *why)
{
	const struct state *s = call->state;
	const struct sluice_str fields[] = {SLUICE_STR("Accept-Encoding"), s->accepted};
	int is_request = side == SLUICE_REQUEST;
	call->host->counter_add(call->instance, s->refused, 1);
	if (is_request)
		sluice_tell_violation(call->host, x, why->reason);
	int32_t rc = call->host->respond_error(x, is_request ? why->request_status : 502, fields,
		is_request && why == &unsupported ? 1 : 0, why->message, why->reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t pass(const struct sluice_host *host, struct sluice_exchange *x)
{
	return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static struct visit *visit_of(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct visit *v = host->data_get(x);
	if (v)
		return v;
	v = host->exchange_alloc(x, sizeof(*v));
	if (!v)
		return NULL;
	*v = (struct visit){0};
	host->data_set(x, v);
	return v;
}

static void visit_end(struct visit *v, enum sluice_side side)
{
	if (!v)
		return;
	decoder_free(v->decoder[side]);
	v->decoder[side] = NULL;
}

/* The head of a message with content. */
static int32_t begin(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, int32_t counter)
{
	const struct state *s = call->state;
	enum coding coding = head_coding(call->host, x, side);
	if (coding == CODING_IDENTITY)
		return pass(call->host, x);
	if (!(s->codings >> coding & 1))
		return refuse(call, x, side, &unsupported);
	struct visit *v = visit_of(call->host, x);
	if (!v || !(v->decoder[side] = decoder_new(call, coding, s->bounds)))
		return SLUICE_FAIL;
	call->host->counter_add(call->instance, counter, 1);
	return head_make_plain(call->host, x, side) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

struct output {
	const struct sluice_host *host;
	struct sluice_exchange *x;
	int32_t rc;
};

static int32_t give(void *arg, struct sluice_str bytes)
{
	struct output *o = arg;
	return o->rc = o->host->body_replace(o->x, bytes);
}

static const struct refusal *refusal_of(enum decoder_result why)
{
	if (why == DECODER_DAMAGED)
		return &damaged;
	return why == DECODER_TOO_LARGE ? &too_large : &too_dense;
}

static int32_t flow(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, const struct sluice_body *body)
{
	struct visit *v = call->host->data_get(x);
	struct output o = {.host = call->host, .x = x};
	/* The piece is gone, also where nothing comes out of it yet. */
	if (!v || !v->decoder[side] || call->host->body_replace(x, SLUICE_STR("")) != SLUICE_OK)
		return SLUICE_FAIL;
	enum decoder_result r =
		decoder_put(v->decoder[side], body->bytes, body->end != 0, give, &o);
	if (r == DECODER_OK) {
		if (body->end)
			visit_end(v, side);
		return SLUICE_CONTINUE;
	}
	/* So much out of one piece is too much of it, too. */
	if (r == DECODER_STOPPED && o.rc != SLUICE_E_FULL)
		return SLUICE_FAIL;
	return refuse(call, x, side, refusal_of(r));
}

/* --- requests -------------------------------------------------------------------------------- */
static int has_range(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str value;
	return host->field_get(x, SLUICE_REQUEST, SLUICE_STR("range"), &value) == SLUICE_OK;
}

/* A part of a coded content says nothing, and a head alone would tell the coded length: for those the
 * upstream is asked for the content as it is. */
static int32_t narrow(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	if (has_range(host, x) ||
		sluice_equal(host->fact(x, SLUICE_FACT_METHOD), SLUICE_STR("HEAD")))
		return host->field_set(
			x, SLUICE_REQUEST, SLUICE_STR("accept-encoding"), SLUICE_STR("identity"));
	return head_accept_only(host, x, s->codings);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	if (s->takes_responses && narrow(call, x) != SLUICE_OK)
		return SLUICE_FAIL;
	if (!s->takes_requests)
		return SLUICE_CONTINUE;
	if (call->host->body_length(x, SLUICE_REQUEST) == 0)
		return pass(call->host, x);
	return begin(call, x, SLUICE_REQUEST, s->requests);
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	return flow(call, x, SLUICE_REQUEST, body);
}

/* --- responses ------------------------------------------------------------------------------- */
/* Answers to HEAD, 304 and the like have no content; of a part of a content nothing can be told. */
static int has_whole_content(const struct sluice_host *host, struct sluice_exchange *x)
{
	int32_t status = host->status(x);
	return status != 204 && status != 206 && status != 304 &&
	       host->body_length(x, SLUICE_RESPONSE) != 0 &&
	       !sluice_equal(host->fact(x, SLUICE_FACT_METHOD_RECEIVED), SLUICE_STR("HEAD"));
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	if (!has_whole_content(call->host, x))
		return pass(call->host, x);
	return begin(call, x, SLUICE_RESPONSE, s->responses);
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	return flow(call, x, SLUICE_RESPONSE, body);
}

static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	visit_end(call->host->data_get(x), SLUICE_REQUEST);
	visit_end(call->host->data_get(x), SLUICE_RESPONSE);
}

const struct sluice_policy decompression_policy = {
	.size = sizeof(decompression_policy),
	.name = "decompression",
	.version = "1.1.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
	.response_head = response_head,
	.response_body = response_body,
	.done = done,
};
