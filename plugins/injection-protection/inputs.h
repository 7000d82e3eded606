/* SPDX-License-Identifier: Apache-2.0 */
/* inputs.h - the values that a client can choose, one by one and decoded once.
 *
 * Ownership    the walk keeps one piece of the instance's memory for decoded values; inputs_deinit.
 * Threads      one exchange at a time.
 */
#pragma once

#include "sluice/sluice.h"

/* What a value is judged by. */
enum input {
	INPUT_PATH,
	INPUT_QUERY,
	INPUT_HEADER,
	INPUT_BODY,
	INPUT_WHOLE_BODY /* as it came: for regular expressions alone */
};

struct inputs {
	const struct sluice_call *call;
	struct sluice_exchange *exchange;
	/* 0: go on; anything else ends the walk, which returns it. */
	int (*judge)(void *arg, enum input input, struct sluice_str value);
	void *arg;
	char *decoded; /* owned */
	size_t decoded_bytes;
};
void inputs_deinit(struct inputs *in);

/* Each returns what `judge` did, or -1: no memory. */
int inputs_of_target(struct inputs *in);
int inputs_of_headers(struct inputs *in);
/* `kinds`: of util/content.h; of what can be several, all are tried. */
int inputs_of_body(struct inputs *in, uint32_t kinds, struct sluice_str body);
