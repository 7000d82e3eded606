/* SPDX-License-Identifier: Apache-2.0 */
#include "elsewhere.h"

#include "rate_limiting.h"
#include "util/config_complain.h"

#include <string.h>

enum mode { EXACT, LEASED, LOCAL };

/* --- configuration --------------------------------------------------------------------------- */
static int is_word(struct sluice_str text, const char *word)
{
	return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

static struct sluice_str word_of(
	const struct sluice_host *host, const struct sluice_value *config, struct sluice_str name)
{
	return host->value_string(host->value_get(config, name), SLUICE_STR(""));
}

static int flag_of(
	const struct sluice_host *host, const struct sluice_value *config, struct sluice_str name)
{
	return host->value_bool(host->value_get(config, name), 1);
}

static int32_t mode_read(const struct sluice_call *call, const struct sluice_value *config,
	const struct limits *limits, enum mode *mode)
{
	const struct sluice_host *host = call->host;
	struct sluice_str word = word_of(host, config, SLUICE_STR("mode"));
	const struct sluice_value *at = host->value_get(config, SLUICE_STR("mode"));
	int is_shared = flag_of(host, config, SLUICE_STR("clusterizable"));
	*mode = is_word(word, "leased") ? LEASED : EXACT;
	if (is_word(word, "local") || (word.n == 0 && !is_shared))
		*mode = LOCAL;
	else if (!is_shared)
		return config_complain(
			call, at, SLUICE_STR("with clusterizable false mode can only be local"));
	if (*mode == LEASED && (limits->count > 1 || limits->algorithm != &algorithm_fixed_window))
		return config_complain(call, at,
			SLUICE_STR(
				"mode leased is for one limit, and the algorithm fixedWindow: of "
				"several windows, what is left of a slice when the shortest ends "
				"is lost for the others; mode exact counts all"));
	return SLUICE_OK;
}

static enum sluice_quota_kind kind_of(const struct algorithm *algorithm)
{
	if (algorithm == &algorithm_sliding_window)
		return SLUICE_QUOTA_SLIDING;
	return algorithm == &algorithm_gcra ? SLUICE_QUOTA_EVEN : SLUICE_QUOTA_FIXED;
}

static int64_t at_most(uint64_t n)
{
	return n < SLUICE_COUNT_MAX ? (int64_t)n : SLUICE_COUNT_MAX;
}

static int32_t limits_init(
	struct elsewhere *e, const struct sluice_call *call, const struct limits *limits)
{
	e->limits =
		call->host->instance_alloc(call->instance, limits->count * sizeof(e->limits[0]));
	if (!e->limits)
		return SLUICE_E_FULL;
	e->kind = kind_of(limits->algorithm);
	e->limit_count = limits->count;
	for (size_t i = 0; i < limits->count; i++) {
		const struct window_limit *w = &limits->windows[i];
		e->limits[i] = (struct sluice_quota_limit){
			at_most(w->requests_max), w->period_ms, at_most(w->burst)};
	}
	fallback_init(&e->fallback);
	return SLUICE_OK;
}

int32_t elsewhere_init(struct elsewhere *e, const struct sluice_call *call,
	const struct sluice_value *config, const struct limits *limits)
{
	enum mode mode;
	int32_t rc = mode_read(call, config, limits, &mode);
	if (rc != SLUICE_OK || mode == LOCAL)
		return rc;
	e->unknown = quota_unknown_of(call->host, config);
	rc = limits_init(e, call, limits);
	if (rc == SLUICE_OK && mode == LEASED && leases_size_max(&limits->windows[0]) > 0) {
		e->leases = leases_new(&limits->windows[0]);
		rc = e->leases ? SLUICE_OK : SLUICE_E_FULL;
	}
	return rc == SLUICE_OK ? quota_store_init(&e->store, call, 1) : rc;
}

void elsewhere_continue(struct elsewhere *e, const struct elsewhere *previous)
{
	if (!e->leases || !previous->leases)
		return;
	leases_unref(e->leases);
	e->leases = leases_ref(previous->leases);
}

void elsewhere_deinit(struct elsewhere *e, const struct sluice_call *call)
{
	if (!e->limits)
		return;
	leases_unref(e->leases);
	fallback_deinit(&e->fallback);
	call->host->instance_free(call->instance, e->limits);
}

/* --- without an answer ----------------------------------------------------------------------- */
static struct limits limits_of(const struct elsewhere *e)
{
	static const struct algorithm *const algorithms[] = {
		[SLUICE_QUOTA_FIXED] = &algorithm_fixed_window,
		[SLUICE_QUOTA_SLIDING] = &algorithm_sliding_window,
		[SLUICE_QUOTA_EVEN] = &algorithm_gcra,
	};
	struct limits all = {.algorithm = algorithms[e->kind], .count = e->limit_count};
	for (size_t i = 0; i < all.count; i++)
		all.windows[i] = (struct window_limit){(uint64_t)e->limits[i].most,
			e->limits[i].period_ms, (uint64_t)e->limits[i].burst};
	return all;
}

static int32_t undecided(
	const struct sluice_call *call, struct sluice_exchange *x, const struct visit *visit)
{
	struct state *s = call->state;
	struct elsewhere *e = &s->elsewhere;
	call->host->counter_add(call->instance, s->undecided, 1);
	if (e->unknown != QUOTA_COUNT_HERE)
		return e->unknown == QUOTA_ALLOW || s->report_only ? SLUICE_CONTINUE
								   : quota_deny(call, x);
	const struct limits all = limits_of(e);
	struct quota quota = fallback_take(&e->fallback, &all, quota_store_replicas(&e->store),
		visit->key, call->host->now_ms(x), visit->cost);
	return request_settle(call, x, &quota);
}

/* --- what is taken ahead --------------------------------------------------------------------- */
static int is_answer(const struct sluice_answer *a)
{
	return a->result == SLUICE_OK || a->result == SLUICE_E_CONFLICT;
}

static int64_t within(int64_t n, int64_t most)
{
	if (n < 0)
		return 0;
	return n < most ? n : most;
}

/* Whatever a server says. */
static void answer_take(
	struct lease_answer *to, const struct elsewhere *e, const struct sluice_answer *a)
{
	to->is_answered = 1;
	to->left = within(a->count, e->limits[0].most);
	to->reset_ms = within(a->remaining_ms, e->limits[0].period_ms);
}

/* For nobody's request. */
struct refill {
	struct bucket_key key;
	int64_t asked_ms, more;
};

static void refill_end(
	const struct sluice_call *call, struct refill *r, const struct sluice_answer *a)
{
	struct state *s = call->state;
	struct lease_answer answer = {.asked_ms = r->asked_ms, .more = r->more};
	if (a && is_answer(a)) {
		answer_take(&answer, &s->elsewhere, a);
		answer.ahead = within(a->spent, r->more);
	}
	leases_put(s->elsewhere.leases, r->key, &answer);
}

static void refilled(
	const struct sluice_call *call, const struct sluice_answer *a, int32_t rc, void *arg)
{
	refill_end(call, arg, rc == SLUICE_OK ? a : NULL);
	call->host->instance_free(call->instance, arg);
}

static struct quota_terms terms_of(
	const struct elsewhere *e, struct sluice_str who, uint64_t cost, int64_t more)
{
	return (struct quota_terms){who, e->limits, e->limit_count, e->kind, (int64_t)cost, more};
}

static void refill(const struct sluice_call *call, struct sluice_str text, struct refill asked)
{
	const struct state *s = call->state;
	const struct quota_terms terms = terms_of(&s->elsewhere, text, 0, asked.more);
	struct refill *r = call->host->instance_alloc(call->instance, sizeof(*r));
	if (r)
		*r = asked;
	if (r && quota_windows_start(&s->elsewhere.store, call, &terms, refilled, r) == SLUICE_OK)
		return;
	refill_end(call, &asked, NULL);
	call->host->instance_free(call->instance, r);
}

static struct quota quota_of(const struct elsewhere *e, const struct lease_told *told)
{
	return (struct quota){
		.allowed = told->verdict == LEASE_HAS,
		.limit = (uint64_t)e->limits[0].most,
		.remaining = told->left,
		.reset_ms = told->reset_ms,
	};
}

/* --- questions ------------------------------------------------------------------------------- */
static int32_t judge(const struct sluice_call *call, struct sluice_exchange *x, struct visit *visit)
{
	struct state *s = call->state;
	if (quota_windows_judge(visit->windows, &visit->quota) != SLUICE_OK)
		return undecided(call, x, visit);
	if (s->elsewhere.leases) {
		const struct sluice_answer *a = quota_windows_answer(visit->windows);
		struct lease_answer answer = {.asked_ms = visit->asked_ms};
		answer_take(&answer, &s->elsewhere, a);
		leases_put(s->elsewhere.leases, visit->key, &answer);
	}
	return visit->quota.allowed ? SLUICE_CONTINUE : request_judge(call, x, &visit->quota);
}

static int32_t ask(
	const struct sluice_call *call, struct sluice_exchange *x, const struct visit *asked)
{
	const struct state *s = call->state;
	const struct quota_terms terms = terms_of(&s->elsewhere, asked->text, asked->cost, 0);
	struct visit *visit = call->host->exchange_alloc(x, sizeof(*visit));
	if (!visit)
		return SLUICE_FAIL;
	*visit = *asked;
	visit->asked_ms = call->host->now_ms(x);
	call->host->data_set(x, visit);
	int32_t rc = quota_windows_ask(&s->elsewhere.store, call, x, &terms, &visit->windows);
	if (rc == SLUICE_PENDING)
		return call->host->wait(x, QUOTA_WAIT_MS);
	return rc == SLUICE_OK ? judge(call, x, visit) : undecided(call, x, visit);
}

int32_t elsewhere_resume(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct visit *visit = call->host->data_get(x);
	if (quota_windows_take(&s->elsewhere.store, x, visit->windows) == SLUICE_OK)
		return judge(call, x, visit);
	return undecided(call, x, visit);
}

int32_t elsewhere_count(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str text, struct bucket_key key, uint64_t cost)
{
	const struct state *s = call->state;
	const struct elsewhere *e = &s->elsewhere;
	struct visit visit = {.text = text, .key = key, .cost = cost};
	int64_t now_ms = call->host->now_ms(x);
	if (!e->leases)
		return ask(call, x, &visit);
	struct lease_told told = leases_take(e->leases, key, now_ms, cost);
	if (told.more > 0)
		refill(call, text, (struct refill){key, now_ms, told.more});
	if (told.verdict == LEASE_NONE)
		return ask(call, x, &visit);
	const struct quota quota = quota_of(e, &told);
	return request_settle(call, x, &quota);
}
