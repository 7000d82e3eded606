/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/retry_budget.h - when requests to a service are sent again, and how many may be at once.
 *
 * Where a service is slow or fails, each retry is more of the load that it fails under: so those
 * that are being sent again are at most a share of all that are under way, and a few where that is
 * less.
 *
 * Invariants   T1  retrying <= max(RETRIES_AT_LEAST, active * budget_percent / 100) when one is
 *                  taken.
 * Threads      all workers. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RETRIES_AT_LEAST   3
#define RETRY_STATUSES_MAX 16

/* X(id, as configurations name it) */
#define RETRY_CAUSES(X)                                                                            \
	X(CONNECT_FAILURE, "connectFailure") /* no connection came about: nothing was sent */      \
	X(RESET, "reset")                    /* it broke off before a byte of the response */      \
	X(REFUSED_STREAM, "refusedStream")   /* HTTP/2: the request was not looked at */           \
	X(TIMEOUT, "timeout")                /* no head within perTryTimeoutSeconds */             \
	X(SERVER_ERROR, "5xx")               /* any such status */                                 \
	X(GATEWAY_ERROR, "gatewayError")     /* 502, 503, 504 */                                   \
	X(STATUS, "statuses")                /* one of `statuses` */

enum retry_cause {
#define X(id, name) RETRY_##id,
	RETRY_CAUSES(X)
#undef X
		RETRY_CAUSE_COUNT,
};

struct retry_options {
	unsigned attempts; /* in all; 0 or 1: nothing is sent again */
	uint8_t causes;    /* by 1 << enum retry_cause */
	uint16_t methods;  /* by 1 << enum http_method: of what may have been processed */
	uint16_t statuses[RETRY_STATUSES_MAX];
	unsigned status_count;
	int per_try_ms;     /* 0: none of its own */
	int hedge_after_ms; /* without a head for so long, another endpoint is asked, too; 0: none is */
	int back_off_ms, back_off_max_ms;
	unsigned budget_percent;
};

struct retry_budget {
	atomic_uint active, retrying;
};

static inline bool retry_is_on(const struct retry_options *o, enum retry_cause cause)
{
	return o->causes >> cause & 1;
}
/* A request began; each ends once. */
void retry_budget_begin(struct retry_budget *b);
void retry_budget_end(struct retry_budget *b);
/* Whether one may be sent again now; then it is left once. */
bool retry_budget_take(struct retry_budget *b, unsigned percent);
void retry_budget_leave(struct retry_budget *b);
bool retry_wants_status(const struct retry_options *o, uint16_t status);
/* How long to wait before retry `n` (from 1): at random up to twice as long each time. */
int retry_back_off_ms(const struct retry_options *o, unsigned n, uint64_t random);
