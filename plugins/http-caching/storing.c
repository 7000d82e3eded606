/* SPDX-License-Identifier: Apache-2.0 */
#include "storing.h"

#include "reply.h"
#include "sluice/text.h"

/* How long an answer is kept beyond its freshness, for validation and for clients that take it stale. */
#define STALE_S_MAX INT64_C(86400)
#define FOR_S_MAX   INT64_C(31536000)

void storing_land(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v, int is_shared)
{
	const struct settings *s = call->state;
	if (v->flight.role == FLIGHT_LEADS)
		flights_land(s->flights, &v->flight, is_shared, call->host->now_ms(x),
			call->host->resume);
}

void storing_check(const struct sluice_call *call, const struct visit *v)
{
	const struct settings *s = call->state;
	if (flights_is_dropped(s->flights, v->lookup.target, v->mark))
		s->store->remove(call, s->cache, v->lookup.key);
}

/* --- what is kept ---------------------------------------------------------------------------- */
static struct answer answer_at(const struct sluice_call *call, struct sluice_exchange *x,
	const struct visit *v, int status)
{
	return (struct answer){.status = status,
		.received_s = call->host->wall_ms(x) / 1000,
		.delay_s = (call->host->now_ms(x) - v->sent_ms) / 1000};
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static struct kept kept_of(
	const struct sluice_call *call, struct sluice_exchange *x, const struct reading *r)
{
	const struct settings *s = call->state;
	const struct answer *a = &r->answer;
	int64_t age_s = freshness_age_s(a);
	struct kept k = {.status = a->status,
		.cc = a->cc,
		/* Here it is fresh for the time to live at most. */
		.lifetime_s = least(freshness_lifetime_s(a), age_s + s->ttl_s),
		.age_s = age_s,
		.base_ms = call->host->now_ms(x),
		.validators.tag = r->tag,
		.validators.date_s = a->date_s == ANSWER_UNSAID ? a->received_s : a->date_s};
	k.cc.field_lists = 0;
	k.validators.last_modified_s = a->last_modified_s == ANSWER_UNSAID ? 0 : a->last_modified_s;
	return k;
}

static int64_t for_ms(const struct kept *k)
{
	int64_t fresh_s = k->lifetime_s > k->age_s ? k->lifetime_s - k->age_s : 0;
	int64_t stale_s = STALE_S_MAX;
	for (unsigned i = CC_STALE_WHILE_REVALIDATE; i <= CC_STALE_IF_ERROR; i++)
		stale_s = k->cc.seconds[i] > stale_s ? k->cc.seconds[i] : stale_s;
	return least(fresh_s + stale_s, FOR_S_MAX) * 1000;
}

static void leave_out(struct field_pairs *fields, const struct reading *r)
{
	size_t to = 0;
	for (size_t i = 0; i < fields->count; i++)
		if (answer_keeps(r, fields->items[i * 2]))
			memmove(&fields->items[to++ * 2], &fields->items[i * 2],
				2 * sizeof(fields->items[0]));
	fields->count = to;
}

/* The store's meta data of it. A NULL pointer: no memory. */
static struct sluice_str meta_of(const struct sluice_call *call, struct sluice_exchange *x,
	const struct kept *k, const struct field_pairs *fields, int64_t begun_ms)
{
	size_t n = kept_bytes(k, fields);
	char *meta = call->host->exchange_alloc(x, n);
	if (meta)
		kept_write(meta, k, fields, begun_ms);
	return (struct sluice_str){meta, n};
}

/* --- whether it is kept ---------------------------------------------------------------------- */
static int varies_by(const struct vary *vary, struct sluice_str name)
{
	for (size_t i = 0; i < vary->count; i++)
		if (sluice_equal_nocase(vary->names[i], name))
			return 1;
	return 0;
}

/* A cookie is a credential, unless the answer is chosen by it. Credentials of a client whom a policy has told are part
 * of the key, and the operator may have said that all answers are kept. */
static struct asked asked_of(
	const struct settings *s, const struct visit *v, const struct reading *r)
{
	struct asked asked = v->wanted.asked;
	if (v->wanted.has_cookie && !varies_by(&r->vary, SLUICE_STR("cookie")))
		asked.has_authorization = 1;
	if (v->lookup.who.n && !s->heeds_fields)
		asked.has_authorization = 0;
	return asked;
}

static enum storing storing_of(
	const struct settings *s, const struct visit *v, const struct reading *r)
{
	const struct answer *a = &r->answer;
	struct asked asked = asked_of(s, v, r);
	int has_validator = r->tag.n > 0 || a->last_modified_s != ANSWER_UNSAID;
	if (r->sets_cookie)
		return STORING_PRIVATE;
	return freshness_storing(&asked, a, has_validator);
}

static int is_wanted(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	int32_t wanted = 0;
	if (!s->response)
		return 1;
	return s->expr->to_bool(s->response, x, NULL, &wanted) == SLUICE_OK && wanted;
}

static void tell(const struct sluice_call *call, struct sluice_exchange *x, const struct visit *v,
	int is_stored, struct sluice_str detail)
{
	const struct settings *s = call->state;
	char text[CACHE_STATUS_BYTES_MAX];
	const struct cache_status status = {
		.forward = v->forward, .is_stored = is_stored, .detail = detail};
	if (s->tells_status)
		call->host->field_add(x, SLUICE_RESPONSE, SLUICE_STR("Cache-Status"),
			(struct sluice_str){text, cache_status_write(text, &status)});
}

/* --- a new answer ---------------------------------------------------------------------------- */
static int begin(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	struct kept *k, const struct field_pairs *fields)
{
	const struct settings *s = call->state;
	k->variant = v->lookup.key.p == v->lookup.target.p ? (struct sluice_str){"", 0}
							   : v->lookup.variant;
	const struct sluice_cache_item item = {.size = sizeof(item),
		.key = v->lookup.key,
		.meta = meta_of(call, x, k, fields, k->base_ms),
		.for_ms = for_ms(k)};
	int64_t length = call->host->body_length(x, SLUICE_RESPONSE);
	if (!item.meta.p || (length > 0 && (uint64_t)length > s->entry_bytes_max))
		return 0;
	if (length == 0)
		return s->store->put(call, s->cache, &item, (struct sluice_str){"", 0}) ==
		       SLUICE_OK;
	v->is_capturing = s->store->store_begin(x, s->cache, &item) == SLUICE_OK;
	return v->is_capturing;
}

/* It takes the place of what was found, which goes even where the new one is not kept. */
static void forget(const struct sluice_call *call, struct visit *v)
{
	const struct settings *s = call->state;
	if (v->lookup.is_found)
		s->store->remove(call, s->cache, v->lookup.key);
}

/* --- a newer head of what is stored ---------------------------------------------------------- */
/* What is of the content, and of the time it was made at, is not the new head's to change. */
static int stays(struct sluice_str name)
{
	static const char *const names[] = {
		"content-encoding", "content-length", "content-range", "content-type"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sluice_equal_nocase(name, (struct sluice_str){names[i], strlen(names[i])}))
			return 1;
	return 0;
}

static int is_in(const struct field_pairs *fields, struct sluice_str name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (sluice_equal_nocase(fields->items[i * 2], name))
			return 1;
	return 0;
}

static void merge_one(struct field_pairs *to, const struct sluice_str *pair)
{
	struct sluice_str *at = &to->items[to->count++ * 2];
	at[0] = pair[0];
	at[1] = pair[1];
}

/* RFC 9111 3.2: each field of the new head in the place of all of its name. A date that is not said anew would be that
 * of an older answer. */
static int merge(const struct sluice_call *call, struct sluice_exchange *x, const struct kept *kept,
	const struct field_pairs *newer, struct field_pairs *all)
{
	size_t max = kept->field_count + newer->count + 1;
	struct field_pairs old = {.max = max};
	struct sluice_str *items = call->host->exchange_alloc(x, 2 * max * 2 * sizeof(*items));
	if (!items)
		return 0;
	old.items = items;
	*all = (struct field_pairs){.items = items + max * 2, .max = max};
	kept_fields(kept, &old);
	for (size_t i = 0; i < old.count; i++) {
		struct sluice_str name = old.items[i * 2];
		if (stays(name) ||
			(!is_in(newer, name) && !sluice_equal_nocase(name, SLUICE_STR("date"))))
			merge_one(all, &old.items[i * 2]);
	}
	for (size_t i = 0; i < newer->count; i++)
		if (!stays(newer->items[i * 2]))
			merge_one(all, &newer->items[i * 2]);
	return 1;
}

/* What is stored goes on under what the newer head says of it. */
struct renewal {
	struct kept kept;
	int may_be_kept; /* that head does not forbid it */
	int is_stored;
};

/* 0: no memory, and nothing has changed. */
static int freshen(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	const struct field_pairs *newer, struct renewal *renewal)
{
	const struct settings *s = call->state;
	struct kept *k = &renewal->kept;
	struct field_pairs all;
	struct reading r;
	if (!merge(call, x, &v->lookup.kept, newer, &all))
		return 0;
	struct answer at = answer_at(call, x, v, v->lookup.kept.status);
	answer_read(&r, &all, &at, s);
	renewal->may_be_kept = storing_of(s, v, &r) == STORING_OK;
	*k = kept_of(call, x, &r);
	k->variant = v->lookup.kept.variant;
	leave_out(&all, &r);
	struct sluice_str meta = meta_of(call, x, k, &all, v->lookup.begun_ms);
	if (!meta.p || !kept_read(meta, v->lookup.begun_ms, k))
		return 0;
	renewal->is_stored = renewal->may_be_kept && s->store->touch(x, v->lookup.found.entry, meta,
							     for_ms(k)) == SLUICE_OK;
	if (!renewal->may_be_kept)
		forget(call, v);
	return 1;
}

/* --- an answer to HEAD ----------------------------------------------------------------------- */
/* The text of a field of what is stored; empty: it has none. */
static struct sluice_str stored_field(const struct sluice_call *call, struct sluice_exchange *x,
	const struct kept *kept, struct sluice_str name)
{
	struct field_pairs fields = {.max = kept->field_count};
	fields.items = call->host->exchange_alloc(x, (fields.max + 1) * 2 * sizeof(*fields.items));
	if (!fields.items)
		return (struct sluice_str){NULL, 0};
	kept_fields(kept, &fields);
	return fields_get(&fields, name);
}

static int has_length(const struct sluice_call *call, struct sluice_exchange *x, uint64_t length)
{
	int64_t declared = call->host->length_declared(x, SLUICE_RESPONSE);
	return declared < 0 || (uint64_t)declared == length;
}

/* RFC 9111 4.3.5: its validators are those of what is stored, and so is its length, if it tells. One that has no validators
 * proves nothing. */
static int is_same(const struct sluice_call *call, struct sluice_exchange *x, const struct visit *v,
	const struct field_pairs *newer)
{
	const struct kept *k = &v->lookup.kept;
	struct sluice_str tag = fields_get(newer, SLUICE_STR("etag")),
			  date = fields_get(newer, SLUICE_STR("last-modified"));
	return (tag.n || date.n) && has_length(call, x, v->lookup.found.length) &&
	       (!tag.n || sluice_equal(tag, k->validators.tag)) &&
	       (!date.n ||
		       sluice_equal(date, stored_field(call, x, k, SLUICE_STR("last-modified"))));
}

static void compare_with_head(const struct sluice_call *call, struct sluice_exchange *x,
	struct visit *v, const struct field_pairs *newer)
{
	struct renewal renewal;
	if (!is_same(call, x, v, newer) || !freshen(call, x, v, newer, &renewal))
		forget(call, v);
}

static int is_error(int32_t status)
{
	return status == 500 || status == 502 || status == 503 || status == 504;
}

static int32_t pass(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	struct sluice_str detail)
{
	tell(call, x, v, 0, detail);
	storing_land(call, x, v, 0);
	call->host->body_pass(x);
	return SLUICE_CONTINUE;
}

static int32_t keep(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	struct field_pairs *fields)
{
	struct answer at = answer_at(call, x, v, call->host->status(x));
	struct reading r;
	answer_read(&r, fields, &at, call->state);
	enum storing storing = storing_of(call->state, v, &r);
	int is_replaced = !is_error(at.status) && at.status != 304;
	if (storing != STORING_OK || !v->wanted.asked.is_get || !is_wanted(call, x)) {
		if (is_replaced && v->wanted.asked.is_get && !v->wanted.asked.has_range)
			forget(call, v);
		if (at.status == 200 && v->wanted.asked.is_head)
			compare_with_head(call, x, v, fields);
		return pass(call, x, v,
			storing == STORING_OK ? (struct sluice_str){"", 0} : storing_name(storing));
	}
	struct kept k = kept_of(call, x, &r);
	leave_out(fields, &r);
	if (!lookup_settle(&v->lookup, call, x, &v->request, &r.vary) ||
		!begin(call, x, v, &k, fields))
		return pass(call, x, v, SLUICE_STR("no-room"));
	tell(call, x, v, 1, (struct sluice_str){"", 0});
	if (!v->is_capturing) {
		storing_check(call, v);
		storing_land(call, x, v, 1);
		call->host->body_pass(x);
	}
	return SLUICE_CONTINUE;
}

/* --- nothing has changed --------------------------------------------------------------------- */
static int32_t renew(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	const struct field_pairs *newer)
{
	const struct settings *s = call->state;
	struct renewal renewal;
	if (!freshen(call, x, v, newer, &renewal))
		return SLUICE_FAIL;
	struct cache_status status = {
		.forward = v->forward, .forward_status = 304, .is_stored = renewal.is_stored};
	storing_land(call, x, v, renewal.may_be_kept);
	call->host->counter_add(call->instance, s->validated, 1);
	return reply_stored(call, x, v, &renewal.kept, &status);
}

/* --- errors ---------------------------------------------------------------------------------- */
static int is_covered(
	const struct sluice_call *call, struct sluice_exchange *x, const struct visit *v)
{
	const struct settings *s = call->state;
	const struct kept *k = &v->lookup.kept;
	const struct stored stored = {k->lifetime_s, kept_age_s(k, call->host->now_ms(x)), &k->cc};
	return v->lookup.is_found && is_error(call->host->status(x)) &&
	       freshness_covers_error(&v->wanted.asked, &stored, s->stale_if_error_s);
}

static int32_t cover(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct settings *s = call->state;
	struct cache_status status = {
		.forward = v->forward, .forward_status = call->host->status(x)};
	storing_land(call, x, v, 0);
	call->host->counter_add(call->instance, s->stale, 1);
	return reply_stored(call, x, v, &v->lookup.kept, &status);
}

int32_t storing_head(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	struct field_pairs fields;
	if (is_covered(call, x, v))
		return cover(call, x, v);
	if (!fields_collect(call->host, x, SLUICE_RESPONSE, &fields))
		return pass(call, x, v, SLUICE_STR("no-room"));
	if (v->is_validating && call->host->status(x) == 304)
		return renew(call, x, v, &fields);
	return keep(call, x, v, &fields);
}
