/* SPDX-License-Identifier: Apache-2.0 */
/* policy/registry.h - the plugins that are loaded, and the services that they may ask for.
 *
 * One registry per process: `host->service` has no other way to find it.
 *
 * Ownership    owns the plugins; service tables are static.
 * Threads      built on the main thread before workers run; services are then only read. Loading
 *              goes on, on the main thread.
 */
#pragma once

#include "base/str.h"

struct loop;
struct metrics;
struct registry;
struct plugin;
struct sluice_plugin;

struct registry *registry_new(void);
/* Runs every plugin's `unload`; no instance is left. Code stays mapped. */
void registry_free(struct registry *r);

/* Where the policies' counters go: borrowed, outlives the registry's instances, and counts as many
 * workers as there are. Before any instance; without it counters count nothing. */
void registry_set_metrics(struct registry *r, struct metrics *metrics);

/* The main thread's: borrowed, outlives the instances, and turns until none is left. For services
 * that hold instances on other threads. */
void registry_set_loop(struct registry *r, struct loop *loop);

/* `name` and `table` are static. RC_EXISTS. */
MUST_USE enum rc registry_add_service(struct registry *r, const char *name, const void *table);
/* NULL when absent. */
const void *registry_service(const struct registry *r, const char *name);
void registry_each_service(
	const struct registry *r, void (*fn)(void *arg, const char *name), void *arg);

/* Checks a descriptor (sizes, ABI, names, required services), runs `load`, and keeps it under its
 * SHA-256. On failure `message` gets one sentence. RC_EXISTS: loaded already, *out is it. */
MUST_USE enum rc registry_add_plugin(struct registry *r, const struct sluice_plugin *descriptor,
	const uint8_t sha256[32], struct plugin **out, char *message, size_t message_size);
/* NULL when it is not loaded. */
struct plugin *registry_plugin(const struct registry *r, const uint8_t sha256[32]);

struct str plugin_name(const struct plugin *p);
struct str plugin_version(const struct plugin *p);
const uint8_t *plugin_sha256(const struct plugin *p);
size_t plugin_policy_count(const struct plugin *p);
struct str plugin_policy_name(const struct plugin *p, size_t i);
