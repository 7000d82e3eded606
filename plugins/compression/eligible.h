/* SPDX-License-Identifier: Apache-2.0 */
/* eligible.h - which responses are worth compressing, and which may be.
 *
 * Threads      pure functions of the exchange at hand.
 */
#pragma once

#include "sluice/sluice.h"

/* Media types: "text/plain", "text/" followed by *, "*" followed by +json. */
struct media_types {
	struct sluice_str *items; /* owned; views of the configuration */
	size_t count;
};

/* SLUICE_OK, or SLUICE_E_FULL: the instance's memory is spent. */
int32_t media_types_init(
	const struct sluice_call *call, const struct sluice_value *list, struct media_types *types);
void media_types_deinit(const struct sluice_call *call, struct media_types *types);

/* Whether the response, as it is, may be changed into another coding, and is of a kind and a size
 * that it pays for. Not of what the client asked for, nor of secrets. */
int is_compressible(const struct sluice_host *host, struct sluice_exchange *x,
	const struct media_types *types, int64_t bytes_min);
/* Whether request or response carry what an attacker might guess by the length of what is encrypted
 * (BREACH): a cookie, or what tells who the client is. */
int has_credentials(const struct sluice_host *host, struct sluice_exchange *x);
/* Whether who reads it waits for each piece. */
int is_event_stream(const struct sluice_host *host, struct sluice_exchange *x);
