/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/quarantine.h"

#include "handover/board.h"
#include "policy/policy_priv.h"

static const struct board empty;
static const struct board *list = &empty;
const _Atomic uint32_t *quarantine_count = &empty.quarantined;

void quarantine_set_board(const struct board *board)
{
	list = board ? board : &empty;
	quarantine_count = &list->quarantined;
}

static uint64_t mix(uint64_t h, uint64_t value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15;
	return h ^ (h >> 32);
}

/* 0 stands for nobody. */
static uint64_t never_zero(uint64_t h)
{
	return h ? h : 1;
}

uint64_t quarantine_key_of_plugin(const uint8_t sha256[32])
{
	uint64_t h;
	memcpy(&h, sha256, sizeof(h));
	return never_zero(mix(h, 1));
}

uint64_t quarantine_key_of_instance(const struct instance_key *key)
{
	uint64_t h, config;
	memcpy(&h, key->plugin_sha256, sizeof(h));
	memcpy(&config, key->config_sha256, sizeof(config));
	return never_zero(mix(mix(h, 2), config));
}

bool quarantine_holds(uint64_t key)
{
	return quarantine_is_on() && board_holds(list, key);
}

static bool holds_instance(const struct sluice_instance *i)
{
	return quarantine_is_on() &&
	       board_holds_either(list, i->quarantine_key, i->plugin_quarantine_key);
}

bool quarantine_holds_chain(const struct chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (holds_instance(chain->bindings[i].instance))
			return true;
	return false;
}
