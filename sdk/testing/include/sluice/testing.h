/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/testing.h - a policy's own .so in a gateway of memory, for tests.
 *
 *	struct sluice_test *t = sluice_test_new("build/hello.so");
 *	sluice_test_bind(t, "hello", "{greeting: world}");
 *
 *	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/orders?page=2");
 *	sluice_test_add(x, SLUICE_REQUEST, "x-tenant", "blue");
 *	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
 *	ck_assert_int_eq(sluice_test_answer(x, 200, "ok"), SLUICE_TEST_PASSED);
 *	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "x-hello"), "world");
 *
 *	sluice_test_free(t);
 *
 * The configuration goes the gateway's own way: schema, defaults, expressions, secrets. The plugin
 * is loaded as the gateway loads it, and its callbacks are called by the same code. Time stands
 * still but for sluice_test_advance.
 *
 * A test fails, by the function of sluice_test_on_failure, when the policy
 *   - leaves memory of the instance behind after its `release`,
 *   - resumes a token a second time, or one that it never got,
 *   - makes a call, of the host or a service, that is not legal in the callback that runs (a handle
 *     that is used after `done` is never legal),
 *   - makes a call that may block (sleep, poll, connect, getaddrinfo, fsync, ...), in any callback
 *     but a job's.
 *
 * One thread makes all calls. Texts that are returned are NUL-terminated, and last until the
 * exchange goes.
 */
#ifndef SLUICE_TESTING_H
#define SLUICE_TESTING_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sluice_test;          /* a gateway with one API and one worker */
struct sluice_test_exchange; /* one request and its response */

/* What became of a message. */
enum sluice_test_outcome {
	SLUICE_TEST_PASSED, /* it passed, whole: fields and body are as they go on */
	SLUICE_TEST_PAUSED, /* a policy waits: sluice_test_advance, or another thread, lets it go on
			     */
	SLUICE_TEST_ANSWERED, /* a policy answered instead: the response is the answer */
	SLUICE_TEST_DENIED,   /* a policy failed: the gateway answers 503 in its place */
	SLUICE_TEST_TOO_LARGE, /* more body than a policy may hold: 413, or 502 of a response */
	SLUICE_TEST_CUT /* an answer that a policy wrote piece by piece broke off: the client sees that
			 */
};

/* `message` is one sentence. The default prints it and aborts; with Check:
 * ck_abort_msg("%s", message). */
typedef void sluice_test_failure_fn(void *arg, const char *message);
SLUICE_EXPORT void sluice_test_on_failure(sluice_test_failure_fn *fn, void *arg);

/* --- the gateway ----------------------------------------------------------------------------- */
/* `plugin`: the path of the .so. It stays loaded until the process ends. */
SLUICE_EXPORT struct sluice_test *sluice_test_new(const char *plugin);
/* What is wrong with the plugin itself, whatever is bound of it, a line for each mistake; "": nothing. Its
 * definitions are judged as a gateway does it, the plugin is loaded, and names, versions and ABI of its
 * code are compared with what the definitions and the note say. Before the first request. */
SLUICE_EXPORT const char *sluice_test_judge(struct sluice_test *t);
/* One more policy of that plugin, behind the others; before the first request. `config` is YAML,
 * JSON among it; NULL: none. */
SLUICE_EXPORT void sluice_test_bind(struct sluice_test *t, const char *policy, const char *config);
/* The same with the configuration of a file, whose name, lines and columns stand in problems:
 * "quota.yaml:3:12: config.rate: expected an integer ...". */
SLUICE_EXPORT void sluice_test_bind_file(
	struct sluice_test *t, const char *policy, const char *file);
/* One more contract of the API, before the first request: YAML of the `client` and the `sla` of a
 * Contract: "{id: ann, secret: s}", "{name: gold}". `sla` NULL: without. */
SLUICE_EXPORT void sluice_test_contract(
	struct sluice_test *t, const char *client, const char *sla);
/* One more label of the ApiInstance; before the first request. */
SLUICE_EXPORT void sluice_test_label(struct sluice_test *t, const char *name, const char *value);
/* What is wrong with the configuration, a line for each mistake ("config.rate: missing field ...");
 * "": nothing. Without this call a mistake fails the test with the first request. */
SLUICE_EXPORT const char *sluice_test_problems(struct sluice_test *t);
/* Another configuration for binding n, from 0, as after a save: `configure` gets the state of the one
 * that it replaces. Exchanges that are under way go on with the old one, which is released behind
 * the last of them. What is wrong with it, as sluice_test_problems tells, a worker_start that fails among
 * it; then all stays as it was. */
