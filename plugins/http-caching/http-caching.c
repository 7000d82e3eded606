/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching - answers to GET are kept, and given again, as RFC 9111 has it for a shared cache.
 *
 *	request_head   what is stored answers; or the request goes on: as it came, or with the question whether
 *	               what is stored is still right; or it waits for another that fetches the same
 *	response_head  the answer is kept, renews what is kept, or is replaced by it
 *	response_body  is stored piece by piece, and found once it is whole
 *
 * Where something cannot be had (memory, the store, a key), the request goes on as if there were no cache. */
#include "invalidation.h"
#include "reply.h"
#include "storing.h"

#include "sluice/text.h"

/* A pause lasts as long as its wait; this much later something is wrong. */
#define PAUSE_MARGIN_MS 60000
#define STORE_WAIT_MS   5000

/* --- what is found ---------------------------------------------------------------------------- */
static int32_t give(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v, int32_t counter)
{
	struct cache_status status = {.forward = FORWARD_NOT};
	call->host->counter_add(call->instance, counter, 1);
	call->host->response_pass(x);
	return reply_stored(call, x, v, &v->lookup.kept, &status);
}

/* --- going on -------------------------------------------------------------------------------- */
/* Callbacks that follow read the request as it is here, whatever is done to it behind this policy. */
static int keep_request(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	if (v->is_copied)
		return 1;
	if (!fields_copy(call->host, x, &v->request))
		return 0;
	wanted_read(&v->wanted, &v->request, call->state);
	v->is_copied = 1;
	return 1;
}

static int32_t pass_by(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	v->role = VISIT_PASSES;
	v->forward = FORWARD_BYPASS;
	call->host->response_pass(x);
	return SLUICE_CONTINUE;
}

static int32_t go_on(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct settings *s = call->state;
	v->mark = flights_mark(s->flights);
	v->sent_ms = call->host->now_ms(x);
	return keep_request(call, x, v) ? SLUICE_CONTINUE : pass_by(call, x, v);
}

/* --- waiting for another --------------------------------------------------------------------- */
/* A request whose answer would be a part, or nobody else's, is not worth waiting for. */
static int is_collapsible(const struct settings *s, const struct visit *v)
{
	const struct wanted *w = &v->wanted;
	int is_conditional = w->has_none_match || w->if_modified_since.n || w->asked.has_range;
	return s->wait_ms > 0 && !v->has_waited && w->asked.is_get && !w->asked.has_authorization &&
	       !w->has_cookie && !(w->asked.cc.flags & (CC_NO_STORE | CC_NO_CACHE)) &&
	       (v->is_validating || !is_conditional);
}

static int32_t wait_for_leader(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct settings *s = call->state;
	sluice_token token =
		keep_request(call, x, v) ? call->host->pause(x, s->wait_ms + PAUSE_MARGIN_MS) : 0;
	v->has_waited = 1;
	if (!token) {
		flights_leave(s->flights, &v->flight);
		return go_on(call, x, v);
	}
	v->is_waiting = 1;
	call->host->counter_add(call->instance, s->waited, 1);
	if (s->timer->resume_after(x, token, s->wait_ms) != SLUICE_OK ||
		!flights_arm(s->flights, &v->flight, token))
		call->host->resume(token);
	return SLUICE_PAUSE;
}

/* Answers with what is stale while another asks the origin. */
static int32_t go_stale(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct settings *s = call->state;
	flights_leave(s->flights, &v->flight);
	return give(call, x, v, s->stale);
}

/* --- asking the origin ----------------------------------------------------------------------- */
static void condition_set(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str name, struct sluice_str value)
{
	if (value.n)
		call->host->field_set(x, SLUICE_REQUEST, name, value);
	else
		call->host->field_remove(x, SLUICE_REQUEST, name);
}

/* The client's own conditions, and the part it wants, are judged when the origin has answered. */
static void ask_whether_changed(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct kept *k = &v->lookup.kept;
	struct field_pairs fields = {.max = k->field_count};
	fields.items = call->host->exchange_alloc(x, (fields.max + 1) * 2 * sizeof(*fields.items));
	if (!fields.items)
		return;
	kept_fields(k, &fields);
	condition_set(call, x, SLUICE_STR("If-None-Match"), k->validators.tag);
	condition_set(call, x, SLUICE_STR("If-Modified-Since"),
		fields_get(&fields, SLUICE_STR("last-modified")));
	call->host->field_remove(x, SLUICE_REQUEST, SLUICE_STR("Range"));
	call->host->field_remove(x, SLUICE_REQUEST, SLUICE_STR("If-Range"));
}

static int32_t fetch(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	int may_be_stale)
{
	const struct settings *s = call->state;
	const struct validators *has = &v->lookup.kept.validators;
	v->is_validating = v->lookup.is_found && (has->tag.n || has->last_modified_s);
	if (is_collapsible(s, v)) {
		enum flight_role role =
			flights_join(s->flights, &v->flight, v->lookup.key, call->host->now_ms(x));
		if (role == FLIGHT_WAITS)
			return may_be_stale ? go_stale(call, x, v) : wait_for_leader(call, x, v);
	}
	int32_t verdict = go_on(call, x, v);
	if (v->is_validating && v->role == VISIT_FETCHES)
		ask_whether_changed(call, x, v);
	return verdict;
}

