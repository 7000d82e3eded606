/* SPDX-License-Identifier: Apache-2.0 */
/* key_site.h - how one binding asks for the key set of one URL.
 *
 * Of an issuer it asks first where its keys are (OpenID Connect Discovery 1.0 section 4). Only an address behind the
 * issuer's own is followed: no document of the network chooses whom the gateway calls. What an address has sent is kept
 * on disk, and what is found there counts until it answers.
 *
 * Ownership    of the instance; the source is the process's.
 * Threads      immutable once initialised.
 */
#pragma once

#include "key_source.h"

#include "sluice/metrics.h"
#include "sluice/work.h"

struct key_site {
	struct key_source *source;
	const struct sluice_target *target;
	struct sluice_str address; /* as the configuration has it */
	uint32_t timeout_ms;
	int is_issuer;                 /* the address is an issuer's, not a key set's */
	struct sluice_metric *fetches; /* by outcome: a set came, or none; NULL: not counted */
	struct sluice_work *copying;   /* of what came to the disk; before anything is fetched */
};

/* `configure` only; the error stands at `at`. */
int32_t key_site_init(struct key_site *site, const struct sluice_call *call,
	const struct sluice_value *at, int is_issuer);
/* On a worker, by who claimed the site's source: asks, and settles it now or when an answer is there. */
void key_site_fetch(const struct sluice_call *call, const struct key_site *site);
