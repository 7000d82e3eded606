/* SPDX-License-Identifier: Apache-2.0 */
/* Walks a chain as the proxy does: heads and pieces in, what has passed out, an answer back through
 * the policies in front of the one that gave it. */
#include "testing/testing_priv.h"

#include "base/memory.h"
#include "crypto/crypto.h"
#include "http/uri.h"
#include "policy/chain.h"
#include "policy/claims.h"
#include "policy/local_stream.h"
#include "policy/run.h"
#include "policy/target.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES    (1u << 20) /* the gateway's own default */
#define BODY_BYTES_MAX (64u << 20)
#define TEXTS_MAX      64

struct sluice_test_exchange {
	struct sluice_test_exchange *next;
	struct sluice_test *test;
	struct arena arena;
	struct http_request request;
	struct http_response response;
	struct fields trailers[2];
	struct sluice_exchange x;
	struct task task;
	struct buffer given;     /* the body of the direction that is walked, not fed yet */
	struct buffer passed[2]; /* what went on */
	size_t fed;              /* of `given` */
	enum chain_direction direction;
	enum sluice_test_outcome outcome;
	bool is_begun, is_answer; /* a policy's answer is on its way back */
	bool is_streaming;        /* and is written meanwhile */
	bool is_stalled;          /* its client takes nothing */
	struct testing_frames *frames; /* owned; NULL: it is no WebSocket */
	char *texts[TEXTS_MAX];   /* owned: what was handed out */
	size_t text_count;
};

static struct sluice_test_exchange *exchange_of(struct sluice_exchange *x)
{
	return CONTAINER_OF(x, struct sluice_test_exchange, x);
}

bool testing_is_paused(const struct sluice_test_exchange *x)
{
	return x->is_begun && x->outcome == SLUICE_TEST_PAUSED;
}

bool testing_runs(const struct sluice_test_exchange *x, const struct chain *chain)
{
	return x->is_begun && x->x.chain == chain;
}

struct sluice_test *testing_gateway_of(const struct sluice_test_exchange *x)
{
	return x->test;
}

struct sluice_exchange *testing_view_of(struct sluice_test_exchange *x)
{
	return &x->x;
}

struct testing_frames **testing_frames_of(struct sluice_test_exchange *x)
{
	return &x->frames;
}

const struct sluice_test_exchange *testing_next(const struct sluice_test_exchange *x)
{
	return x->next;
}

/* --- the walk -------------------------------------------------------------------------------- */
/* What the policy has written, once what it wrote before has passed. */
static void feed_stream(struct sluice_test_exchange *t, struct local_stream *s)
{
	struct chain_run *run = &t->x.run[CHAIN_RESPONSE];
	bool takes = !t->is_stalled && chunk_queue_is_empty(&run->in);
	if (takes)
		chunk_queue_move(&run->in, &s->queue);
	run->in_ended = s->ended && chunk_queue_is_empty(&s->queue);
	if (run->in_ended && !t->x.trailers[CHAIN_RESPONSE])
		t->x.trailers[CHAIN_RESPONSE] = s->trailers;
	if (takes)
		s->changed(s);
}

static void feed(struct sluice_test_exchange *t)
{
	if (t->is_streaming) {
		feed_stream(t, t->x.local->stream);
		return;
	}
	struct chain_run *run = &t->x.run[t->direction];
	size_t rest = t->given.n - t->fed, split = t->test->split;
	size_t n = split > 0 && split < rest ? split : rest;
	if (n > 0)
		chunk_queue_add_copy(&run->in, str_n(t->given.p + t->fed, n));
	t->fed += n;
	run->in_ended = t->fed == t->given.n;
}

static void collect(struct sluice_test_exchange *t)
{
	struct chain_run *run = &t->x.run[t->direction];
	size_t n = run->out.bytes;
	char *to = n > 0 ? buffer_reserve(&t->passed[t->direction], n) : NULL;
	if (!to)
		return;
	chunk_queue_peek(&run->out, to, n);
	chunk_queue_drop(&run->out, n);
	buffer_commit(&t->passed[t->direction], n);
}

