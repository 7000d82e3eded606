/* SPDX-License-Identifier: Apache-2.0 */
/* decoder.h - one content being decompressed, within bounds that do not depend on what it says.
 *
 * Ownership    memory is the instance's and counted there; decoder_free gives all of it back.
 * Threads      one worker.
 */
#pragma once

#include "negotiate.h"

/* What the libraries may take for one content: a window of 8 MiB and their tables (RFC 8878 has
 * every decoder take 8 MiB, and advises against more). */
#define DECODER_BYTES_MAX ((size_t)10 << 20)

/* A content of so few bytes may grow as it likes. */
#define DECODER_FREE_BYTES 65536

struct decoder;

enum decoder_result {
	DECODER_OK,
	DECODER_DAMAGED,   /* not of this coding, cut, or followed by something else */
	DECODER_TOO_LARGE, /* more than bytes_max comes out */
	DECODER_TOO_DENSE, /* more than ratio_max bytes come out for each that goes in */
	DECODER_HUNGRY,    /* it asks for more memory than DECODER_BYTES_MAX */
	DECODER_STOPPED    /* the sink does not take more, or the instance's memory is spent */
};

struct decoder_bounds {
	int64_t bytes_max;
	int64_t ratio_max;
};

/* Takes what comes out; not SLUICE_OK stops. */
typedef int32_t decoder_sink(void *arg, struct sluice_str bytes);

/* NULL: the instance's memory is spent. */
struct decoder *decoder_new(
	const struct sluice_call *call, enum coding coding, struct decoder_bounds bounds);
/* `end`: these are the last bytes. Content of no bytes at all is taken for what it is. */
enum decoder_result decoder_put(
	struct decoder *d, struct sluice_str bytes, int end, decoder_sink *sink, void *arg);
void decoder_free(struct decoder *d); /* NULL is harmless */
