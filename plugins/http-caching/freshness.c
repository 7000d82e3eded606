/* SPDX-License-Identifier: Apache-2.0 */
#include "freshness.h"

#include "directives.h"
#include "sluice/text.h"

#define HEURISTIC_S_MAX 86400

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int freshness_is_heuristic(int status)
{
	static const short statuses[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i] == status)
			return 1;
	return 0;
}

/* Final, and no answer whose meaning lies in another one. */
static int is_storable_status(int status)
{
	return status >= 200 && status <= 599 && status != 206 && status != 304;
}

/* Those that must-understand means: the ones whose caching this code knows of. */
static int is_understood_status(int status)
{
	return freshness_is_heuristic(status) || status == 302 || status == 307;
}

static int64_t origin_date_s(const struct answer *a)
{
	return a->date_s == ANSWER_UNSAID ? a->received_s : a->date_s;
}

/* -1: nothing says it. */
static int64_t explicit_lifetime_s(const struct answer *a)
{
	if (a->cc.seconds[CC_S_MAXAGE] >= 0)
		return a->cc.seconds[CC_S_MAXAGE];
	if (a->cc.seconds[CC_MAX_AGE] >= 0)
		return a->cc.seconds[CC_MAX_AGE];
	if (a->is_targeted || a->expires_s == ANSWER_UNSAID)
		return -1;
	return larger(a->expires_s - origin_date_s(a), 0);
}

static int is_heuristic(const struct answer *a)
{
	return freshness_is_heuristic(a->status) || (a->cc.flags & CC_PUBLIC);
}

static int64_t heuristic_lifetime_s(const struct answer *a)
{
	if (!is_heuristic(a) || a->last_modified_s == ANSWER_UNSAID)
		return 0;
	int64_t tenth = larger(origin_date_s(a) - a->last_modified_s, 0) / 10;
	return tenth < HEURISTIC_S_MAX ? tenth : HEURISTIC_S_MAX;
}

int64_t freshness_lifetime_s(const struct answer *answer)
{
	int64_t said = explicit_lifetime_s(answer);
	return said >= 0 ? said : heuristic_lifetime_s(answer);
}

int64_t freshness_age_s(const struct answer *answer)
{
	int64_t apparent = larger(answer->received_s - origin_date_s(answer), 0);
	int64_t said = answer->age_s == ANSWER_UNSAID ? 0 : answer->age_s;
	return larger(apparent, said + larger(answer->delay_s, 0));
}

static int is_open_to_others(const struct cache_control *cc)
{
	return (cc->flags & (CC_PUBLIC | CC_MUST_REVALIDATE)) || cc->seconds[CC_S_MAXAGE] >= 0;
}

static enum storing directives_storing(const struct asked *asked, const struct answer *a)
{
	int is_understood = (a->cc.flags & CC_MUST_UNDERSTAND) && is_understood_status(a->status);
	if ((a->cc.flags & CC_MUST_UNDERSTAND) && !is_understood)
		return STORING_STATUS;
	if ((asked->cc.flags & CC_NO_STORE) || ((a->cc.flags & CC_NO_STORE) && !is_understood))
		return STORING_NO_STORE;
	if (a->cc.flags & CC_PRIVATE)
		return STORING_PRIVATE;
	if (asked->has_authorization && !is_open_to_others(&a->cc))
		return STORING_AUTHORIZATION;
	return a->varies_on_all ? STORING_VARY : STORING_OK;
}

enum storing freshness_storing(
	const struct asked *asked, const struct answer *answer, int has_validator)
{
	if (!asked->is_get && !asked->is_head)
		return STORING_METHOD;
	if (!is_storable_status(answer->status))
		return STORING_STATUS;
	enum storing s = directives_storing(asked, answer);
	if (s != STORING_OK)
		return s;
	if (explicit_lifetime_s(answer) < 0 && !is_heuristic(answer))
		return STORING_NO_LIFETIME;
	return freshness_lifetime_s(answer) > 0 || has_validator ? STORING_OK : STORING_NO_LIFETIME;
}

