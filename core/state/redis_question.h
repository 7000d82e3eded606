/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_question.h - questions to a store (sluice/state.h) as Redis is asked them.
 *
 * A question is one call of one script (redis_script.h), which Redis runs whole, with its own
 * clock: state_store_ask in another place. docs/adr/0025.
 *
 * What differs: a version is the number that its writer drew; there is no room (SLUICE_E_FULL) when
 * Redis says so. */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "state/redis_reply.h"

#include "sluice/state.h"

enum redis_script {
	REDIS_SCRIPT_NAMED, /* by its digest: the server has it, or says that it has not */
	REDIS_SCRIPT_WHOLE  /* takes it along, and the server keeps it */
};

/* A command of these words. */
void redis_command_add(struct buffer *out, const struct str *words, size_t n);

/* Which stores of one server are one. In Redis a key is "<owner>:<store>:<digest>": a policy's own may
 * be long, or what nobody else should read. */
struct redis_scope {
	struct str owner; /* whose gateways */
	struct str store;
};

/* A valid question. `version` is what a PUT or LOCK gives: drawn anew for each question, neither 0 nor
 * SLUICE_VERSION_ANY. */
void redis_question_add(struct buffer *out, struct redis_scope scope,
	const struct sluice_question *q, uint64_t version, enum redis_script script);
/* Of its key in a cluster (redis_slots.h). `room` is for the key. */
uint16_t redis_question_slot(
	struct buffer *room, struct redis_scope scope, const struct sluice_question *q);
/* The command by which a server gets the script of most questions before it is asked. */
void redis_script_add(struct buffer *out);

/* RC_OK: the answer; a value goes into `arena`, and when that is spent the result is SLUICE_E_FULL.
 * RC_NOT_FOUND: ask again with the script whole; nothing was done. RC_REFUSED: an error, which is
 * the reply's text. RC_INVALID: no answer of the script. */
MUST_USE enum rc redis_answer_take(
	const struct redis_reply *reply, struct arena *arena, struct sluice_answer *a);
