/* SPDX-License-Identifier: Apache-2.0 */
/* negotiate.h - content codings, and which of them a client takes (RFC 9110 12.5.3).
 *
 * Threads      pure functions.
 */
#pragma once

#include "sluice/sluice.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BR, CODING_ZSTD, CODING_COUNT };

/* By its name in any case, "x-gzip" among them; CODING_COUNT of any other. */
enum coding coding_of(struct sluice_str name);
/* "gzip" */
struct sluice_str coding_name(enum coding coding);

/* What all Accept-Encoding fields of a request together say, in thousandths: 0 refuses, -1 is not
 * named.
 */
struct acceptance {
	int weight[CODING_COUNT];
	int others; /* of "*" */
};

void acceptance_init(struct acceptance *a);
/* One field's value. What is no weight refuses the coding before it. */
void acceptance_add(struct acceptance *a, struct sluice_str value);
/* One field's value, behind `n` bytes that are in `out` already: those of its codings that are among `codings`
 * (bits), with their weights; how many bytes there are then. What there is no room for is left out. */
size_t acceptance_keep(
	struct sluice_str value, unsigned codings, char *out, size_t n, size_t bytes_max);
/* The one of `offered`, the server's favourite first, that the client likes best; CODING_IDENTITY
 * when it takes none, or likes to have the content as it is better. */
enum coding acceptance_choose(
	const struct acceptance *a, const enum coding *offered, size_t offered_count);
