/* SPDX-License-Identifier: Apache-2.0 */
/* services/services_priv.h - what the files of this folder share. */
#pragma once

#include "services/services.h"

#include "base/str.h"
#include "loop/loop.h"

#include "sluice/sluice.h"

/* The worker that this thread is; `loop` NULL: it is none. */
struct services_thread {
	struct loop *loop; /* borrowed */
	unsigned worker;
	const struct contracts *contracts; /* borrowed from the generation; NULL: none */
	struct upstream_carrier *carrier; /* borrowed; of requests to services; NULL: none goes out */
	struct stream_group *group;       /* borrowed, as the resolver; NULL: nothing is dialled */
	struct resolver *resolver;
	struct redis_home *storage; /* owned; where shared stores are; NULL: in memory */
	struct redis_home *former;  /* owned; the one before, until it has answered; or NULL */
};
extern _Thread_local struct services_thread services_thread;

/* Where stores that outlast the process keep their entries (state/cache_folder.h), in a folder of their own; NULL:
 * nowhere. */
void named_caches_keep_in(const char *state_dir);

const void *services_expr_table(void);
const void *services_timer_table(void);
const void *services_crypto_table(void);
const void *services_schema_table(void);
const void *services_regex_table(void);
const void *services_request_table(void);

const void *services_post_table(void);
const void *services_shared_table(void);
const void *services_metrics_table(void);
const void *services_state_table(void);
const void *services_tls_table(void);
const void *services_work_table(void);
const void *services_http_table(void);

/* In configure: what the http service has of an instance that has a target. */
void services_http_accompany(struct sluice_instance *i);
const void *services_stream_table(void);
const void *services_frames_table(void);
const void *services_contracts_table(void);
const void *services_cache_table(void);
const void *services_keep_table(void);

/* storage.c: at the stop. */
void services_storage_stop(void);

/* state.c: for the question at hand, as services_store_by was told. */
enum services_store services_store_now(void);

static inline struct str str_in(struct sluice_str s)
{
	return (struct str){s.p, s.n};
}

static inline struct sluice_str str_out(struct str s)
{
	return (struct sluice_str){s.p ? s.p : "", s.n};
}
