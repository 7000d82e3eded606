/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-web/writer.h - what a body callback gives in the place of the piece at hand.
 *
 * Binary, or as text: then each flush ends with a whole group, and what was put before it can be
 * read without what follows.
 *
 * Ownership    on the caller's stack, for one callback.
 * Errors       sticky: `rc` is what the gateway said when it first took something not; what is put
 *              after that is dropped. */
#pragma once

#include "text.h"

#define WRITER_BYTES 3072

struct writer {
	const struct sluice_host *host;
	struct sluice_exchange *x;
	int is_text;
	int32_t rc;
	size_t n, group_n;
	char group[TEXT_GROUP_BYTES];
	char out[WRITER_BYTES];
};

/* The piece at hand is gone from here on. */
void writer_init(
	struct writer *w, const struct sluice_host *host, struct sluice_exchange *x, int is_text);
void writer_put(struct writer *w, struct sluice_str bytes);
void writer_flush(struct writer *w);
