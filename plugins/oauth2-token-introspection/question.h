/* SPDX-License-Identifier: Apache-2.0 */
/* question.h - asks the authorization server about a token (RFC 7662), and remembers what it said.
 *
 * Answers are kept under the token's digest, and only those that call it active: at most as long as the
 * configuration says, and never beyond the token's end.
 *
 * Threads      exchange callbacks of any worker.
 */
#pragma once

#include "inquiry.h"
#include "settings.h"

#include "util/jose_value.h"

/* What is remembered of the token, a view until the exchange ends; SLUICE_E_NOT_FOUND: nothing. */
int32_t question_recall(const struct settings *s, struct sluice_exchange *x,
	struct sluice_str token, struct sluice_str *answer);
/* What is under way about it, to be awaited and left; NULL: no memory. The log says why none comes. Where answers count
 * for some time one question is asked for all who need it at once; else each asks. */
struct inquiry *question_ask(const struct settings *s, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_str token);
/* An answer, of an active token; it had been read as `claims`. */
void question_remember(const struct settings *s, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_str token, struct sluice_str answer,
	const struct jose_value *claims);
