/* SPDX-License-Identifier: Apache-2.0 */
/* policy/quarantine.h - bindings that have crashed the gateway too often do not run.
 *
 * The supervisor keeps the list, in a memory that gateways only read, so that it outlives them. An
 * entry is a key: of exactly this plugin, binding and configuration, so that a change of any of
 * them ends the quarantine; or of a plugin as a whole. The request path reads one word, which is 0
 * as long as nobody is quarantined.
 *
 * Threads      quarantine_set_board: main, before there are others; the rest any.
 */
#pragma once

#include "base/check.h"
#include "policy/instance.h"

#include <stdatomic.h>

struct board; /* handover/board.h */
struct chain;

/* Where the list stands; NULL: nobody is quarantined. */
void quarantine_set_board(const struct board *board);

extern const _Atomic uint32_t *quarantine_count; /* never NULL */

static inline bool quarantine_is_on(void)
{
	return UNLIKELY(atomic_load_explicit(quarantine_count, memory_order_relaxed) != 0);
}

uint64_t quarantine_key_of_instance(const struct instance_key *key);
/* Of a plugin as a whole: of its load, and of all its bindings. */
uint64_t quarantine_key_of_plugin(const uint8_t sha256[32]);
bool quarantine_holds(uint64_t key);
/* Whether any binding of the chain is quarantined, or the plugin of one. */
bool quarantine_holds_chain(const struct chain *chain);
