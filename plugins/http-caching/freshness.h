/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/freshness.h - what a shared cache may keep, how long it is fresh, and whether it may answer with it
 * (RFC 9111 3, 4.2; RFC 5861).
 *
 * Seconds are those since 1970, as the cache's own clock had them when it received the answer; how long an
 * answer has lain here is measured by the caller with a clock that does not jump.
 *
 * Threads      pure functions of plain structs.
 */
#pragma once

#include "cache_control.h"

/* Of the fields of one request. */
struct asked {
	struct cache_control cc;
	int is_get, is_head;
	int has_authorization;
	int has_range;
};

/* Of the fields of one answer. A time that is not said is ANSWER_UNSAID. */
#define ANSWER_UNSAID INT64_MIN
struct answer {
	struct cache_control cc;
	int status;
	int is_targeted;    /* cc is of CDN-Cache-Control: Expires does not count */
	int varies_on_all;  /* Vary: * */
	int64_t received_s; /* when its head came */
	int64_t delay_s;    /* from the request to then */
	int64_t date_s;     /* Date */
	int64_t expires_s;  /* Expires; what is no date: 0, long past */
	int64_t last_modified_s;
	int64_t age_s; /* Age */
};

enum storing {
	STORING_OK,
	STORING_METHOD,   /* neither GET nor HEAD */
	STORING_STATUS,   /* partial, informational, or not understood */
	STORING_NO_STORE, /* the request or the answer says so */
	STORING_PRIVATE,
	STORING_AUTHORIZATION, /* an answer to credentials that nothing opens to others */
	STORING_VARY,
	STORING_NO_LIFETIME /* neither explicit, nor heuristic, nor a reason to keep it for validation */
};

/* `has_validator`: it can be validated once it is stale; else what is never fresh is not worth a place. */
enum storing freshness_storing(
	const struct asked *asked, const struct answer *answer, int has_validator);
/* Those that may be kept though nothing is said of their lifetime (RFC 9110 15.1). */
int freshness_is_heuristic(int status);
/* "no-store" and so on, for logs and Cache-Status. */
struct sluice_str storing_name(enum storing storing);

/* How long from its origin on: explicit, else a tenth of the time since its last change, a day at most. */
int64_t freshness_lifetime_s(const struct answer *answer);
/* Its age when it came (RFC 9111 4.2.3); what it has lain here since then is added to it. */
int64_t freshness_age_s(const struct answer *answer);

enum reuse {
	REUSE_FRESH,
	REUSE_STALE,      /* the client takes it */
	REUSE_BACKGROUND, /* stale, at once; it is validated beside that */
	REUSE_VALIDATE,   /* ask the origin first */
	REUSE_NEVER       /* only-if-cached, and nothing that may be sent: 504 */
};

struct stored {
	int64_t lifetime_s, age_s; /* now */
	const struct cache_control *cc;
};

enum reuse freshness_reuse(const struct asked *asked, const struct stored *stored);
/* Whether a stored answer may stand for an error of the origin; `default_s`: where neither side says how long,
 * 0 for not at all
 * once it is stale. */
int freshness_covers_error(
	const struct asked *asked, const struct stored *stored, int64_t default_s);
