/* SPDX-License-Identifier: Apache-2.0 */
/* testing/testing_priv.h - what the files of the harness share.
 *
 *   gateway.c    bindings -> plan -> instances -> chain; time; the end
 *   compose.c    YAML by the gateway's own composer
 *   problems.c   what is wrong with a configuration, by the author's own lines
 *   judge.c      what is wrong with the plugin itself
 *   rebind.c     another configuration, and what it replaces
 *   exchange.c   requests and responses through the chain
 *   frames.c     frames of WebSockets likewise
 *   upstreams.c  services that policies call, scripted
 *   host.c       the host table that the policy gets: the gateway's, with faults and suspicion
 *   blocking.c   calls of the C library that may block
 *   measure.c    what a request costs
 *   metric.c     what bindings have counted
 *   failure.c    what a failed test is told
 */
#pragma once

#include "sluice/testing.h"

#include "base/diagnostics.h"
#include "loop/loop.h"
#include "observe/metrics.h"
#include "plan/plan.h"
#include "policy/chain_build.h"
#include "policy/registry.h"
#include "upstream/call.h"

#define TESTING_BINDINGS_MAX 32

struct testing_binding {
	char *policy, *config; /* owned */
	char *file;            /* owned: where the configuration is from; NULL: a text of the test */
	uint32_t line, lines;  /* where it stands in what is composed, from 1 */
};

/* What was replaced, and still has exchanges. */
struct testing_retired {
	struct testing_retired *next;
	struct chain *chain;
	struct sluice_instance *instance; /* owned ref: the one that the next chain is without */
};

struct asked;
struct target_options;
struct testing_frames;
struct testing_pending;

struct sluice_test {
	char *plugin; /* owned: its path */
	struct testing_binding bindings[TESTING_BINDINGS_MAX];
	size_t binding_count;
	struct buffer documents; /* behind the API's */
	size_t contract_count;
	struct contracts *contracts; /* owned; NULL: none */
	struct buffer labels; /* of the API: YAML */
	char *composed;       /* owned: what messages call the file that is composed; NULL: none yet */
	size_t split;
	bool is_refused; /* a worker_start failed: nothing is served */
	bool is_composed, is_open;
	struct diagnostics diagnostics;
	struct buffer problems, log;
	struct plan *plan; /* owned */

	struct metrics *metrics;
	struct registry *registry;
	struct loop *main_loop, *loop; /* with fake clocks */
	struct chain_binding_options options[TESTING_BINDINGS_MAX];
	struct sluice_instance *instances[TESTING_BINDINGS_MAX]; /* owned refs */
	size_t instance_count;
	struct chain *chain;
	struct testing_retired *retired;        /* list, the oldest first */
	struct sluice_test_exchange *exchanges; /* list */
	/* Those that are over: none of a later exchange has the same handle. */
	struct sluice_test_exchange *ended;

	struct upstream_carrier carrier;
	struct sluice_test_reply *replies; /* list, the newest first */
	struct asked *asked;               /* list, the oldest first */
	struct testing_pending *pending;   /* list: calls without an answer */
};

/* --- failure.c ------------------------------------------------------------------------------- */
void testing_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- compose.c ------------------------------------------------------------------------------- */
/* Into t->plan and t->diagnostics. */
void testing_compose(struct sluice_test *t);
/* YAML's lines, below a key that is indented by less than TESTING_INDENT. */
#define TESTING_INDENT 8
void testing_add_indented(struct buffer *out, const char *yaml);
/* Whether the text is one YAML document by itself; what is wrong has `name` and its own lines. */
MUST_USE bool testing_check_yaml(
	const char *name, const char *yaml, struct diagnostics *diagnostics);
/* The lines for a test's author: each with its place in the author's own file, if there is one. */
void testing_print_problems(const struct sluice_test *t, struct buffer *out);
/* The chain of the one API, or NULL. */
const struct plan_node *testing_chain(const struct sluice_test *t);
/* Tells the chain what the plan says of its API. */
void testing_tell_facts(const struct sluice_test *t, struct chain *chain);

/* --- gateway.c ------------------------------------------------------------------------------- */
/* Starts what is not started yet; mistakes in the configuration fail the test. */
void testing_open(struct sluice_test *t);
/* An instance of that binding of the plan; else t->diagnostics tell. */
MUST_USE enum rc testing_configure(struct sluice_test *t, const struct plan_node *binding,
	struct sluice_instance *previous, struct chain_binding_options *out);
const char *testing_problems(struct sluice_test *t);
/* One turn of both loops. */
void testing_turn(struct sluice_test *t);

/* --- rebind.c -------------------------------------------------------------------------------- */
/* Stops and releases what was replaced and has no exchange any more. */
void testing_retire(struct sluice_test *t);

/* --- exchange.c ------------------------------------------------------------------------------ */
bool testing_runs(const struct sluice_test_exchange *x, const struct chain *chain);
bool testing_is_paused(const struct sluice_test_exchange *x);
const struct sluice_test_exchange *testing_next(const struct sluice_test_exchange *x);
void testing_free_ended(struct sluice_test *t);
struct sluice_test *testing_gateway_of(const struct sluice_test_exchange *x);
/* The request that `like` is, which is not sent itself, from its head to its last callback, by t. */
enum sluice_test_outcome testing_replay(
	struct sluice_test_exchange *t, const struct sluice_test_exchange *like, struct str body);

struct sluice_exchange *testing_view_of(struct sluice_test_exchange *x);
struct testing_frames **testing_frames_of(struct sluice_test_exchange *x);

/* --- frames.c -------------------------------------------------------------------------------- */
/* Before the exchange's memory goes; NULL is harmless. */
void testing_frames_free(struct testing_frames *f, struct sluice_exchange *x);

/* --- store.c --------------------------------------------------------------------------------- */
/* A new gateway's stores answer at once. */
void testing_store_open(void);

/* --- upstreams.c ----------------------------------------------------------------------------- */
/* On the worker: calls go to what is scripted. */
void testing_carry(struct sluice_test *t);
/* What a binding of the plan calls: how many; to be freed. */
size_t testing_targets(
	struct sluice_test *t, const struct plan_node *binding, struct target_options **out);
void testing_targets_free(struct target_options *targets, size_t count);
/* Calls that are left fail the test. */
void testing_upstreams_free(struct sluice_test *t);

/* --- host.c ---------------------------------------------------------------------------------- */
/* For plugins that are loaded from here on. */
void testing_host_install(void);

/* What shall go wrong in this run. */
enum testing_fault {
	FAULT_NONE,
	FAULT_ALLOCATION,
	FAULT_CLIENT_GONE,
	FAULT_CALL,
	FAULT_CALL_LATE,
	FAULT_STORE, /* a question that cannot be asked */
	FAULT_STORE_LATE,
	FAULT_TIME
};
void testing_fault_plan(enum testing_fault kind, unsigned at);
/* How many allocations and pauses there were since. */
unsigned testing_fault_points(enum testing_fault kind);
/* Counts one; whether the fault is here. */
bool testing_fault_is_here(enum testing_fault kind);
/* Whether it was in this run. */
bool testing_fault_was_here(enum testing_fault kind);
