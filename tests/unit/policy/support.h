/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/policy/support.h - a chain of scripted policies over an exchange in memory.
 *
 *   struct bench *b = bench_new();
 *   struct probe *a = bench_probe(b);             // named "a", then "b", ...
 *   a->on[CALLBACK_REQUEST_HEAD] = probe_pass;    // only what is set becomes a callback
 *   bench_start(b);
 *   ck_assert_int_eq(bench_step(b, CHAIN_REQUEST), CHAIN_MORE);
 *   ck_assert_str_eq(bench_trace(b), "a.request_head ");
 */
#pragma once

#include "base/buffer.h"
#include "policy/breadcrumb.h"
#include "policy/chain_build.h"
#include "policy/instance.h"
#include "policy/registry.h"

#include "sluice/sluice.h"

#define PROBES_MAX 8

struct bench;
struct probe;

/* What a probe does in one of its callbacks; `body` is NULL outside of body callbacks. */
typedef int32_t probe_fn(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);

struct probe {
	struct bench *bench;
	char name[2];
	const char *id; /* of its binding; NULL: the name */
	probe_fn *on[CALLBACK_COUNT];
	struct body_contract body[2];
	bool skip_on_error;
	int32_t (*configure)(struct probe *p, const struct sluice_call *call);
	/* while running */
	const struct sluice_call *call;
	const struct sluice_host *host;
	enum callback callback;
	int calls; /* of any callback */
	sluice_token token;
	struct sluice_policy policy;
	struct sluice_instance *instance;
};

struct bench {
	struct probe probes[PROBES_MAX];
	size_t probe_count;
	uint64_t active;         /* all, unless set before bench_start */
	struct metrics *metrics; /* borrowed; NULL unless set before bench_start */
	struct registry *registry;
	struct plugin *plugin;
	struct sluice_plugin descriptor;
	const struct sluice_policy *policies[PROBES_MAX];
	struct chain *chain;
	struct loop *loop;
	struct arena arena;
	struct http_request request;
	struct http_response response;
	struct sluice_exchange x;
	struct buffer trace;
	int wakes;
	bool finished;
};

/* Callbacks that continue, fail, answer 418, pause for a second, or return nonsense. */
int32_t probe_pass(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);
int32_t probe_fail(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);
int32_t probe_answer(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);
int32_t probe_pause(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);
int32_t probe_nonsense(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);
/* Replaces the bytes by their upper case. */
int32_t probe_upper(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body);

struct bench *bench_new(void);
struct probe *bench_probe(struct bench *b);
/* The callbacks of a direction, all passing. */
void probe_pass_all(struct probe *p);
/* Builds the chain and begins an exchange: POST /x with a body of unknown length. */
void bench_start(struct bench *b);
/* Finishes the exchange when the test has not, checks that nothing is left, frees. */
void bench_free(struct bench *b);

enum chain_result bench_step(struct bench *b, enum chain_direction d);
void bench_feed(struct bench *b, enum chain_direction d, const char *text);
void bench_end(struct bench *b, enum chain_direction d);
/* Feeds, ends and steps. */
enum chain_result bench_give(struct bench *b, enum chain_direction d, const char *text);
/* What the proxy would send; empties `out`. Static storage until the next call. */
const char *bench_out(struct bench *b, enum chain_direction d);
/* What ran since the last call: "a.request_head b.request_head ". Static until the next call. */
const char *bench_trace(struct bench *b);
void bench_finish(struct bench *b);
