/* SPDX-License-Identifier: Apache-2.0 */
/* encoder.h - one content being compressed, by whichever library.
 *
 * Ownership    memory is the instance's and counted there; encoder_free gives all of it back.
 * Threads      one worker.
 */
#pragma once

#include "negotiate.h"

struct encoder;

/* How hard to try; each coding by its own scale. */
struct encoder_levels {
	int gzip; /* 1 to 9 */
	int br;   /* 0 to 6 */
	int zstd; /* 1 to 12 */
};

enum encoder_step {
	ENCODER_FLOW,  /* what is worth sending comes out when there is enough of it */
	ENCODER_FLUSH, /* the receiver can read all that was put in */
	ENCODER_END
};

/* Takes what comes out; not SLUICE_OK stops. */
typedef int32_t encoder_sink(void *arg, struct sluice_str bytes);

/* `length` is what the head declares, -1 unknown: windows need not be larger than the content.
 * NULL: the instance's memory is spent. */
struct encoder *encoder_new(const struct sluice_call *call, enum coding coding,
	const struct encoder_levels *levels, int64_t length);
/* SLUICE_OK; what the sink said; SLUICE_E_FULL: no memory in the middle of it. */
int32_t encoder_put(struct encoder *e, struct sluice_str bytes, enum encoder_step step,
	encoder_sink *sink, void *arg);
void encoder_free(struct encoder *e); /* NULL is harmless */