static void begin_direction(struct sluice_test_exchange *t, enum chain_direction d, struct str body)
{
	t->direction = d;
	t->fed = 0;
	buffer_reset(&t->given);
	buffer_add(&t->given, body);
	buffer_reset(&t->passed[d]);
}

/* What the policy that answered gave, back to the client. */
static void begin_answer(struct sluice_test_exchange *t)
{
	struct local_stream *s = t->x.local->stream;
	t->is_answer = true;
	t->is_streaming = s != NULL;
	if (s)
		t->x.local->head.has_content = !s->discards;
	t->x.response = &t->x.local->head;
	t->x.trailers[CHAIN_RESPONSE] = NULL;
	t->x.own_trailers &= (uint8_t)~(1u << CHAIN_RESPONSE);
	begin_direction(t, CHAIN_RESPONSE, t->x.local->body);
}

/* The gateway's own answer; what stands in front of the policy that failed sees no more of it here.
 */
static enum sluice_test_outcome deny(struct sluice_test_exchange *t, int status)
{
	bool is_sent = t->is_streaming && t->x.run[CHAIN_RESPONSE].head_done;
	local_stream_lose(local_stream_of(&t->x), LOCAL_STREAM_CUT);
	t->is_streaming = false;
	if (is_sent)
		return SLUICE_TEST_CUT;
	t->x.response = &t->response;
	t->response.status = (uint16_t)status;
	return status == 503 ? SLUICE_TEST_DENIED : SLUICE_TEST_TOO_LARGE;
}

static bool is_given_up(const struct sluice_test_exchange *t)
{
	const struct local_stream *s = local_stream_of(&t->x);
	return s && s->aborted;
}

/* As far as it is written: the rest comes by on_wake. */
static enum sluice_test_outcome await_stream(const struct sluice_test_exchange *t)
{
	bool is_sent = t->x.run[CHAIN_RESPONSE].head_done;
	return is_sent ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PAUSED;
}

static enum sluice_test_outcome walk(struct sluice_test_exchange *t)
{
	for (;;) {
		struct chain_run *run = &t->x.run[t->direction];
		if (is_given_up(t))
			return deny(t, 503);
		if (!run->in_ended)
			feed(t);
		enum chain_result result = chain_step(&t->x, t->direction);
		collect(t);
		switch (result) {
		case CHAIN_MORE:
			if (t->is_streaming && !t->x.run[t->direction].in_ended)
				return await_stream(t);
			if (t->x.run[t->direction].in_ended) {
				testing_fail("the chain wants more than the whole message");
				return SLUICE_TEST_DENIED;
			}
			break;
		case CHAIN_DONE:
			t->is_streaming = false;
			return t->is_answer ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED;
		case CHAIN_PAUSED:
			return SLUICE_TEST_PAUSED;
		case CHAIN_RESPONDED:
			begin_answer(t);
			break;
		case CHAIN_FAILED:
			return deny(t, 503);
		case CHAIN_TOO_LARGE:
			return deny(t, t->direction == CHAIN_REQUEST ? 413 : 502);
		}
	}
}

/* A pause that was reached by a scenario with faults. */
static void meet_fault(struct sluice_test_exchange *t)
{
	bool is_gone = testing_fault_is_here(FAULT_CLIENT_GONE);
	bool is_late = testing_fault_is_here(FAULT_TIME);
	if (is_gone)
		sluice_test_cancel(t);
	else if (is_late)
		sluice_test_advance(t->test, 600000);
}

static enum sluice_test_outcome go_on(struct sluice_test_exchange *t)
{
	t->outcome = walk(t);
	if (t->outcome == SLUICE_TEST_PAUSED)
		meet_fault(t);
	return t->outcome;
}

