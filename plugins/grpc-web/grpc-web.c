/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-web - browsers call gRPC services.
 *
 * A browser's code sees no fields behind the content: gRPC-Web has them as one more frame behind
 * the messages, marked by 0x80, and, in its text form, all of it in base64. Messages are framed
 * alike in both, so they pass as they come, and nothing is held.
 *
 * Sources      PROTOCOL-WEB.md of gRPC. */
#include "writer.h"

#include "sluice/text.h"

#define NATIVE         SLUICE_STR("application/grpc")
#define WEB            SLUICE_STR("application/grpc-web")
#define TEXT           SLUICE_STR("application/grpc-web-text")
#define FRAME_HEAD     5
#define FRAME_TRAILERS 0x80
/* Digits that are decoded at a time. */
#define DECODE_DIGITS 4096
#define DECODE_BYTES  (DECODE_DIGITS / TEXT_GROUP_DIGITS * TEXT_GROUP_BYTES + TEXT_GROUP_BYTES)

struct state {
	int32_t calls, refused;
};

/* What is known of one call. */
struct visit {
	int asks_text, answers_text;
	struct text_group group; /* of the request */
};

/* --- configuration --------------------------------------------------------------------------- */
static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	s->calls = host->counter_define(call->instance, SLUICE_STR("grpc_web_calls"),
		SLUICE_STR("Calls of browsers that went on as gRPC"));
	s->refused = host->counter_define(call->instance, SLUICE_STR("grpc_web_refused"),
		SLUICE_STR("Calls that were refused since their text was none"));
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- media types ----------------------------------------------------------------------------- */
/* Whether `type` is `base`, whatever its messages are made of; then `rest` says that: "+proto". */
static int is_type(struct sluice_str type, struct sluice_str base, struct sluice_str *rest)
{
	if (!sluice_starts_nocase(type, base))
		return 0;
	rest->p = type.p + base.n;
	rest->n = type.n - base.n;
	return rest->n == 0 || rest->p[0] == '+' || rest->p[0] == ';' || rest->p[0] == ' ';
}

static int is_web(struct sluice_str type, struct sluice_str *rest, int *is_text)
{
	*is_text = is_type(type, TEXT, rest);
	return *is_text || is_type(type, WEB, rest);
}

/* How the client wants its answer: as the first of the two that it accepts, or as it asks. */
static int accepts_text(const struct sluice_host *host, struct sluice_exchange *x, int asks_text)
{
	struct sluice_str value, rest;
	uint32_t at = 0;
	int is_text;
	while (host->field_next(x, SLUICE_REQUEST, SLUICE_STR("accept"), &at, NULL, &value) ==
		SLUICE_OK)
		while (value.n)
			if (is_web(sluice_trim(sluice_cut(&value, ',')), &rest, &is_text))
				return is_text;
	return asks_text;
}