SLUICE_EXPORT const char *sluice_test_rebind(struct sluice_test *t, size_t n, const char *config);
/* Bodies are fed in pieces of so many bytes; 0, the default: in one. */
SLUICE_EXPORT void sluice_test_split(struct sluice_test *t, size_t bytes);
/* Lets time pass: timers and deadlines run. What was paused goes on by itself. */
SLUICE_EXPORT void sluice_test_advance(struct sluice_test *t, int64_t ms);
/* Lets jobs and resumes of other threads come in, for at most so many real milliseconds, until no
 * exchange of the gateway is paused; whether that came about. */
SLUICE_EXPORT int sluice_test_settle(struct sluice_test *t, int64_t ms);
/* What a metric of binding n, from 0, comes to, by the name it was defined with (host->counter_define,
 * sluice/metrics.h): a counter's or gauge's value, how many observations a histogram has. `labels` as
 * Prometheus writes them, in their order: "outcome=\"miss\""; NULL: all its series together. One
 * that is not defined fails the test. */
SLUICE_EXPORT int64_t sluice_test_metric(
	struct sluice_test *t, size_t n, const char *name, const char *labels);
/* The same of a counter, with all its labels. */
SLUICE_EXPORT uint64_t sluice_test_counter(struct sluice_test *t, size_t n, const char *name);
/* What policies wrote to the log, a line each: "warn: quota is nearly spent"; until it is asked
 * again. */
SLUICE_EXPORT const char *sluice_test_log(struct sluice_test *t);
/* Ends exchanges that are left, stops and releases. */
SLUICE_EXPORT void sluice_test_free(struct sluice_test *t);

/* --- exchanges ------------------------------------------------------------------------------- */
/* A request by 192.0.2.1, of HTTP/1.1, with the authority api.example. Several may be under way. */
SLUICE_EXPORT struct sluice_test_exchange *sluice_test_request(
	struct sluice_test *t, const char *method, const char *target);
/* One more field, or trailer; of the request before sluice_test_send, of the response before
 * sluice_test_answer. */
SLUICE_EXPORT void sluice_test_add(
	struct sluice_test_exchange *x, enum sluice_side side, const char *name, const char *value);
/* In the place of 192.0.2.1; before sluice_test_send. */
SLUICE_EXPORT void sluice_test_client(struct sluice_test_exchange *x, const char *address);
/* It came by TLS 1.3, with this certificate (the text of a PEM file; NULL: none); before
 * sluice_test_send. */
SLUICE_EXPORT void sluice_test_tls(struct sluice_test_exchange *x, const char *certificate);
/* What a policy elsewhere has found out of the client, as host->claim_set; before sluice_test_send. */
SLUICE_EXPORT void sluice_test_add_claim(
	struct sluice_test_exchange *x, const char *name, const char *json);
/* The request goes through the policies. `body` NULL: it has none. */
SLUICE_EXPORT enum sluice_test_outcome sluice_test_send(
	struct sluice_test_exchange *x, const char *body);
SLUICE_EXPORT enum sluice_test_outcome sluice_test_send_bytes(
	struct sluice_test_exchange *x, const void *bytes, size_t n);
/* The upstream's response goes back through them; after SLUICE_TEST_PASSED. Of a body to HEAD only its length is told. */
SLUICE_EXPORT enum sluice_test_outcome sluice_test_answer(
	struct sluice_test_exchange *x, int status, const char *body);
SLUICE_EXPORT enum sluice_test_outcome sluice_test_answer_bytes(
	struct sluice_test_exchange *x, int status, const void *bytes, size_t n);
/* How it stands, after a pause. */
SLUICE_EXPORT enum sluice_test_outcome sluice_test_outcome(const struct sluice_test_exchange *x);
/* The client goes away, whatever the exchange waits for. */
SLUICE_EXPORT void sluice_test_cancel(struct sluice_test_exchange *x);
/* An answer that is written piece by piece (sluice/stream.h) is SLUICE_TEST_ANSWERED as soon as its
 * head goes to the client, and its body grows: 1 while it does. */
