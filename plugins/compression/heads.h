/* SPDX-License-Identifier: Apache-2.0 */
/* heads.h - what heads say of the coding of their content, and how they change with it.
 *
 * Threads      pure functions of the exchange at hand.
 */
#pragma once

#include "negotiate.h"

/* The one coding of a message's content; CODING_COUNT: another, or more than one. */
enum coding head_coding(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side);
/* Of content that goes on without its coding: no Content-Encoding, no digests of other bytes; of a
 * response no strong ETag and no ranges either. SLUICE_OK, or an error. */
int32_t head_make_plain(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side);
/* The bytes are not those that the tag of the response stands for, the meaning is: "x" becomes W/"x". */
int32_t head_weaken_etag(const struct sluice_host *host, struct sluice_exchange *x);
/* The upstream is told of those of `codings` (bits) that the request takes, of `identity` when it takes
 * none; a request that says nothing goes on so. */
int32_t head_accept_only(
	const struct sluice_host *host, struct sluice_exchange *x, unsigned codings);