static void on_task(struct task *task)
{
	struct sluice_test_exchange *t = CONTAINER_OF(task, struct sluice_test_exchange, task);
	if (testing_is_paused(t) || t->is_streaming)
		t->outcome = walk(t);
}

static void on_wake(struct sluice_exchange *x)
{
	loop_ready(x->loop, &exchange_of(x)->task);
}

/* --- the beginning --------------------------------------------------------------------------- */
static void init_messages(struct sluice_test_exchange *t)
{
	http_request_init(&t->request, &t->arena);
	http_response_init(&t->response, &t->arena);
	fields_init(&t->trailers[CHAIN_REQUEST], &t->arena);
	fields_init(&t->trailers[CHAIN_RESPONSE], &t->arena);
	t->request.authority = STR("api.example");
	t->request.scheme = STR("http");
	t->request.version_major = t->request.version_minor = 1;
	t->request.content_length = CONTENT_LENGTH_NONE;
	t->response.has_content = true;
	t->response.content_length = CONTENT_LENGTH_UNKNOWN;
}

/* As a connection's next exchange begins: nothing of one before is left in it. */
static void init(struct sluice_test_exchange *t)
{
	init_messages(t);
	t->x = (struct sluice_exchange){
		.loop = t->test->loop,
		.arena = &t->arena,
		.request = &t->request,
		.client_address = STR("192.0.2.1"),
		.local_address = STR("192.0.2.9"),
		.request_id = STR("00000000-0000-4000-8000-000000000001"),
		.api = STR("default/test"),
		.wake = on_wake,
	};
}

static void set_target(struct sluice_test_exchange *t, const char *method, const char *target)
{
	bool has_query;
	uint8_t holds;
	struct http_request *r = &t->request;
	r->method_name = arena_copy(&t->arena, str_of(method));
	r->method = http_method_of(r->method_name);
	r->target = arena_copy(&t->arena, str_of(target));
	if (uri_parse_origin_form(r->target, &t->arena, &r->path, &r->query, &has_query, &holds) !=
		RC_OK)
		testing_fail(
			"\"%s\" is no target of a request that the gateway would take", target);
	r->has_query = has_query;
}

struct sluice_test_exchange *sluice_test_request(
	struct sluice_test *test, const char *method, const char *target)
{
	testing_open(test);
	struct sluice_test_exchange *t = heap_zalloc(sizeof(*t));
	t->test = test;
	t->next = test->exchanges;
	test->exchanges = t;
	arena_init(&t->arena, loop_pool(test->loop), ARENA_BYTES);
	init(t);
	set_target(t, method, target);
	task_init(&t->task, on_task);
	for (int d = 0; d < 2; d++)
		buffer_init(&t->passed[d], BODY_BYTES_MAX);
	buffer_init(&t->given, BODY_BYTES_MAX);
	return t;
}

/* Trailers belong to the exchange as soon as there are any. */
static struct fields *fields_to_add(struct sluice_test_exchange *t, enum sluice_side side)
{
	if (side == SLUICE_REQUEST)
		return &t->request.fields;
	if (side == SLUICE_RESPONSE)
		return &t->response.fields;
	enum chain_direction d =
		side == SLUICE_REQUEST_TRAILERS ? CHAIN_REQUEST : CHAIN_RESPONSE;
	t->x.trailers[d] = &t->trailers[d];
	return &t->trailers[d];
}

void sluice_test_add(
	struct sluice_test_exchange *t, enum sluice_side side, const char *name, const char *value)
{
	struct fields *fields = fields_to_add(t, side);
	struct str copy = arena_copy(&t->arena, str_of(value));
	if (fields_add(fields, arena_copy(&t->arena, str_of(name)), copy) != RC_OK)
		testing_fail("the field %s: %s cannot stand in a message", name, value);
}

void sluice_test_client(struct sluice_test_exchange *t, const char *address)
{
	t->x.client_address = arena_copy(&t->arena, str_of(address));
}