SLUICE_EXPORT int sluice_test_is_streaming(const struct sluice_test_exchange *x);
/* 1: the client takes nothing more of such an answer, until 0. */
SLUICE_EXPORT void sluice_test_stall(struct sluice_test_exchange *x, int stalls);
/* `log` and `done` run; the handle is gone. */
SLUICE_EXPORT void sluice_test_end(struct sluice_test_exchange *x);

/* --- what became of it ----------------------------------------------------------------------- */
/* The first value, or NULL. Of the request as it goes to the upstream, of the response as it goes
 * to the client. */
SLUICE_EXPORT const char *sluice_test_field(
	struct sluice_test_exchange *x, enum sluice_side side, const char *name);
/* How many there are of that name; of an empty one: of all. */
SLUICE_EXPORT size_t sluice_test_field_count(
	struct sluice_test_exchange *x, enum sluice_side side, const char *name);
/* Value i of that name, from 0, or NULL. */
SLUICE_EXPORT const char *sluice_test_field_at(
	struct sluice_test_exchange *x, enum sluice_side side, const char *name, size_t i);
/* SLUICE_FACT_PRINCIPAL, _CLIENT_ID, _CLIENT_NAME: who the client is by now; "": nobody. Of other facts
 * NULL. */
SLUICE_EXPORT const char *sluice_test_fact(
	struct sluice_test_exchange *x, enum sluice_fact which);
/* What went on of the body so far. */
SLUICE_EXPORT const char *sluice_test_body(struct sluice_test_exchange *x, enum sluice_side side);
SLUICE_EXPORT size_t sluice_test_body_bytes(struct sluice_test_exchange *x, enum sluice_side side);
/* Of the response; 0: there is none yet. */
SLUICE_EXPORT int sluice_test_status(struct sluice_test_exchange *x);
SLUICE_EXPORT const char *sluice_test_path(struct sluice_test_exchange *x);
SLUICE_EXPORT const char *sluice_test_query(struct sluice_test_exchange *x);
/* The word for the log of an answer or a failure; "". */
SLUICE_EXPORT const char *sluice_test_reason(struct sluice_test_exchange *x);
SLUICE_EXPORT const char *sluice_test_property(struct sluice_test_exchange *x, const char *name);
/* Of the request as it goes to the upstream. */
SLUICE_EXPORT const char *sluice_test_method(struct sluice_test_exchange *x);
/* A claim as JSON text, or NULL. */
SLUICE_EXPORT const char *sluice_test_claim(struct sluice_test_exchange *x, const char *name);
/* What of a way a policy has told (host->reroute): the target as it is configured, the path, the
 * host; NULL: nothing. */
enum sluice_test_way { SLUICE_TEST_WAY_TARGET, SLUICE_TEST_WAY_PATH, SLUICE_TEST_WAY_HOST };
SLUICE_EXPORT const char *sluice_test_way(
	struct sluice_test_exchange *x, enum sluice_test_way part);
/* The word of the violation that was told; NULL: none. */
SLUICE_EXPORT const char *sluice_test_violation(struct sluice_test_exchange *x);

/* --- WebSockets ------------------------------------------------------------------------------ */
enum sluice_test_peer { SLUICE_TEST_CLIENT = 1, SLUICE_TEST_UPSTREAM = 2 };

struct sluice_test_frame {
	uint32_t size;   /* set by the caller */
	uint32_t opcode; /* enum sluice_frame_opcode, as is_final: sluice/frames.h */
	uint32_t is_final;
	uint32_t reserved;
	struct sluice_str bytes; /* with a NUL behind them; until the next of this exchange */
};

/* The upstream has switched to a WebSocket; after SLUICE_TEST_PASSED of the request. */
SLUICE_EXPORT void sluice_test_upgrade(struct sluice_test_exchange *x);
/* A frame by that peer goes through the policies, in pieces as sluice_test_split says. 0: they have
 * ended the connection, or had done so before. */
SLUICE_EXPORT int sluice_test_frame_send(struct sluice_test_exchange *x, enum sluice_test_peer from,
	uint32_t opcode, int is_final, const void *bytes, size_t n);
/* The next frame that has gone on to that peer, the oldest first; 0: there is none. */
SLUICE_EXPORT int sluice_test_frame_next(struct sluice_test_exchange *x, enum sluice_test_peer to,
	struct sluice_test_frame *frame);
/* The status of the CLOSE that the policies had sent to that peer; 1011 when one has failed; 0: none. */
SLUICE_EXPORT int sluice_test_close_status(
	struct sluice_test_exchange *x, enum sluice_test_peer to);

