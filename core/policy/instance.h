/* SPDX-License-Identifier: Apache-2.0 */
/* policy/instance.h - one binding of a policy, configured.
 *
 * An instance is (plugin's SHA-256, binding, hash of its configuration): a generation takes over
 * the instance of the one before when the key is equal, with its counters and caches; else the new
 * one gets the old one's state as `previous` in configure.
 *
 *   instance_new (configure) -> worker_start on each worker -> exchanges -> worker_stop on each
 *   -> last unref (release)
 *
 * Ownership    counted; the main thread counts. It copies its configuration, so it outlives the
 * plan. Memory       what the plugin takes with instance_alloc is bounded by bytes_max. Threads
 * new, ref, unref: main. worker_start/stop: each worker, for itself. What services attached to an
 * instance on a worker (policy/run.h) goes with its worker_stop.
 */
#pragma once

#include "base/diagnostics.h"
#include "plan/plan.h"

struct plugin;
struct sluice_instance;
struct target_options; /* policy/target.h */

/* An instance whose plugin takes more than this is refused the memory. */
#define INSTANCE_BYTES_MAX (256u << 20)

struct instance_key {
	uint8_t plugin_sha256[32];
	uint8_t config_sha256[32]; /* of the binding, the policy's name and the configuration */
};
bool instance_key_equal(const struct instance_key *a, const struct instance_key *b);

struct instance_options {
	struct plugin *plugin;          /* borrowed: loaded until the process ends */
	struct str policy;              /* its name in the plugin */
	struct str binding;             /* "namespace/name", unique: for logs, metrics, the key */
	const struct plan_node *config; /* copied; NULL: an empty object */
	struct str config_path;         /* "spec.policies[0].config", before the paths of errors */
	struct str subject;             /* the API to be stubbed on an error, "namespace/name" */
	uint32_t breadcrumb;            /* stands for it in breadcrumbs where there are no labels */
	uint32_t workers;               /* how many there are */
	size_t bytes_max;               /* 0: INSTANCE_BYTES_MAX */
	const struct target_options *targets; /* the services that its configuration names */
	size_t target_count;
};
/* What instance_new would give its instance. */
struct instance_key instance_key_of(const struct instance_options *options);

/* Runs `configure`. `previous` (may be NULL): the instance of the same binding that this one
 * replaces; only one of the same plugin and policy counts. RC_INVALID: diagnostics tell why. */
MUST_USE enum rc instance_new(const struct instance_options *options,
	struct sluice_instance *previous, struct diagnostics *diagnostics,
	struct sluice_instance **out);
struct sluice_instance *instance_ref(struct sluice_instance *i);
/* References that are held; main thread. */
uint32_t instance_ref_count(const struct sluice_instance *i);
/* The last one runs `release`: no callback runs, no worker is started. While a service holds the
 * instance for something that still runs, `release` waits for that. */
void instance_unref(struct sluice_instance *i);
const struct instance_key *instance_key(const struct sluice_instance *i);
/* Whether its targets are these services: the same objects, not only alike. */
bool instance_leads_to(
	const struct sluice_instance *i, const struct target_options *targets, size_t count);
struct str instance_binding(const struct sluice_instance *i);
struct str instance_policy(const struct sluice_instance *i);
/* Bytes that its plugin holds. */
size_t instance_bytes_used(const struct sluice_instance *i);

/* On each worker, before its first and after its last exchange. RC_REFUSED: worker_start failed. */
MUST_USE enum rc instance_worker_start(struct sluice_instance *i, uint32_t worker);
void instance_worker_stop(struct sluice_instance *i, uint32_t worker);
