/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/memory.h"
#include "policy/pause.h"

#include <check.h>
#include <stdlib.h>

/* --- probes ---------------------------------------------------------------------------------- */
static struct probe *configuring;

static int32_t probe_run(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_body *body, enum callback callback)
{
	struct probe *p = call->state;
	p->call = call;
	p->host = call->host;
	p->callback = callback;
	p->calls++;
	buffer_addf(&p->bench->trace, "%s.%s", p->name, callback_name(callback));
	if (body)
		buffer_addf(&p->bench->trace, "(%.*s%s)", (int)body->bytes.n, body->bytes.p,
			body->end ? "$" : "");
	buffer_add_char(&p->bench->trace, ' ');
	return p->on[callback](p, x, body);
}

#define PLAIN(NAME, name)                                                                          \
	static int32_t on_##name(const struct sluice_call *call, struct sluice_exchange *x)        \
	{                                                                                          \
		return probe_run(call, x, NULL, CALLBACK_##NAME);                                  \
	}
#define BODY(NAME, name)                                                                           \
	static int32_t on_##name(const struct sluice_call *call, struct sluice_exchange *x,        \
		const struct sluice_body *body)                                                    \
	{                                                                                          \
		return probe_run(call, x, body, CALLBACK_##NAME);                                  \
	}
#define LAST(NAME, name)                                                                           \
	static void on_##name(const struct sluice_call *call, struct sluice_exchange *x)           \
	{                                                                                          \
		probe_run(call, x, NULL, CALLBACK_##NAME);                                         \
	}
PLAIN(REQUEST_HEAD, request_head)
PLAIN(REQUEST_END, request_end)
PLAIN(RESPONSE_HEAD, response_head)
PLAIN(RESPONSE_END, response_end)
BODY(REQUEST_BODY, request_body)
BODY(RESPONSE_BODY, response_body)
LAST(LOG, log)
LAST(DONE, done)

static int32_t on_configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	*state = configuring;
	return configuring->configure ? configuring->configure(configuring, call) : SLUICE_OK;
}

int32_t probe_pass(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return SLUICE_CONTINUE;
}

int32_t probe_fail(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return SLUICE_FAIL;
}

int32_t probe_nonsense(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return 77;
}

int32_t probe_answer(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_str fields[] = {SLUICE_STR("x-by"), {p->name, 1}};
	int32_t rc = p->host->respond(
		x, 418, fields, 1, SLUICE_STR("short and stout"), SLUICE_STR("teapot"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

int32_t probe_pause(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (p->host->resumed(x))
		return SLUICE_CONTINUE;
	p->token = p->host->pause(x, 1000);
	return p->token ? SLUICE_PAUSE : SLUICE_FAIL;
}

int32_t probe_upper(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	char text[256];
	ck_assert_uint_le(body->bytes.n, sizeof(text));
	for (size_t i = 0; i < body->bytes.n; i++) {
		char c = body->bytes.p[i];
		text[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
	}
	if (!body->bytes.n)
		return SLUICE_CONTINUE;
	int32_t rc = p->host->body_replace(x, (struct sluice_str){text, body->bytes.n});
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

void probe_pass_all(struct probe *p)
{
	for (int c = CALLBACK_REQUEST_HEAD; c <= CALLBACK_DONE; c++)
		p->on[c] = probe_pass;
	p->body[CHAIN_REQUEST].mode = p->body[CHAIN_RESPONSE].mode = BODY_OBSERVE;
}

/* --- the bench ------------------------------------------------------------------------------- */
struct bench *bench_new(void)
{
	struct bench *b = heap_zalloc(sizeof(*b));
	buffer_init(&b->trace, 1 << 20);
	b->active = UINT64_MAX;
	return b;
}

struct probe *bench_probe(struct bench *b)
{
	ck_assert_uint_lt(b->probe_count, PROBES_MAX);
	struct probe *p = &b->probes[b->probe_count];
	p->bench = b;
	p->name[0] = (char)('a' + b->probe_count++);
	return p;
}

static void probe_policy(struct probe *p)
{
	p->policy = (struct sluice_policy){
		.size = sizeof(p->policy),
		.name = p->name,
		.version = "1.0.0",
		.configure = on_configure,
#define SET(NAME, name) .name = p->on[CALLBACK_##NAME] ? on_##name : NULL
		SET(REQUEST_HEAD, request_head),
		SET(REQUEST_BODY, request_body),
		SET(REQUEST_END, request_end),
		SET(RESPONSE_HEAD, response_head),
		SET(RESPONSE_BODY, response_body),
		SET(RESPONSE_END, response_end),
		SET(LOG, log),
		SET(DONE, done),
#undef SET
	};
}

static void make_plugin(struct bench *b)
{
	for (size_t i = 0; i < b->probe_count; i++) {
		probe_policy(&b->probes[i]);
		b->policies[i] = &b->probes[i].policy;
	}
	b->descriptor = (struct sluice_plugin){
		.size = sizeof(b->descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = (uint32_t)b->probe_count,
		.name = "probes",
		.version = "1.0.0",
		.policies = b->policies,
	};
	const uint8_t sha256[32] = {1};
	char message[200];
	b->registry = registry_new();
	registry_set_metrics(b->registry, b->metrics);
	if (b->probe_count == 0)
		return;
	enum rc rc = registry_add_plugin(
		b->registry, &b->descriptor, sha256, &b->plugin, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
}

static void make_chain(struct bench *b)
{
	struct chain_binding_options options[PROBES_MAX];
	struct diagnostics diagnostics;
	diagnostics_init(&diagnostics);
	for (size_t i = 0; i < b->probe_count; i++) {
		struct probe *p = &b->probes[i];
		struct instance_options o = {
			.plugin = b->plugin,
			.policy = str_n(p->name, 1),
			.binding = p->id ? str_of(p->id) : str_n(p->name, 1),
			.breadcrumb = (uint32_t)i + 1,
			.workers = 2,
		};
		configuring = p;
		enum rc rc = instance_new(&o, NULL, &diagnostics, &p->instance);
		ck_assert_int_eq(rc, RC_OK);
		ck_assert_int_eq(instance_worker_start(p->instance, 0), RC_OK);
		options[i] = (struct chain_binding_options){
			.instance = p->instance,
			.body = {p->body[0], p->body[1]},
			.skip_on_error = p->skip_on_error,
		};
	}
	enum rc rc = chain_new(options, b->probe_count, &b->chain);
	ck_assert_int_eq(rc, RC_OK);
	diagnostics_deinit(&diagnostics);
}

static void on_wake(struct sluice_exchange *x)
{
	struct bench *b = CONTAINER_OF(x, struct bench, x);
	b->wakes++;
}

void bench_start(struct bench *b)
{
	const struct loop_options fake = {.fake_clock = true, .fake_wall_us = 1700000000000000};
	make_plugin(b);
	make_chain(b);
	b->loop = loop_new(&fake);
	pause_worker_start(0, b->loop);
	arena_init(&b->arena, loop_pool(b->loop), 1 << 20);
	http_request_init(&b->request, &b->arena);
	http_response_init(&b->response, &b->arena);
	b->request.method = METHOD_POST;
	b->request.method_name = STR("POST");
	b->request.path = b->request.target = STR("/x");
	b->request.authority = STR("api.example");
	b->request.scheme = STR("http");
	b->request.version_major = b->request.version_minor = 1;
	b->request.content_length = CONTENT_LENGTH_UNKNOWN;
	b->response.status = 200;
	b->response.has_content = true;
	b->response.content_length = CONTENT_LENGTH_UNKNOWN;
	b->x = (struct sluice_exchange){
		.loop = b->loop,
		.arena = &b->arena,
		.request = &b->request,
		.response = &b->response,
		.client_address = STR("192.0.2.1"),
		.request_id = STR("r-1"),
		.api = STR("default/shop"),
		.wake = on_wake,
	};
	chain_begin(&b->x, b->chain, b->active);
}

void bench_finish(struct bench *b)
{
	if (!b->finished)
		chain_finish(&b->x);
	b->finished = true;
}

void bench_free(struct bench *b)
{
	bench_finish(b);
	for (size_t i = 0; i < b->probe_count; i++)
		instance_worker_stop(b->probes[i].instance, 0);
	chain_free(b->chain);
	for (size_t i = 0; i < b->probe_count; i++)
		instance_unref(b->probes[i].instance);
	arena_reset(&b->arena);
	pause_worker_stop(0);
	loop_free(b->loop);
	registry_free(b->registry);
	buffer_deinit(&b->trace);
	free(b);
}

enum chain_result bench_step(struct bench *b, enum chain_direction d)
{
	return chain_step(&b->x, d);
}

void bench_feed(struct bench *b, enum chain_direction d, const char *text)
{
	if (!*text)
		return;
	struct block *block = block_new(loop_pool(b->loop), 4096);
	size_t n = strlen(text);
	memcpy(block->data, text, n);
	block->used = (uint32_t)n;
	chunk_queue_add_slice(&b->x.run[d].in, block, block->data, n);
	block_unref(block);
}

void bench_end(struct bench *b, enum chain_direction d)
{
	b->x.run[d].in_ended = true;
}

enum chain_result bench_give(struct bench *b, enum chain_direction d, const char *text)
{
	bench_feed(b, d, text);
	bench_end(b, d);
	return bench_step(b, d);
}

const char *bench_out(struct bench *b, enum chain_direction d)
{
	static char text[4096];
	struct chunk_queue *out = &b->x.run[d].out;
	ck_assert_uint_lt(out->bytes, sizeof(text));
	size_t n = out->bytes;
	chunk_queue_peek(out, text, n);
	text[n] = '\0';
	chunk_queue_clear(out);
	return text;
}

const char *bench_trace(struct bench *b)
{
	static char text[4096];
	ck_assert_uint_lt(b->trace.n, sizeof(text));
	if (b->trace.n)
		memcpy(text, b->trace.p, b->trace.n);
	text[b->trace.n] = '\0';
	buffer_reset(&b->trace);
	return text;
}