/* --- what a request costs -------------------------------------------------------------------- */
struct sluice_test_cost {
	uint32_t size; /* set by the caller */
	/* What became of the last one; of PAUSED nothing was measured, as others would be. */
	uint32_t outcome;     /* enum sluice_test_outcome */
	uint64_t requests;    /* that were made, half of them through the bindings */
	uint64_t passed;      /* of those through the bindings: the others were answered or denied */
	double ns, empty_ns;  /* of one: through the bindings, and without any */
	double instructions, empty_instructions; /* in user space; below 0: there is no counter */
	double allocations, empty_allocations;   /* below 0: nobody counts */
};
/* A request as `x` is, which is not sent, over and over: its head, body, response (200 with two bytes),
 * `log` and `done`; `count` times through the bindings and as often through none, in turns, of which
 * the fastest counts. `allocations` (may be NULL) tells how many there were so far. 0; -1: it pauses. */
SLUICE_EXPORT int sluice_test_measure(struct sluice_test_exchange *x, const char *body, uint32_t count,
	uint64_t (*allocations)(void), struct sluice_test_cost *cost);

/* --- services that policies call ------------------------------------------------------------- */
struct sluice_test_reply;

/* `service` answers a policy's request (sluice/http.h) so: a name, of a Service that is there from then
 * on, before the first request; or an address as "http://auth.example:9000". `method` and `path` NULL:
 * any; the path is the whole one, without its query. The newest that fits counts. A request that none
 * fits fails the test. Lasts as long as the gateway. */
SLUICE_EXPORT struct sluice_test_reply *sluice_test_upstream(struct sluice_test *t,
	const char *service, const char *method, const char *path, int status, const char *body);
SLUICE_EXPORT void sluice_test_upstream_field(
	struct sluice_test_reply *r, const char *name, const char *value);
/* After so much of the test's time (sluice_test_advance); without, with the next turn of it. */
SLUICE_EXPORT void sluice_test_upstream_delay(struct sluice_test_reply *r, int64_t ms);
enum sluice_test_failure {
	SLUICE_TEST_ANSWERS,
	SLUICE_TEST_REFUSED, /* there is no connection */
	SLUICE_TEST_SILENT,  /* nothing comes, until the policy waits no longer */
	SLUICE_TEST_CUT_OFF  /* the connection breaks off */
};
SLUICE_EXPORT void sluice_test_upstream_fails(
	struct sluice_test_reply *r, enum sluice_test_failure how);
/* How many requests there were so far, and what the one was like, from 0; NULL: there is none. Lasts as
 * long as the gateway. */
SLUICE_EXPORT size_t sluice_test_asked(struct sluice_test *t);
enum sluice_test_asked_part {
	SLUICE_TEST_ASKED_SERVICE, /* "default/auth", "http://auth.example:9000" */
	SLUICE_TEST_ASKED_METHOD,
	SLUICE_TEST_ASKED_PATH, /* with its query */
	SLUICE_TEST_ASKED_BODY
};
SLUICE_EXPORT const char *sluice_test_asked_of(
	struct sluice_test *t, size_t n, enum sluice_test_asked_part part);
SLUICE_EXPORT const char *sluice_test_asked_field(
	struct sluice_test *t, size_t n, const char *name);

/* --- stores ---------------------------------------------------------------------------------- */
/* How stores (sluice/state.h, sluice/cache.h) take questions from here on. */
enum sluice_test_store {
	SLUICE_TEST_STORE_AT_ONCE, /* as one in the process */
	SLUICE_TEST_STORE_LATE, /* as one elsewhere: SLUICE_PENDING, and the answer with sluice_test_advance */
	SLUICE_TEST_STORE_GONE  /* SLUICE_E_UNAVAILABLE */
};
SLUICE_EXPORT void sluice_test_store(struct sluice_test *t, enum sluice_test_store how);

/* --- faults ---------------------------------------------------------------------------------- */
/* Runs `scenario` again and again, once without a fault, and then with one fault in each run: each
 * allocation that the policy makes fails; each request to a service has no answer, or none in time;
 * each question to a store cannot be asked, or is answered late; at each pause the client goes away,
 * or time passes until the pause ends. A scenario opens its own gateway, ends what it began, and
 * asserts only what holds in any case: a policy that cannot do its work does not let a request pass.
 * Returns how many runs there were. */
SLUICE_EXPORT unsigned sluice_test_faults(void (*scenario)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif
#endif