struct sluice_str storing_name(enum storing storing)
{
	static const char *const names[] = {"ok", "method", "status", "no-store", "private",
		"authorization", "vary", "no-lifetime"};
	return (struct sluice_str){names[storing], strlen(names[storing])};
}

/* RFC 9111 4.2.4: the origin forbids stale answers. s-maxage does as proxy-revalidate does (5.2.2.10). */
static int forbids_stale(const struct cache_control *cc)
{
	return (cc->flags & (CC_MUST_REVALIDATE | CC_NO_CACHE)) || cc->seconds[CC_S_MAXAGE] >= 0;
}

static int is_fresh_enough(const struct asked *asked, const struct stored *s)
{
	int64_t max_age = asked->cc.seconds[CC_MAX_AGE],
		min_fresh = asked->cc.seconds[CC_MIN_FRESH];
	/* Of 0 an answer of this very second would do; a reload means to ask the origin. */
	if (max_age == 0 || (max_age > 0 && s->age_s > max_age))
		return 0;
	return s->lifetime_s > s->age_s + (min_fresh > 0 ? min_fresh : 0);
}

static int takes_stale(const struct asked *asked, const struct stored *s)
{
	int64_t over = s->age_s - s->lifetime_s, max_stale = asked->cc.seconds[CC_MAX_STALE];
	int64_t max_age = asked->cc.seconds[CC_MAX_AGE];
	if (forbids_stale(s->cc) || over < 0 || asked->cc.seconds[CC_MIN_FRESH] > 0)
		return 0;
	/* max-age and max-stale together: no older than both allow. */
	if (max_age >= 0 && s->age_s > max_age + larger(max_stale, 0))
		return 0;
	return max_stale >= 0 ? over <= max_stale : (asked->cc.flags & CC_ANY_STALE) != 0;
}

/* What the client asks for itself is not answered with what it did not ask for. s-maxage does not forbid this: with
 * both directives the origin says that it may be (RFC 5861 3). */
static int may_wait(const struct asked *asked, const struct stored *s)
{
	int64_t over = s->age_s - s->lifetime_s;
	if (s->cc->flags & (CC_MUST_REVALIDATE | CC_NO_CACHE))
		return 0;
	if (asked->cc.seconds[CC_MAX_AGE] >= 0 || asked->cc.seconds[CC_MIN_FRESH] >= 0)
		return 0;
	return over >= 0 && over < s->cc->seconds[CC_STALE_WHILE_REVALIDATE];
}

enum reuse freshness_reuse(const struct asked *asked, const struct stored *stored)
{
	enum reuse otherwise = asked->cc.flags & CC_ONLY_IF_CACHED ? REUSE_NEVER : REUSE_VALIDATE;
	if ((asked->cc.flags | stored->cc->flags) & CC_NO_CACHE)
		return otherwise;
	if (is_fresh_enough(asked, stored))
		return REUSE_FRESH;
	if (takes_stale(asked, stored))
		return REUSE_STALE;
	if (!may_wait(asked, stored))
		return otherwise;
	return otherwise == REUSE_NEVER ? REUSE_STALE : REUSE_BACKGROUND;
}

int freshness_covers_error(
	const struct asked *asked, const struct stored *stored, int64_t default_s)
{
	int64_t of_answer = stored->cc->seconds[CC_STALE_IF_ERROR];
	int64_t of_request = asked->cc.seconds[CC_STALE_IF_ERROR];
	int64_t over = stored->age_s - stored->lifetime_s;
	if ((stored->cc->flags & (CC_MUST_REVALIDATE | CC_NO_CACHE)) ||
		(asked->cc.flags & CC_NO_CACHE))
		return 0;
	if (of_answer < 0 && stored->cc->seconds[CC_S_MAXAGE] >= 0)
		return 0;
	int64_t allowed = of_answer >= 0 ? of_answer : default_s;
	return over < larger(allowed, of_request);
}
