/* SPDX-License-Identifier: Apache-2.0 */
/* policy/target.h - the services that a policy's configuration names, as its instance keeps them.
 *
 * Composition finds the service of each text (`format: service` in the schema), the build gives it to
 * the instance, and host->target finds it again by the text. A service that changed makes another
 * instance: its digest is part of the instance's key.
 *
 * Ownership    the instance's, until `release`; it holds a reference to each service.
 * Threads      immutable: any.
 */
#pragma once

#include "base/str.h"

struct service;
struct sluice_instance;

struct sluice_target {
	struct sluice_instance *instance; /* whose it is */
	struct service *service;          /* ref */
	struct str text;                  /* as configured */
	struct str path; /* put before what is asked for; without a slash at its end; may be empty */
	bool rewrites_host; /* requests go there with the service's own name as their Host */
};

/* Whoever has something of each instance that has a target: called in `configure`, with each target.
 * Once per process, before plugins are loaded. */
void policy_on_target(void (*fn)(struct sluice_instance *i));

/* What the build gives of one. */
struct target_options {
	struct str text, path;
	struct service *service; /* a reference is taken */
	bool rewrites_host;
	const uint8_t *sha256;   /* 32 bytes: of what the service was built from */
};