/* Between the lines that frame it; empty when they are not there. */
static struct str pem_body(const char *pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	const char *from = strstr(pem, begin);
	const char *to = from ? strstr(from, "-----END CERTIFICATE-----") : NULL;
	return to ? str_n(from + sizeof(begin) - 1, (size_t)(to - from) - sizeof(begin) + 1)
		  : STR_EMPTY;
}

void sluice_test_tls(struct sluice_test_exchange *t, const char *certificate)
{
	t->x.tls_version = "TLSv1.3";
	if (!certificate)
		return;
	struct str pem = pem_body(certificate);
	char *text = arena_alloc(&t->arena, pem.n + 1), *der = arena_alloc(&t->arena, pem.n + 1);
	size_t n = 0, bytes = 0;
	for (size_t i = 0; i < pem.n; i++)
		if (!strchr(" \t\r\n", pem.p[i]))
			text[n++] = pem.p[i];
	if (n == 0 || base64_decode(str_n(text, n), der, &bytes) != RC_OK)
		testing_fail("no certificate in PEM: %.40s", certificate);
	t->x.tls_certificate = str_n(der, bytes);
}

void sluice_test_add_claim(struct sluice_test_exchange *t, const char *name, const char *json)
{
	if (claims_set(&t->x, str_of(name), str_of(json)) != RC_OK)
		testing_fail("%s is no claim: %s", name, json);
}

/* What stands behind the content is announced by chunks. */
static int64_t length_of(
	const struct sluice_test_exchange *t, enum chain_direction d, size_t bytes)
{
	return t->x.trailers[d] ? CONTENT_LENGTH_UNKNOWN : (int64_t)bytes;
}

enum sluice_test_outcome sluice_test_send_bytes(
	struct sluice_test_exchange *t, const void *bytes, size_t n)
{
	if (t->is_begun) {
		testing_fail("this request was sent already");
		return t->outcome;
	}
	if (t->test->is_refused)
		return t->outcome = SLUICE_TEST_DENIED;
	if (n > 0 || t->x.trailers[CHAIN_REQUEST])
		t->request.content_length = length_of(t, CHAIN_REQUEST, n);
	t->is_begun = true;
	chain_begin(&t->x, t->test->chain, UINT64_MAX);
	begin_direction(t, CHAIN_REQUEST, str_n(bytes, n));
	return go_on(t);
}

enum sluice_test_outcome sluice_test_send(struct sluice_test_exchange *t, const char *body)
{
	return sluice_test_send_bytes(t, body, body ? strlen(body) : 0);
}

enum sluice_test_outcome sluice_test_answer_bytes(
	struct sluice_test_exchange *t, int status, const void *bytes, size_t n)
{
	bool is_sent =
		t->is_begun && t->direction == CHAIN_REQUEST && t->outcome == SLUICE_TEST_PASSED;
	if (!is_sent) {
		testing_fail("there is no request for which an answer could come");
		return t->outcome;
	}
	t->x.request_sent = true;
	t->response.status = (uint16_t)status;
	t->response.content_length = length_of(t, CHAIN_RESPONSE, n);
	if (http_asked_head(&t->request)) {
		t->response.has_content = false;
		t->response.content_length = n > 0 ? (int64_t)n : CONTENT_LENGTH_UNKNOWN;
		n = 0;
	}
	t->x.response = &t->response;
	begin_direction(t, CHAIN_RESPONSE, str_n(bytes, n));
	return go_on(t);
}

enum sluice_test_outcome sluice_test_answer(
	struct sluice_test_exchange *t, int status, const char *body)
{
	return sluice_test_answer_bytes(t, status, body, body ? strlen(body) : 0);
}

enum sluice_test_outcome sluice_test_outcome(const struct sluice_test_exchange *t)
{
	return t->outcome;
}

/* --- the end --------------------------------------------------------------------------------- */
int sluice_test_is_streaming(const struct sluice_test_exchange *t)
{
	return t->is_streaming;
}

void sluice_test_stall(struct sluice_test_exchange *t, int stalls)
{
	t->is_stalled = stalls != 0;
	if (t->is_begun)
		loop_ready(t->x.loop, &t->task);
}

