/* SPDX-License-Identifier: Apache-2.0 */
/* compression - responses go out in the coding that the client likes best.
 *
 * What the client takes is read from its request, before other policies change it; whether the
 * response is worth it shows with its head. From there on the body flows through an encoder, piece
 * by piece. */
#include "compression.h"
#include "eligible.h"
#include "encoder.h"
#include "heads.h"

#include "sluice/text.h"

#include <stdatomic.h>

/* Who sends so little at a time of a response whose length is not known waits for it to arrive. */
#define FLUSH_BELOW 4096

struct state {
	enum coding offered[CODING_COUNT];
	size_t offered_count;
	struct encoder_levels levels;
	struct media_types types;
	int64_t bytes_min;
	int64_t streams_max;
	int compresses_credentials;
	int removes_accept_encoding;
	int32_t compressed, bytes_in, bytes_out, at_capacity;
	_Atomic int64_t streams; /* under way, of all workers */
};

/* What is known of one exchange. */
struct visit {
	enum coding coding; /* that the client likes best; never CODING_IDENTITY */
	int flushes;        /* each piece */
	int has_length;
	struct encoder *encoder; /* owned, until the last byte or `done` */
};

/* --- configuration --------------------------------------------------------------------------- */
static const struct sluice_value *member(
	const struct sluice_call *call, const struct sluice_value *config, struct sluice_str name)
{
	return call->host->value_get(config, name);
}

static void read_codings(
	const struct sluice_call *call, const struct sluice_value *list, struct state *s)
{
	const struct sluice_host *host = call->host;
	s->offered_count = host->value_count(list);
	for (size_t i = 0; i < s->offered_count; i++)
		s->offered[i] = coding_of(
			host->value_string(host->value_at(list, i, NULL), SLUICE_STR("gzip")));
}

static void read_config(
	const struct sluice_call *call, const struct sluice_value *config, struct state *s)
{
	const struct sluice_host *host = call->host;
#define MEMBER(name) member(call, config, SLUICE_STR(name))
	read_codings(call, MEMBER("codings"), s);
	s->levels.gzip = (int)host->value_integer(MEMBER("gzipLevel"), 5);
	s->levels.br = (int)host->value_integer(MEMBER("brotliLevel"), 3);
	s->levels.zstd = (int)host->value_integer(MEMBER("zstdLevel"), 3);
	s->bytes_min = host->value_integer(MEMBER("minimumBytes"), 1024);
	s->streams_max = host->value_integer(MEMBER("maxStreams"), 256);
	s->compresses_credentials = host->value_bool(MEMBER("compressWithCredentials"), 0);
	s->removes_accept_encoding = host->value_bool(MEMBER("removeAcceptEncoding"), 0);
#undef MEMBER
}

static void define_counters(const struct sluice_call *call, struct state *s)
{
	const struct sluice_host *host = call->host;
	s->compressed = host->counter_define(call->instance, SLUICE_STR("compressed_responses"),
		SLUICE_STR("Responses that were compressed"));
	s->bytes_in = host->counter_define(call->instance, SLUICE_STR("compression_bytes_in"),
		SLUICE_STR("Bytes of content before their compression"));
	s->bytes_out = host->counter_define(call->instance, SLUICE_STR("compression_bytes_out"),
		SLUICE_STR("Bytes of content after their compression"));
	s->at_capacity = host->counter_define(call->instance, SLUICE_STR("compression_at_capacity"),
		SLUICE_STR("Responses left as they were since too many were being compressed"));
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct state *s = call->host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	read_config(call, config, s);
	define_counters(call, s);
	const struct sluice_value *types = member(call, config, SLUICE_STR("contentTypes"));
	if (media_types_init(call, types, &s->types) != SLUICE_OK) {
		call->host->instance_free(call->instance, s);
		return SLUICE_E_FULL;
	}
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	media_types_deinit(call, &s->types);
	call->host->instance_free(call->instance, s);
}

/* --- the request ----------------------------------------------------------------------------- */
static enum coding choose(
	const struct state *s, const struct sluice_host *host, struct sluice_exchange *x)
{
	struct acceptance a;
	struct sluice_str value;
	uint32_t at = 0;
	acceptance_init(&a);
	while (host->field_next(x, SLUICE_REQUEST, SLUICE_STR("accept-encoding"), &at, NULL,
		       &value) == SLUICE_OK)
		acceptance_add(&a, value);
	return acceptance_choose(&a, s->offered, s->offered_count);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	enum coding coding = choose(s, host, x);
	if (s->removes_accept_encoding &&
		host->field_remove(x, SLUICE_REQUEST, SLUICE_STR("accept-encoding")) < 0)
		return SLUICE_FAIL;
	if (coding == CODING_IDENTITY)
		return SLUICE_CONTINUE;
	struct visit *v = host->exchange_alloc(x, sizeof(*v));
	if (!v)
		return SLUICE_FAIL;
	*v = (struct visit){.coding = coding};
	host->data_set(x, v);
	return SLUICE_CONTINUE;
}

