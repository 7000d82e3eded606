/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/state.h - the service "sluice.state/1": counters, quotas, values and locks that outlive an
 * exchange.
 *
 * A store answers a question at once, or later: a policy is written for both, and works unchanged
 * with a store that several replicas share.
 *
 *	struct sluice_answer a = {.size = sizeof(a)};
 *	int32_t rc;
 *	if (!host->resumed(x))
 *	        rc = state->ask(x, store, &question, &a);
 *	else
 *	        rc = state->take(x, store, &a);
 *	if (rc == SLUICE_PENDING)
 *	        return host->wait(x, 1000);
 *	if (rc != SLUICE_OK)
 *	        return SLUICE_FAIL;          // no answer can be had
 *	if (a.result == SLUICE_OK) ...
 */
#ifndef SLUICE_STATE_H
#define SLUICE_STATE_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_STATE_SERVICE "sluice.state/1"

/* The answer comes later: wait for it. */
#define SLUICE_PENDING 1

/* Where counters stop, in whatever home they are. */
#define SLUICE_COUNT_MAX (INT64_C(1) << 53)

/* For `version`: whatever stands there. */
#define SLUICE_VERSION_ANY UINT64_MAX

struct sluice_state; /* a store; lives until the instance's `release` has returned */

struct sluice_state_options {
	uint32_t size;
	uint32_t reserved;
	/* Instances of one policy that open the same name (1 to 64 bytes) have one store together.
	 * Empty: a store of this binding alone, which outlives its reconfigurations. */
	struct sluice_str name;
	/* Beyond either, new keys are refused (SLUICE_E_FULL); nothing that counts is ever dropped
	 * to make room. 1 to 10,000,000, and 1 KiB to 1 GiB: keys and values, and about 100 bytes
	 * for each. Of several who have it open, who opened it last chooses. */
	uint32_t entries_max;
	uint32_t reserved2;
	uint64_t bytes_max;
	/* Not 0: where the gateway has a shared storage the store is there, one for all gateways
	 * that share it, with no bounds of its own; else in memory. */
	uint32_t shared;
	uint32_t reserved3;
};

/* A key holds one of: a counter, a value, a lock, a quota. Questions of another sort about it are refused
 * (SLUICE_E_INVALID) for as long as it lasts. */
enum sluice_question_kind {
	SLUICE_GET,    /* the value, its version, and how long it lasts */
	SLUICE_PUT,    /* writes `value` for `for_ms`, if the version is that of the question */
	SLUICE_REMOVE, /* likewise; a counter goes, too */
	SLUICE_COUNT, /* adds `delta` to the counter of the window that runs, unless `limit` forbids
			 it */
	SLUICE_LOCK,  /* takes the lock for at most `for_ms`; the answer's version is the key to it
		       */
	SLUICE_UNLOCK, /* with that version */
	SLUICE_SPEND /* spends `delta` of all limits of a quota, or, where one has less, nothing */
};

/* How spent quota comes back. */
enum sluice_quota_kind {
	SLUICE_QUOTA_FIXED, /* all of it, at the end of a window that began with what was spent first */
	SLUICE_QUOTA_SLIDING, /* as it leaves the last period, by sixteenths of one */
	SLUICE_QUOTA_EVEN     /* evenly (GCRA) */
};

#define SLUICE_QUOTA_LIMITS_MAX 16

struct sluice_quota_limit {
	int64_t most;      /* per period; 1 to SLUICE_COUNT_MAX, or 2^32 - 1 unless FIXED */
	int64_t period_ms; /* 1 to 31,622,400,000 ms */
	int64_t burst;     /* EVEN: at once, 1 to `most`; otherwise 0 */
};

