/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/services/rig.h - policies over exchanges in memory, with all services.
 *
 *   struct rig *r = rig_new(1);
 *   rig_bind(r, rig_plugin(r, path), "rate-limiting", "{...}");
 *   struct visit *v = visit_new(r, 0);              // one worker and its exchange
 *   visit_begin(v);                                 // GET / by 192.0.2.1
 *   ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
 *   visit_free(v);
 *   rig_free(r);
 */
#pragma once

#include "loop/loop.h"
#include "observe/metrics.h"
#include "policy/chain_build.h"
#include "policy/instance.h"
#include "policy/registry.h"

#include "sluice/sluice.h"

#define RIG_BINDINGS_MAX 8

struct rig {
	struct metrics *metrics;
	struct registry *registry;
	struct diagnostics diagnostics; /* of the bindings */
	struct chain_binding_options bindings[RIG_BINDINGS_MAX];
	size_t binding_count;
	struct chain *chain; /* made with the first visit */
	uint32_t workers;
	struct loop *main_loop; /* with a fake clock; turned by rig_free */
};

struct rig *rig_new(uint32_t workers);
void rig_free(struct rig *r);
/* Loads a plugin's file, or takes a policy of the test's own. */
struct plugin *rig_plugin(struct rig *r, const char *path);
struct plugin *rig_policy(struct rig *r, const struct sluice_policy *policy);
/* A binding "default/<n>" with this configuration (JSON), n from 0. NULL: refused, see diagnostics.
 */
struct sluice_instance *rig_try_bind(
	struct rig *r, struct plugin *plugin, const char *policy, const char *config);
/* The same; it must be taken. The options can be changed until the first visit. */
struct chain_binding_options *rig_bind(
	struct rig *r, struct plugin *plugin, const char *policy, const char *config);
/* The value of a counter of binding n. */
uint64_t rig_counter(struct rig *r, const char *name, size_t n);

struct visit {
	struct rig *rig;
	struct loop *loop; /* with a fake clock */
	struct arena arena;
	struct http_request request;
	struct http_response response;
	struct sluice_exchange x;
	int wakes;
	bool is_open;
};

/* Starts the instances on that worker; on the worker's thread, the first on the main thread. */
struct visit *visit_new(struct rig *r, uint32_t worker);
void visit_free(struct visit *v);
/* A new exchange; ends the former one. */
void visit_begin(struct visit *v);
void visit_end(struct visit *v);
void visit_field(struct visit *v, enum chain_direction d, const char *name, const char *value);
/* Feeds a whole body and steps. */
enum chain_result visit_give(struct visit *v, enum chain_direction d, const char *body);
/* Walks the local answer back, as the proxy does. */
enum chain_result visit_answer(struct visit *v);
/* A field of the answer at hand; "" when absent. */
struct str visit_answered(struct visit *v, const char *name);
