/* SPDX-License-Identifier: Apache-2.0 */
/* services/services.h - the SDK's named tables, as the gateway offers them.
 *
 * One file per service: expr.c "sluice.expr/1", timer.c "sluice.timer/1", crypto.c
 * "sluice.crypto/1", regex.c "sluice.regex/1", request.c
 * "sluice.request/1". sdk/include/sluice/<name>.h is the contract; each call checks (policy/run.h)
 * that its handles belong to the callback that runs on this thread. */
#pragma once

#include "policy/registry.h"

/* Registers all of them; once per process, before plugins are loaded. */
void services_register(struct registry *r);
/* On each worker's thread: after its loop is there and before any exchange; after the last. */
struct loop;
void services_worker_start(unsigned worker, struct loop *loop);
void services_worker_stop(unsigned worker);
