/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/cache_status.h - what the cache did, for whoever reads the answer (RFC 9211).
 *
 * Threads      pure functions.
 */
#pragma once

#include "sluice/sluice.h"

enum cache_forward { /* why the request went to the origin */
	FORWARD_NOT, /* it did not: a hit */
	FORWARD_BYPASS,
	FORWARD_METHOD,
	FORWARD_URI_MISS,
	FORWARD_VARY_MISS,
	FORWARD_REQUEST, /* its directives ask for it */
	FORWARD_STALE
};

struct cache_status {
	enum cache_forward forward;
	int forward_status; /* of the origin, where it is not the one that is sent; 0: none */
	int is_stored, is_collapsed;
	int has_ttl;
	int64_t ttl_s;            /* negative: stale so long */
	struct sluice_str detail; /* a token; may be empty */
};

#define CACHE_STATUS_BYTES_MAX 192
/* How many bytes; a detail that is no token, or is longer than 64 bytes, is left out. */
size_t cache_status_write(char out[CACHE_STATUS_BYTES_MAX], const struct cache_status *status);