/* --- the head of the response ---------------------------------------------------------------- */
static int has_vary(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str value;
	uint32_t at = 0;
	while (host->field_next(x, SLUICE_RESPONSE, SLUICE_STR("vary"), &at, NULL, &value) ==
		SLUICE_OK)
		while (value.n) {
			struct sluice_str name = sluice_trim(sluice_cut(&value, ','));
			if (sluice_equal(name, SLUICE_STR("*")) ||
				sluice_equal_nocase(name, SLUICE_STR("accept-encoding")))
				return 1;
		}
	return 0;
}

/* A cache on the way has to know that others get other bytes, whatever this client gets. */
static int32_t set_vary(const struct sluice_host *host, struct sluice_exchange *x)
{
	return has_vary(host, x) ? SLUICE_OK
				 : host->field_add(x, SLUICE_RESPONSE, SLUICE_STR("vary"),
					   SLUICE_STR("Accept-Encoding"));
}

static int32_t change_head(
	const struct sluice_host *host, struct sluice_exchange *x, enum coding coding)
{
	int32_t rc = host->field_set(
		x, SLUICE_RESPONSE, SLUICE_STR("content-encoding"), coding_name(coding));
	if (rc == SLUICE_OK)
		rc = head_weaken_etag(host, x);
	/* Ranges would be of other bytes. */
	if (rc == SLUICE_OK &&
		host->field_remove(x, SLUICE_RESPONSE, SLUICE_STR("accept-ranges")) < 0)
		rc = SLUICE_E_FULL;
	return rc;
}

static void visit_end(const struct sluice_call *call, struct visit *v)
{
	struct state *s = call->state;
	if (!v || !v->encoder)
		return;
	encoder_free(v->encoder);
	v->encoder = NULL;
	atomic_fetch_sub_explicit(&s->streams, 1, memory_order_relaxed);
}

/* Whether there is room for one more, and memory for it. */
static int visit_start(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	struct state *s = call->state;
	int64_t length = call->host->body_length(x, SLUICE_RESPONSE);
	if (atomic_fetch_add_explicit(&s->streams, 1, memory_order_relaxed) < s->streams_max)
		v->encoder = encoder_new(call, v->coding, &s->levels, length);
	if (!v->encoder) {
		atomic_fetch_sub_explicit(&s->streams, 1, memory_order_relaxed);
		call->host->counter_add(call->instance, s->at_capacity, 1);
		return 0;
	}
	v->has_length = length >= 0;
	v->flushes = is_event_stream(call->host, x);
	call->host->counter_add(call->instance, s->compressed, 1);
	return 1;
}

static int32_t pass(const struct sluice_host *host, struct sluice_exchange *x)
{
	return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* The fields that a HEAD request or a 304 gets: those that the whole answer would have had of them.
 */
static int32_t head_without_content(const struct sluice_host *host, struct sluice_exchange *x)
{
	return set_vary(host, x) == SLUICE_OK ? pass(host, x) : SLUICE_FAIL;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct visit *v = host->data_get(x);
	if (host->status(x) == 304 ||
		sluice_equal(host->fact(x, SLUICE_FACT_METHOD_RECEIVED), SLUICE_STR("HEAD")))
		return head_without_content(host, x);
	if (!is_compressible(host, x, &s->types, s->bytes_min) ||
		(!s->compresses_credentials && has_credentials(host, x)))
		return pass(host, x);
	if (set_vary(host, x) != SLUICE_OK)
		return SLUICE_FAIL;
	if (!v || !visit_start(call, x, v))
		return pass(host, x);
	return change_head(host, x, v->coding) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* --- its body -------------------------------------------------------------------------------- */
struct output {
	const struct sluice_host *host;
	struct sluice_exchange *x;
	uint64_t bytes;
};

static int32_t give(void *arg, struct sluice_str bytes)
{
	struct output *o = arg;
	o->bytes += bytes.n;
	return o->host->body_replace(o->x, bytes);
}

static enum encoder_step step_of(const struct visit *v, const struct sluice_body *body)
{
	if (body->end)
		return ENCODER_END;
	if (v->flushes || (!v->has_length && body->bytes.n < FLUSH_BELOW))
		return ENCODER_FLUSH;
	return ENCODER_FLOW;
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct visit *v = host->data_get(x);
	struct output o = {.host = host, .x = x};
	/* The piece is gone, also where nothing comes out of it yet. */
	if (!v || !v->encoder || host->body_replace(x, SLUICE_STR("")) != SLUICE_OK ||
		encoder_put(v->encoder, body->bytes, step_of(v, body), give, &o) != SLUICE_OK)
		return SLUICE_FAIL;
	host->counter_add(call->instance, s->bytes_in, body->bytes.n);
	host->counter_add(call->instance, s->bytes_out, o.bytes);
	if (body->end)
		visit_end(call, v);
	return SLUICE_CONTINUE;
}

static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	visit_end(call, call->host->data_get(x));
}

const struct sluice_policy compression_policy = {
	.size = sizeof(compression_policy),
	.name = "compression",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
	.response_body = response_body,
	.done = done,
};