static int32_t set_type(const struct sluice_host *host, struct sluice_exchange *x,
	enum sluice_side side, struct sluice_str base, struct sluice_str rest)
{
	char *type = host->exchange_alloc(x, base.n + rest.n);
	if (!type)
		return SLUICE_FAIL;
	memcpy(type, base.p, base.n);
	memcpy(type + base.n, rest.p, rest.n);
	int32_t rc = host->field_set(
		x, side, SLUICE_STR("content-type"), (struct sluice_str){type, base.n + rest.n});
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static int32_t pass(const struct sluice_host *host, struct sluice_exchange *x)
{
	return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* --- the request ----------------------------------------------------------------------------- */
static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct sluice_str type, rest;
	int is_text;
	if (host->field_get(x, SLUICE_REQUEST, SLUICE_STR("content-type"), &type) != SLUICE_OK ||
		!is_web(type, &rest, &is_text))
		return pass(host, x);
	struct visit *v = host->exchange_alloc(x, sizeof(*v));
	if (!v)
		return SLUICE_FAIL;
	*v = (struct visit){.asks_text = is_text, .answers_text = accepts_text(host, x, is_text)};
	host->data_set(x, v);
	host->counter_add(call->instance, s->calls, 1);
	int32_t verdict = set_type(host, x, SLUICE_REQUEST, NATIVE, rest);
	int is_done = !is_text || host->body_length(x, SLUICE_REQUEST) == 0;
	return verdict == SLUICE_CONTINUE && is_done ? pass(host, x) : verdict;
}

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	const struct sluice_str reason = SLUICE_STR("grpc_web_no_base64");
	call->host->counter_add(call->instance, s->refused, 1);
	sluice_tell_violation(call->host, x, reason);
	int32_t rc = call->host->respond_error(
		x, 400, NULL, 0, SLUICE_STR("The call is no base64"), reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

/* SLUICE_E_INVALID: it is no base64. */
static int32_t decode(struct visit *v, struct sluice_str in, struct writer *w)
{
	char out[DECODE_BYTES];
	while (in.n > 0) {
		struct sluice_str part = {in.p, in.n < DECODE_DIGITS ? in.n : DECODE_DIGITS};
		int64_t n = text_decode(&v->group, part, out);
		if (n < 0)
			return SLUICE_E_INVALID;
		writer_put(w, (struct sluice_str){out, (size_t)n});
		in.p += part.n;
		in.n -= part.n;
	}
	return SLUICE_OK;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct visit *v = call->host->data_get(x);
	struct writer w;
	if (!v)
		return SLUICE_FAIL;
	writer_init(&w, call->host, x, 0);
	if (decode(v, body->bytes, &w) != SLUICE_OK || (body->end && v->group.n > 0))
		return refuse(call, x);
	writer_flush(&w);
	return w.rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* --- the response ---------------------------------------------------------------------------- */
/* What is no gRPC (an error page of something on the way) passes as it is: clients go by its status
 * then. Without content the fields of the head say it all. */
static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct visit *v = host->data_get(x);
	struct sluice_str type, rest;
	if (!v ||
		host->field_get(x, SLUICE_RESPONSE, SLUICE_STR("content-type"), &type) !=
			SLUICE_OK ||
		!is_type(type, NATIVE, &rest))
		return pass(host, x);
	int32_t verdict = set_type(host, x, SLUICE_RESPONSE, v->answers_text ? TEXT : WEB, rest);
	if (verdict == SLUICE_CONTINUE && host->body_length(x, SLUICE_RESPONSE) == 0)
		return pass(host, x);
	return verdict;
}

typedef void trailer_fn(void *arg, struct sluice_str text);

/* The lines of a frame of trailers. */
static void each_line(
	const struct sluice_host *host, struct sluice_exchange *x, trailer_fn *fn, void *arg)
{
	struct sluice_str name, value;
	uint32_t at = 0;
	while (host->field_next(x, SLUICE_RESPONSE_TRAILERS, SLUICE_STR(""), &at, &name, &value) ==
		SLUICE_OK) {
		for (size_t i = 0; i < name.n; i++) {
			char c = sluice_lower(name.p[i]);
			fn(arg, (struct sluice_str){&c, 1});
		}
		fn(arg, SLUICE_STR(": "));
		fn(arg, value);
		fn(arg, SLUICE_STR("\r\n"));
	}
}

static void count(void *arg, struct sluice_str text)
{
	size_t *n = arg;
	*n += text.n;
}

static void put(void *arg, struct sluice_str text)
{
	writer_put(arg, text);
}

static void put_trailers(struct writer *w)
{
	size_t n = 0;
	each_line(w->host, w->x, count, &n);
	if (n == 0)
		return;
	const char head[FRAME_HEAD] = {
		(char)FRAME_TRAILERS, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
	writer_put(w, (struct sluice_str){head, FRAME_HEAD});
	each_line(w->host, w->x, put, w);
	writer_flush(w);
}

/* Of a binary answer only the last piece changes. */
static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct visit *v = call->host->data_get(x);
	struct writer w;
	if (!v)
		return SLUICE_FAIL;
	if (!v->answers_text && !body->end)
		return SLUICE_CONTINUE;
	writer_init(&w, call->host, x, v->answers_text);
	writer_put(&w, body->bytes);
	writer_flush(&w);
	if (body->end)
		put_trailers(&w);
	return w.rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "grpc-web",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
	.response_head = response_head,
	.response_body = response_body,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "grpc-web",
		.version = "1.0.0",
		.policies = policies,
	};
	return &plugin;
}
