/* SPDX-License-Identifier: Apache-2.0 */
#include "services/services_priv.h"

#include "base/check.h"
#include "policy/target.h"

#include "sluice/cache.h"
#include "sluice/contracts.h"
#include "sluice/crypto.h"
#include "sluice/expr.h"
#include "sluice/frames.h"
#include "sluice/http.h"
#include "sluice/keep.h"
#include "sluice/metrics.h"
#include "sluice/post.h"
#include "sluice/regex.h"
#include "sluice/request.h"
#include "sluice/schema.h"
#include "sluice/shared.h"
#include "sluice/state.h"
#include "sluice/stream.h"
#include "sluice/timer.h"
#include "sluice/tls.h"
#include "sluice/work.h"

_Thread_local struct services_thread services_thread;

static void add(struct registry *r, const char *name, const void *table)
{
	enum rc rc = registry_add_service(r, name, table);
	CHECK(rc == RC_OK);
}

void services_register(struct registry *r)
{
	add(r, SLUICE_EXPR_SERVICE, services_expr_table());
	add(r, SLUICE_TIMER_SERVICE, services_timer_table());
	add(r, SLUICE_CRYPTO_SERVICE, services_crypto_table());
	add(r, SLUICE_REGEX_SERVICE, services_regex_table());
	add(r, SLUICE_REQUEST_SERVICE, services_request_table());
	add(r, SLUICE_SCHEMA_SERVICE, services_schema_table());
	add(r, SLUICE_POST_SERVICE, services_post_table());
	add(r, SLUICE_SHARED_SERVICE, services_shared_table());
	add(r, SLUICE_METRICS_SERVICE, services_metrics_table());
	add(r, SLUICE_STATE_SERVICE, services_state_table());
	add(r, SLUICE_TLS_SERVICE, services_tls_table());
	add(r, SLUICE_WORK_SERVICE, services_work_table());
	add(r, SLUICE_STREAM_SERVICE, services_stream_table());
	add(r, SLUICE_FRAMES_SERVICE, services_frames_table());
	add(r, SLUICE_CONTRACTS_SERVICE, services_contracts_table());
	add(r, SLUICE_CACHE_SERVICE, services_cache_table());
	add(r, SLUICE_KEEP_SERVICE, services_keep_table());
	add(r, SLUICE_HTTP_SERVICE, services_http_table());
	policy_on_target(services_http_accompany);
}

void services_worker_start(unsigned worker, struct loop *loop)
{
	services_thread = (struct services_thread){.loop = loop, .worker = worker};
}

void services_worker_carry(struct upstream_carrier *carrier)
{
	services_thread.carrier = carrier;
}

void services_worker_dial(struct stream_group *group, struct resolver *resolver)
{
	services_thread.group = group;
	services_thread.resolver = resolver;
}

void services_worker_stop(unsigned worker)
{
	CHECK(services_thread.worker == worker);
	services_storage_stop();
	services_thread = (struct services_thread){0};
}
