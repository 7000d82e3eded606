/* SPDX-License-Identifier: Apache-2.0 */
/* services/services.h - the SDK's named tables, as the gateway offers them.
 *
 * One file per service, called as it is: timer.c is "sluice.timer/1", and sdk/include/sluice/timer.h its
 * contract. Each call checks (policy/run.h) that its handles belong to the callback that runs on this
 * thread. */
#pragma once

#include "policy/registry.h"

/* How a store takes a question. */
enum services_store {
	STORE_AT_ONCE,
	STORE_LATE,       /* the answer comes with the next turn of the loop, as from another machine */
	STORE_UNAVAILABLE /* it cannot be asked */
};
/* For tests of policies: asked for each question; NULL: all are answered at once. Any thread. */
typedef enum services_store services_store_fn(void);
void services_store_by(services_store_fn *fn);

/* Where what plugins keep lies, and what is in their stores that outlasts the process; NULL, as it begins: nowhere. It
 * lasts as long as they do. Main thread, before plugins are loaded, and after all are gone. */
void services_keep_in(const char *state_dir);

/* Registers all of them; once per process, before plugins are loaded. */
void services_register(struct registry *r);
/* On each worker's thread: after its loop is there and before any exchange; after the last. */
struct loop;
void services_worker_start(unsigned worker, struct loop *loop);
/* Who carries requests of policies to their services; until the stop. */
struct upstream_carrier;
void services_worker_carry(struct upstream_carrier *carrier);
/* What connections to the shared storage are made with; they outlive the stop. */
struct stream_group;
struct resolver;
void services_worker_dial(struct stream_group *group, struct resolver *resolver);
void services_worker_stop(unsigned worker);
/* On a worker's thread: what "sluice.contracts/1" finds there from now on; NULL: nothing. They outlive the
 * worker, or its next call. */
struct contracts;
void services_use_contracts(const struct contracts *contracts);
/* Likewise where stores are that are shared; NULL: in memory. Connections to the same settings are
 * kept. */
struct redis_settings;
void services_use_storage(struct redis_settings *settings);
/* What has become of this worker's questions to it, ever, and whether it can be asked. */
struct redis_home_stats;
struct redis_home_stats services_storage_stats(void);