/* --- what becomes of it ---------------------------------------------------------------------- */
static int32_t decide_found(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct settings *s = call->state;
	const struct kept *k = &v->lookup.kept;
	const struct stored stored = {k->lifetime_s, kept_age_s(k, call->host->now_ms(x)), &k->cc};
	enum reuse reuse = freshness_reuse(&v->wanted.asked, &stored);
	v->forward = stored.lifetime_s > stored.age_s ? FORWARD_REQUEST : FORWARD_STALE;
	switch (reuse) {
	case REUSE_FRESH:
		return give(call, x, v, s->hits);
	case REUSE_STALE:
		return give(call, x, v, s->stale);
	case REUSE_NEVER:
		return reply_nothing(call, x);
	default:
		return fetch(call, x, v, reuse == REUSE_BACKGROUND);
	}
}

static int32_t decide(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	if (v->lookup.is_found)
		return decide_found(call, x, v);
	if (v->wanted.asked.cc.flags & CC_ONLY_IF_CACHED)
		return reply_nothing(call, x);
	v->forward = v->lookup.has_index ? FORWARD_VARY_MISS : FORWARD_URI_MISS;
	return fetch(call, x, v, 0);
}

static int32_t look_up(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	int32_t rc = lookup_step(&v->lookup, call, x, &v->request);
	if (rc == SLUICE_PENDING)
		return keep_request(call, x, v) ? call->host->wait(x, STORE_WAIT_MS) : SLUICE_FAIL;
	return rc == SLUICE_OK ? decide(call, x, v) : pass_by(call, x, v);
}

/* --- requests -------------------------------------------------------------------------------- */
static int is_safe(struct sluice_str method)
{
	return sluice_equal(method, SLUICE_STR("OPTIONS")) ||
	       sluice_equal(method, SLUICE_STR("TRACE"));
}

static int is_wanted(
	const struct sluice_call *call, struct sluice_exchange *x, const struct visit *v)
{
	const struct settings *s = call->state;
	int32_t wanted = 1;
	if (s->request && (s->expr->to_bool(s->request, x, NULL, &wanted) != SLUICE_OK || !wanted))
		return 0;
	/* Content of a GET may choose the answer, and is in no key. */
	return !v->wanted.has_precondition && !v->wanted.has_override &&
	       call->host->body_length(x, SLUICE_REQUEST) == 0;
}

static struct visit *visit_new(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str method = call->host->fact(x, SLUICE_FACT_METHOD);
	struct visit *v = call->host->exchange_alloc(x, sizeof(*v));
	if (!v)
		return NULL;
	*v = (struct visit){.role = VISIT_FETCHES,
		.wanted.asked.is_get = sluice_equal(method, SLUICE_STR("GET")),
		.wanted.asked.is_head = sluice_equal(method, SLUICE_STR("HEAD"))};
	if (!v->wanted.asked.is_get && !v->wanted.asked.is_head) {
		v->role = is_safe(method) ? VISIT_PASSES : VISIT_INVALIDATES;
		v->forward = FORWARD_METHOD;
	}
	if (!fields_collect(call->host, x, SLUICE_REQUEST, &v->request))
		return NULL;
	wanted_read(&v->wanted, &v->request, call->state);
	call->host->data_set(x, v);
	return v;
}

static int32_t begin(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct visit *v = visit_new(call, x);
	if (!v)
		return SLUICE_CONTINUE;
	int has_key = lookup_init(&v->lookup, call, x);
	if (has_key && invalidate_on_request(call, v))
		v->has_waited = 1;
	if (v->role == VISIT_INVALIDATES && (!has_key || !origin_keep(&v->origin, call, x)))
		v->role = VISIT_PASSES;
	if (v->role != VISIT_FETCHES)
		return SLUICE_CONTINUE;
	return has_key && is_wanted(call, x, v) ? look_up(call, x, v) : pass_by(call, x, v);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	struct visit *v = call->host->data_get(x);
	if (!v)
		return begin(call, x);
	if (v->is_waiting) {
		v->is_waiting = 0;
		flights_give_up(s->flights, &v->flight, call->host->now_ms(x));
		lookup_restart(&v->lookup);
	}
	return look_up(call, x, v);
}

/* --- responses ------------------------------------------------------------------------------- */
static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct visit *v = call->host->data_get(x);
	if (v && v->role == VISIT_FETCHES)
		return storing_head(call, x, v);
	if (v && v->role == VISIT_INVALIDATES)
		invalidate_by_answer(call, x, v);
	call->host->body_pass(x);
	return SLUICE_CONTINUE;
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct settings *s = call->state;
	struct visit *v = call->host->data_get(x);
	if (!v || !v->is_capturing)
		return SLUICE_CONTINUE;
	int32_t rc = s->store->store_piece(x, s->cache, body);
	if (rc == SLUICE_OK && !body->end)
		return SLUICE_CONTINUE;
	v->is_capturing = 0;
	if (rc == SLUICE_OK)
		storing_check(call, v);
	storing_land(call, x, v, rc == SLUICE_OK);
	return SLUICE_CONTINUE;
}

/* Whatever became of it: nobody waits for an exchange that is over. */
static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	struct visit *v = call->host->data_get(x);
	if (!v)
		return;
	storing_land(call, x, v, 1);
	flights_leave(s->flights, &v->flight);
}

/* --- the policy ------------------------------------------------------------------------------ */
static void release(const struct sluice_call *call)
{
	struct settings *s = call->state;
	settings_free(s, call);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct settings *s = call->host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	int32_t rc = settings_init(s, previous, call, config);
	*out = s;
	return rc;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "http-caching",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
	.response_body = response_body,
	.done = done,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CACHE_SERVICE, SLUICE_CRYPTO_SERVICE,
		SLUICE_EXPR_SERVICE, SLUICE_TIMER_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "http-caching",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