void sluice_test_cancel(struct sluice_test_exchange *t)
{
	if (t->is_streaming)
		local_stream_lose(local_stream_of(&t->x), LOCAL_STREAM_CLIENT_GONE);
	t->is_streaming = false;
	if (t->is_begun)
		chain_finish(&t->x);
	testing_frames_free(t->frames, &t->x);
	t->frames = NULL;
	task_cancel(&t->task);
	t->is_begun = false;
	t->outcome = SLUICE_TEST_DENIED;
}

void sluice_test_end(struct sluice_test_exchange *t)
{
	struct sluice_test_exchange **at = &t->test->exchanges;
	sluice_test_cancel(t);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	for (size_t i = 0; i < t->text_count && i < TEXTS_MAX; i++)
		free(t->texts[i]);
	for (int d = 0; d < 2; d++)
		buffer_deinit(&t->passed[d]);
	buffer_deinit(&t->given);
	arena_reset(&t->arena);
	t->next = t->test->ended;
	t->test->ended = t;
	testing_retire(t->test);
}

void testing_free_ended(struct sluice_test *test)
{
	while (test->ended) {
		struct sluice_test_exchange *t = test->ended;
		test->ended = t->next;
		free(t);
	}
}

/* --- over and over --------------------------------------------------------------------------- */
static void add_all(struct fields *to, const struct fields *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (fields_add(to, from->items[i].name, from->items[i].value) != RC_OK)
			testing_fail("the request has no room for its fields");
}

/* What is known of the client before the first policy. */
static void restart_client(struct sluice_exchange *x, const struct sluice_exchange *like)
{
	x->client_address = like->client_address;
	x->tls_version = like->tls_version;
	x->tls_certificate = like->tls_certificate;
	for (uint32_t i = 0; like->claims && i < like->claims->count; i++)
		if (claims_set(x, like->claims->items[i].name, like->claims->items[i].json) != RC_OK)
			testing_fail("the request has no room for its claims");
}

/* As `like` was before it was sent; whose texts it borrows. */
static void restart(struct sluice_test_exchange *t, const struct sluice_test_exchange *like)
{
	const struct http_request *from = &like->request;
	arena_reset(&t->arena);
	init(t);
	t->request.method = from->method;
	t->request.method_name = from->method_name;
	t->request.target = from->target;
	t->request.path = from->path;
	t->request.query = from->query;
	t->request.has_query = from->has_query;
	add_all(&t->request.fields, &from->fields);
	if (like->x.trailers[CHAIN_REQUEST])
		add_all(fields_to_add(t, SLUICE_REQUEST_TRAILERS), like->x.trailers[CHAIN_REQUEST]);
	restart_client(&t->x, &like->x);
	t->is_begun = t->is_answer = t->is_streaming = false;
}

enum sluice_test_outcome testing_replay(
	struct sluice_test_exchange *t, const struct sluice_test_exchange *like, struct str body)
{
	restart(t, like);
	enum sluice_test_outcome outcome = sluice_test_send_bytes(t, body.p, body.n);
	if (outcome == SLUICE_TEST_PASSED)
		outcome = sluice_test_answer_bytes(t, 200, "ok", 2);
	sluice_test_cancel(t);
	return outcome;
}

/* --- what became of it ----------------------------------------------------------------------- */
/* The oldest text of many gives way. */
static const char *keep(struct sluice_test_exchange *t, struct str s)
{
	size_t i = t->text_count++ % TEXTS_MAX;
	free(t->texts[i]);
	t->texts[i] = heap_strndup(s);
	return t->texts[i];
}

static const struct fields *trailers_of(
	const struct sluice_test_exchange *t, enum sluice_side side)
{
	static const struct fields none;
	enum chain_direction d =
		side == SLUICE_REQUEST_TRAILERS ? CHAIN_REQUEST : CHAIN_RESPONSE;
	return t->x.trailers[d] ? t->x.trailers[d] : &none;
}