struct sluice_question {
	uint32_t size;
	uint32_t kind;           /* enum sluice_question_kind */
	struct sluice_str key;   /* 1 to 1,024 bytes */
	struct sluice_str value; /* at most 1 MiB */
	/* COUNT: 0 looks and adds nothing; what would go below 0 is 0, and beyond SLUICE_COUNT_MAX
	 * that. SPEND: 0 to SLUICE_COUNT_MAX; 0 looks and spends nothing. */
	int64_t delta;
	/* COUNT: what the counter may reach; more is SLUICE_E_CONFLICT and not added. 0: any. */
	int64_t limit;
	/* PUT, REMOVE: SLUICE_VERSION_ANY; 0: only if there is nothing; or the version that is
	 * expected. UNLOCK: of the lock. */
	uint64_t version;
	/* COUNT: the length of a window, which begins with its first count. PUT, LOCK: how long it
	 * lasts. 1 to 31,622,400,000 ms (366 days); PUT: 0 is for as long as the store. */
	int64_t for_ms;
	/* SPEND: 1 to SLUICE_QUOTA_LIMITS_MAX, of one kind (enum sluice_quota_kind). Whose kind or
	 * number changes has another key: the former one holds another sort. */
	const struct sluice_quota_limit *limits;
	uint32_t limit_count;
	uint32_t quota;
	/* SPEND, FIXED: what is taken ahead beside `delta`, if that may be spent: as much of it as is
	 * no more than an eighth of what all limits have left then. 0 to SLUICE_COUNT_MAX. */
	int64_t more;
};

struct sluice_answer {
	uint32_t size; /* set by the caller */
	/* SLUICE_OK; SLUICE_E_NOT_FOUND: nothing stands there (GET, REMOVE, UNLOCK);
	 * SLUICE_E_CONFLICT: another version stands there, the lock is taken, the limit is reached,
	 * a limit has less than was to be spent;
	 * SLUICE_E_FULL: the store has no room; SLUICE_E_INVALID: the key holds another sort. */
	int32_t result;
	struct sluice_str
		value; /* GET; lasts as long as the exchange (`ask`), or the call (`start`) */
	uint64_t version;
	int64_t count; /* COUNT: afterwards. SPEND: what is left of that limit */
	/* Of the window, the value, the lock; 0: for as long as the store. SPEND: until that limit
	 * has more, or what was asked for; or, if that is never, all. */
	int64_t remaining_ms;
	uint32_t index; /* SPEND: which limit it tells of: the one with the least left */
	uint32_t reserved;
	int64_t spent; /* SPEND: `delta` and what was taken ahead; 0: nothing was */
};

typedef void sluice_answer_fn(
	const struct sluice_call *call, const struct sluice_answer *answer, int32_t rc, void *arg);

struct sluice_state_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only. NULL: refused; the log says why. */
	struct sluice_state *(*open)(
		struct sluice_instance *instance, const struct sluice_state_options *options);

	/* Exchange callbacks up to response_end. SLUICE_OK: `answer` is filled. SLUICE_PENDING: an
	 * operation of the exchange, for host->wait and `take`. SLUICE_E_INVALID: the question
	 * breaks its contract. SLUICE_E_UNAVAILABLE: the store cannot be asked. */
	int32_t (*ask)(struct sluice_exchange *exchange, struct sluice_state *state,
		const struct sluice_question *question, struct sluice_answer *answer);
	/* The same callbacks, after host->wait: the answer to the oldest question that was asked in
	 * this direction; as `ask`, and SLUICE_E_NOT_FOUND when there is none. */
	int32_t (*take)(struct sluice_exchange *exchange, struct sluice_state *state,
		struct sluice_answer *answer);
	/* worker_start, exchange callbacks up to response_end, and what services call on a worker:
	 * the answer comes to `fn`, on this worker, never before the caller has returned. `rc` is
	 * SLUICE_OK, or SLUICE_E_UNAVAILABLE (then `answer` tells nothing). What is under way when
	 * the instance stops there, or fails in worker_start, is answered by SLUICE_E_UNAVAILABLE,
	 * before the plugin's own worker_stop; what would begin in such an answer is refused so. */
	int32_t (*start)(const struct sluice_call *call, struct sluice_state *state,
		const struct sluice_question *question, sluice_answer_fn *fn, void *arg);
	/* As `start`: 1: questions go to the shared storage now. Only a reload changes that. */
	int32_t (*is_shared)(const struct sluice_state *state);
	/* As `start`: how many gateways share it, as the operator has said; 1 or more. */
	uint32_t (*replicas)(const struct sluice_state *state);
};

#ifdef __cplusplus
}
#endif
#endif
