/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include "byte_range.h"
#include "sluice/text.h"
#include "util/decimal.h"

/* Age, Cache-Status, Content-Range. */
#define FIELDS_MORE 3

struct draft {
	struct sluice_cache_answer answer;
	struct field_pairs fields;
	char age[DECIMAL_BYTES_MAX], status[CACHE_STATUS_BYTES_MAX], range[CONTENT_RANGE_BYTES_MAX];
};

/* --- conditions and ranges ------------------------------------------------------------------- */
/* RFC 9110 13.2.2: dates count only without tags. */
static int is_unchanged(const struct visit *v, const struct kept *kept, int64_t now_s)
{
	const struct wanted *w = &v->wanted;
	if (kept->status != 200)
		return 0;
	if (w->has_none_match)
		return wanted_none_match(&v->request, kept->validators.tag);
	return w->if_modified_since.n > 0 &&
	       if_modified_since_holds(w->if_modified_since, &kept->validators, now_s);
}

static enum range_kind range_of(const struct visit *v, const struct kept *kept, int64_t now_s,
	uint64_t length, struct byte_range *range)
{
	const struct wanted *w = &v->wanted;
	if (!w->asked.is_get || w->range.n == 0 || kept->status != 200)
		return RANGE_WHOLE;
	if (w->if_range.n && !if_range_holds(w->if_range, &kept->validators, now_s))
		return RANGE_WHOLE;
	return byte_range_parse(w->range, length, range);
}

/* --- fields ---------------------------------------------------------------------------------- */
static void field_append(struct draft *d, struct sluice_str name, struct sluice_str value)
{
	struct sluice_str *pair = &d->fields.items[d->fields.count++ * 2];
	pair[0] = name;
	pair[1] = value;
}

/* What tells of the content that is not sent stays behind (RFC 9110 15.4.5). */
static void leave_out_content(struct field_pairs *fields)
{
	size_t to = 0;
	for (size_t i = 0; i < fields->count; i++) {
		const struct sluice_str *pair = &fields->items[i * 2];
		if (sluice_starts_nocase(pair[0], SLUICE_STR("content-")) &&
			!sluice_equal_nocase(pair[0], SLUICE_STR("content-location")) &&
			!sluice_equal_nocase(pair[0], SLUICE_STR("content-security-policy")))
			continue;
		memmove(&fields->items[to++ * 2], pair, 2 * sizeof(*pair));
	}
	fields->count = to;
}

static int fields_init(const struct sluice_call *call, struct sluice_exchange *x,
	const struct kept *kept, struct draft *d)
{
	size_t max = kept->field_count + FIELDS_MORE;
	d->fields = (struct field_pairs){.max = max};
	d->fields.items = call->host->exchange_alloc(x, max * 2 * sizeof(*d->fields.items));
	if (d->fields.items)
		kept_fields(kept, &d->fields);
	return d->fields.items != NULL;
}

static void add_own_fields(
	const struct settings *s, struct draft *d, int64_t age_s, const struct cache_status *status)
{
	field_append(d, SLUICE_STR("Age"), decimal((uint64_t)age_s, d->age));
	if (s->tells_status)
		field_append(d, SLUICE_STR("Cache-Status"),
			(struct sluice_str){d->status, cache_status_write(d->status, status)});
}

/* --- answers --------------------------------------------------------------------------------- */
static int32_t give(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v, struct draft *d)
{
	const struct settings *s = call->state;
	d->answer.size = sizeof(d->answer);
	d->answer.fields = d->fields.items;
	d->answer.field_count = d->fields.count;
	d->answer.reason = SLUICE_STR("cached");
	int32_t rc = d->answer.status == 416
			     ? call->host->respond(x, 416, d->fields.items, d->fields.count,
				       (struct sluice_str){"", 0}, d->answer.reason)
			     : s->store->respond(x, v->lookup.found.entry, &d->answer);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static void choose_part(struct visit *v, const struct kept *kept, struct draft *d, int64_t now_s)
{
	struct byte_range range;
	uint64_t length = v->lookup.found.length;
	enum range_kind kind = range_of(v, kept, now_s, length, &range);
	if (kind == RANGE_WHOLE)
		return;
	d->answer.status = kind == RANGE_PART ? 206 : 416;
	if (kind == RANGE_PART) {
		d->answer.offset = range.offset;
		d->answer.length = range.length;
	} else {
		leave_out_content(&d->fields);
	}
	size_t n = content_range_write(d->range, kind, &range, length);
	field_append(d, SLUICE_STR("Content-Range"), (struct sluice_str){d->range, n});
}

int32_t reply_stored(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	const struct kept *kept, struct cache_status *status)
{
	struct draft d = {.answer.status = kept->status};
	int64_t now_s = call->host->wall_ms(x) / 1000;
	int64_t age_s = kept_age_s(kept, call->host->now_ms(x));
	if (!fields_init(call, x, kept, &d))
		return SLUICE_FAIL;
	status->has_ttl = 1;
	status->ttl_s = kept->lifetime_s - age_s;
	if (is_unchanged(v, kept, now_s)) {
		d.answer.status = 304;
		leave_out_content(&d.fields);
	} else {
		choose_part(v, kept, &d, now_s);
	}
	add_own_fields(call->state, &d, age_s, status);
	return give(call, x, v, &d);
}

int32_t reply_nothing(const struct sluice_call *call, struct sluice_exchange *x)
{
	int32_t rc = call->host->respond_error(x, 504, NULL, 0,
		SLUICE_STR("Nothing is stored that may be sent"), SLUICE_STR("not_cached"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}
