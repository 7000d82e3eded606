/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_link.h - a worker's way to a Redis server: one connection, kept up; questions with a
 * deadline; a breaker.
 *
 *   down --(pause)--> dialling --(the server has answered)--> up
 *     ^                  |                                     |
 *     +------------------+---- it breaks, or is too slow ------+
 *
 * Questions are pipelined. When the first of them is not answered in time, all that wait fail, the
 * connection is closed, and further ones fail at once, until the server has answered a probe within
 * the time of a question: whoever is dead or slow costs the requests that wait at that moment, and
 * no others. Pauses double up to REDIS_PAUSE_MAX_MS, and are drawn, so that many gateways do not
 * come back at once; they begin anew when a question has been answered.
 *
 * Invariants   L1  `ended` comes once for each question that was taken, unless it was cancelled; never
 *                  from inside redis_link_ask.
 *              L2  a question whose answer did not come is not asked again: it may have counted.
 *              L3  at most REDIS_WAITING_MAX questions wait.
 * Ownership    whoever made it; settings are counted.
 * Threads      its loop's. */
#pragma once

#include "base/list.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "state/redis_question.h"
#include "state/redis_settings.h"

#define REDIS_WAITING_MAX 1024
/* Who is back is asked again within REDIS_BACK_MS, whenever that is: an attempt that has just begun, and is in vain,
 * and the pause behind it take no longer (of one address, and the times that settings have by themselves). */
#define REDIS_BACK_MS      2000
#define REDIS_PAUSE_MAX_MS 800

struct redis_link;

struct redis_home; /* state/redis_home.h */

/* A question under way, embedded in what asks. */
struct redis_asked {
	/* given */
	struct arena *arena; /* borrowed: of copies, and of the answer's value */
	void (*ended)(struct redis_asked *a);
	/* what came: RC_OK, and an answer; else why there is none */
	enum rc rc;
	struct sluice_answer answer;
	/* while it is under way */
	struct redis_link *link;         /* NULL: it is not */
	uint64_t place;                  /* among all of the link */
	struct str scope;                /* borrowed */
	struct sluice_question question; /* its texts are copies */
	int64_t until_ms;
	bool is_kept;   /* there is a copy, so that it can be asked once more */
	bool is_asking; /* of a slot that is on its way: a command before it says so */
	/* of a home: */
	uint8_t turns;           /* nodes that have turned it away */
	struct redis_home *home; /* where it waits for a map; NULL: it does not */
	struct link in_line;
};

struct redis_link_stats {
	uint64_t asked, answered; /* answered in time, with whatever result */
	uint64_t late, broken;    /* deadlines; connections that were open and broke */
	uint64_t refused;         /* questions that nobody was asked, as it was down */
	uint64_t turned;          /* which another node of a cluster is to be asked */
	bool is_up;
};

/* What only counts. */
void redis_link_stats_add(struct redis_link_stats *to, const struct redis_link_stats *s);

/* Of a node of a cluster. */
struct redis_link_events {
	/* Of a question, in the place of an answer. True: it is somebody else's from here on
	 * (redis_link_ask_again); false: that is its answer. */
	bool (*refused)(void *owner, struct redis_asked *a, struct str error);
	/* It broke, or could not be reached. */
	void (*down)(void *owner);
};

/* Dials at once; questions that come before it is first up wait for it. `place`, borrowed, is where to,
 * instead of where the settings say; NULL, as are the events: these. */
struct redis_link *redis_link_new(struct stream_group *group, struct resolver *resolver,
	struct redis_settings *settings, const struct redis_place *place,
	const struct redis_link_events *events, void *owner);
/* Questions under way fail. Its connection ends with the turn. */
void redis_link_free(struct redis_link *l);
/* Takes no more questions, and calls `ended` when none waits any more: then it may be freed. */
void redis_link_retire(struct redis_link *l, void (*ended)(void *owner), void *owner);
const struct redis_link_stats *redis_link_stats(const struct redis_link *l);

/* False: it cannot be asked, and nothing comes. `scope` stays until the end: keys are
 * "<prefix>:<scope>:<digest>". */
bool redis_link_ask(struct redis_link *l, struct redis_asked *a, struct str scope,
	const struct sluice_question *q);
/* One that another link was asked and that is kept, until the time it has anyway; `ended` comes even from
 * inside. */
void redis_link_ask_again(struct redis_link *l, struct redis_asked *a);
/* Makes `a` what can be asked again. False: there is no room. */
bool redis_asked_keep(struct redis_asked *a, const struct sluice_question *q);
/* Harmless when it has ended. */
void redis_link_cancel(struct redis_asked *a);
