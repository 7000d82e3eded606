/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain_facts.h - what a chain's policies may know of their API and of themselves: labels,
 * stages.
 *
 * It hangs in the chain and is read when somebody asks: a request costs nothing by it.
 *
 * Ownership    copied into the chain, in one block; goes with it.
 * Threads      told on the main thread, before the chain is used; then immutable.
 */
#pragma once

#include "base/str.h"

struct chain;
struct chain_facts;
struct plan_node;

struct chain_label {
	struct str name, value;
};

struct chain_labels {
	struct chain_label *items;
	uint32_t count;
};

/* `api`: the node of an API in a plan, whose chain this is: its labels, and stage and labels of each
 * binding. Once. */
void chain_tell_facts(struct chain *chain, const struct plan_node *api);
void chain_facts_free(struct chain_facts *facts);
/* Of a chain that was told nothing they are empty. */
struct chain_labels chain_api_labels(const struct chain *chain);
struct chain_labels chain_binding_labels(const struct chain *chain, unsigned binding);
struct str chain_binding_stage(const struct chain *chain, unsigned binding);
