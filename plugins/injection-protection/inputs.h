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
	INPUT_WHOLE_PATH, /* for regular expressions alone, as the next */
	INPUT_WHOLE_BODY  /* as it came */
};

struct inputs {
	const struct sluice_call *call;
	struct sluice_exchange *exchange;
	/* 0: go on; anything else ends the walk, which returns it. */
	int (*judge)(void *arg, enum input input, struct sluice_str value);
	void *arg;
	struct sluice_str headers; /* names of those to look at, separated by commas; empty: all */
	int all_types; /* also media types of which nobody knows that they hold values */
	char *decoded; /* owned */
	size_t decoded_bytes;
};
void inputs_deinit(struct inputs *in);

/* Each returns what `judge` did, or -1: no memory. */
int inputs_of_target(struct inputs *in);
int inputs_of_headers(struct inputs *in);
/* Whether the head says of a body of these kinds (util/content.h) how it is to be read, in one way:
 * its charset, and where its parts end. */
int inputs_head_is_clear(const struct sluice_host *host, struct sluice_exchange *x, uint32_t kinds);
/* Whether the body is in a charset in which bytes below 128 are ASCII. */
int inputs_body_is_clear(uint32_t kinds, struct sluice_str body);
/* `kinds`: of what can be several, all are tried. */
int inputs_of_body(struct inputs *in, uint32_t kinds, struct sluice_str body);