static const struct fields *fields_of(const struct sluice_test_exchange *t, enum sluice_side side)
{
	if (side == SLUICE_REQUEST)
		return &t->request.fields;
	if (side != SLUICE_RESPONSE)
		return trailers_of(t, side);
	return t->x.response ? &t->x.response->fields : &t->response.fields;
}

const char *sluice_test_field(
	struct sluice_test_exchange *t, enum sluice_side side, const char *name)
{
	const struct field *f = fields_get(fields_of(t, side), str_of(name));
	return f ? keep(t, f->value) : NULL;
}

size_t sluice_test_field_count(
	struct sluice_test_exchange *t, enum sluice_side side, const char *name)
{
	size_t count = 0;
	const struct fields *fields = fields_of(t, side);
	for (size_t i = 0; i < fields->count; i++)
		count += !name[0] || str_eq_nocase(fields->items[i].name, str_of(name));
	return count;
}

const char *sluice_test_field_at(
	struct sluice_test_exchange *t, enum sluice_side side, const char *name, size_t i)
{
	uint32_t at = 0;
	const struct field *f;
	do
		f = fields_next(fields_of(t, side), str_of(name), &at);
	while (f && i-- > 0);
	return f ? keep(t, f->value) : NULL;
}

const char *sluice_test_fact(struct sluice_test_exchange *t, enum sluice_fact which)
{
	switch (which) {
	case SLUICE_FACT_PRINCIPAL:
		return keep(t, t->x.principal);
	case SLUICE_FACT_CLIENT_ID:
		return keep(t, t->x.client_id);
	case SLUICE_FACT_CLIENT_NAME:
		return keep(t, t->x.client_name);
	default:
		return NULL;
	}
}

const char *sluice_test_body(struct sluice_test_exchange *t, enum sluice_side side)
{
	return keep(t, buffer_str(&t->passed[side == SLUICE_REQUEST ? 0 : 1]));
}

size_t sluice_test_body_bytes(struct sluice_test_exchange *t, enum sluice_side side)
{
	return t->passed[side == SLUICE_REQUEST ? 0 : 1].n;
}

int sluice_test_status(struct sluice_test_exchange *t)
{
	return t->x.response ? t->x.response->status : 0;
}

const char *sluice_test_path(struct sluice_test_exchange *t)
{
	return keep(t, t->request.path);
}

const char *sluice_test_query(struct sluice_test_exchange *t)
{
	return keep(t, t->request.query);
}

const char *sluice_test_reason(struct sluice_test_exchange *t)
{
	if (t->outcome == SLUICE_TEST_ANSWERED && t->x.local)
		return keep(t, t->x.local->reason);
	return keep(t, str_of(t->x.fault_reason));
}

const char *sluice_test_property(struct sluice_test_exchange *t, const char *name)
{
	struct str value;
	if (policy_property(&t->x, str_of(name), &value))
		return keep(t, value);
	return NULL;
}

const char *sluice_test_method(struct sluice_test_exchange *t)
{
	return keep(t, t->request.method_name);
}

const char *sluice_test_claim(struct sluice_test_exchange *t, const char *name)
{
	const struct claim *claim = claims_find(&t->x, str_of(name));
	return claim ? keep(t, claim->json) : NULL;
}

const char *sluice_test_way(struct sluice_test_exchange *t, enum sluice_test_way part)
{
	const struct exchange_way *way = t->x.way;
	struct str text = STR_EMPTY;
	if (way && part == SLUICE_TEST_WAY_TARGET)
		text = way->target ? way->target->text : STR_EMPTY;
	else if (way)
		text = part == SLUICE_TEST_WAY_PATH ? way->path : way->host;
	return text.n > 0 ? keep(t, text) : NULL;
}

const char *sluice_test_violation(struct sluice_test_exchange *t)
{
	return t->x.violation ? keep(t, t->x.violation->what) : NULL;
}
