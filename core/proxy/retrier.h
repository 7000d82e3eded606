/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/retrier.h - sends a request again, where its service has `retries`.
 *
 * Invariants   Y1  what may have been processed is sent again only with a method of the options,
 *                  which are idempotent ones (RFC 9110 9.2.2).
 *              Y2  nothing is sent again once a part of a response went on, or of the request's
 *                  body more than RETRY_BODY_BYTES.
 *              Y3  a request is sent at most `attempts` times, and its retries take one place of
 *                  the budget, and one of the breaker, until it ends.
 *              Y4  a second stream beside the attempt's (hedge.h) is begun once at most, with a
 *                  safe method (RFC 9110 9.2.1) of the options, and counts as one of the attempts;
 *                  it is there only while nothing of a response has gone on.
 * Ownership    the attempt's, from the loop's pool, until retrier_end.
 */
#pragma once

#include "base/chunk.h"
#include "upstream/retry_budget.h"

struct exchange;
struct retrier;

/* How much of a body is kept to be sent again. */
#define RETRY_BODY_BYTES 65536

/* The service has `retries`. */
void retrier_begin(struct exchange *e);
void retrier_end(struct exchange *e);
/* What is about to go upstream. */
void retrier_keep(struct exchange *e, const struct chunk_queue *q, bool ended);
/* Whether that is due on the stream of the new attempt. */
bool retrier_replays(const struct exchange *e);
void retrier_replay(struct exchange *e);
/* What a second stream has come to, if there is one: whether the attempt has another one now. */
bool retrier_hedges(struct exchange *e);
/* The attempt has come to nothing: whether there is another one, now or after a pause. */
bool retrier_try_again(struct exchange *e, enum retry_cause cause);
/* The same of a whole head that has come. */
bool retrier_takes_head(struct exchange *e);
/* The timer: whether it was the end of a pause, or of a try that another one follows. */
bool retrier_takes_timer(struct exchange *e);
/* Of `ms` for an answer (0: any), what one try may take. */
int retrier_bound_ms(struct exchange *e, int ms);
