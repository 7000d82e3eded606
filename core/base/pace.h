/* SPDX-License-Identifier: Apache-2.0 */
/* base/pace.h - whether a peer that is waited for keeps up a least rate.
 *
 * A peer has credit, in time: waiting for it spends it, its bytes earn it. It begins with a grace,
 * so that a slow start is no fault, and what it can save is bounded, so that a fast start does not
 * pay for hours of dripping: whoever stands still is given up after the most that can be saved.
 * Bytes may come in lumps (a TCP window opens by parts), which a rate per second would punish.
 *
 * Ownership    embedded. Threads: one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pace_rule {
	uint32_t bytes_per_second; /* 0: any rate; every byte earns all that can be saved */
	int64_t grace_ms;
	int64_t most_ms; /* that can be saved */
};

struct pace {
	int64_t at_ms;
	int64_t credit_ms;
	uint64_t bytes;
};

static inline void pace_begin(
	struct pace *p, const struct pace_rule *rule, int64_t now_ms, uint64_t bytes)
{
	*p = (struct pace){.at_ms = now_ms, .credit_ms = rule->grace_ms, .bytes = bytes};
}

/* `bytes` passed so far; `is_awaited`: it is the peer's turn. False: its credit is spent. */
bool pace_keeps(struct pace *p, const struct pace_rule *rule, int64_t now_ms, uint64_t bytes,
	bool is_awaited);
