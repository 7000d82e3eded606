/* SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include "directives.h"
#include "http_date.h"
#include "targeted.h"
#include "sluice/text.h"

#define FIELDS_AT_FIRST    32
#define TARGETED_BYTES_MAX 1024
#define IS(name, literal)  sluice_equal_nocase(name, SLUICE_STR(literal))

static int fields_grow(
	const struct sluice_host *host, struct sluice_exchange *x, struct field_pairs *fields)
{
	size_t max = fields->max ? fields->max * 2 : FIELDS_AT_FIRST;
	struct sluice_str *items = host->exchange_alloc(x, max * 2 * sizeof(*items));
	if (!items)
		return 0;
	if (fields->count)
		memcpy(items, fields->items, fields->count * 2 * sizeof(*items));
	fields->items = items;
	fields->max = max;
	return 1;
}

int fields_collect(const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side,
	struct field_pairs *fields)
{
	struct sluice_str name, value;
	const struct sluice_str any = {"", 0};
	uint32_t at = 0;
	*fields = (struct field_pairs){.count = 0};
	while (host->field_next(x, side, any, &at, &name, &value) == SLUICE_OK) {
		if (fields->count == fields->max && !fields_grow(host, x, fields))
			return 0;
		fields->items[fields->count * 2] = name;
		fields->items[fields->count++ * 2 + 1] = value;
	}
	return fields->max > 0 || fields_grow(host, x, fields);
}

int fields_copy(
	const struct sluice_host *host, struct sluice_exchange *x, struct field_pairs *fields)
{
	size_t bytes = 1;
	for (size_t i = 0; i < fields->count * 2; i++)
		bytes += fields->items[i].n;
	char *to = host->exchange_alloc(x, bytes);
	if (!to)
		return 0;
	for (size_t i = 0; i < fields->count * 2; i++) {
		struct sluice_str *text = &fields->items[i];
		if (text->n)
			memcpy(to, text->p, text->n);
		text->p = to;
		to += text->n;
	}
	return 1;
}

struct sluice_str fields_get(const struct field_pairs *fields, struct sluice_str name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (sluice_equal_nocase(fields->items[i * 2], name))
			return fields->items[i * 2 + 1];
	return (struct sluice_str){"", 0};
}

/* --- requests -------------------------------------------------------------------------------- */
static void wanted_add_condition(struct wanted *w, struct sluice_str name, struct sluice_str value)
{
	if (IS(name, "if-none-match"))
		w->has_none_match = 1;
	else if (IS(name, "if-modified-since"))
		w->if_modified_since = value;
	else if (IS(name, "if-range"))
		w->if_range = value;
	else
		w->has_precondition |= IS(name, "if-match") || IS(name, "if-unmodified-since");
}

/* By which some upstreams take another method, path or host than the key has: who sends one would choose what others
 * get. */
static int is_override(struct sluice_str name)
{
	static const struct {
		size_t n;
		const char *text;
	} names[] = {
#define ROW(text) {sizeof(text) - 1, text}
		ROW("x-http-method"),
		ROW("x-http-method-override"),
		ROW("x-method-override"),
		ROW("x-original-url"),
		ROW("x-rewrite-url"),
		ROW("x-host"),
		ROW("x-original-host"),
		ROW("x-forwarded-server"),
#undef ROW
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].n == name.n &&
			sluice_equal_nocase(name, (struct sluice_str){names[i].text, name.n}))
			return 1;
	return 0;
}

static void wanted_add(
	struct wanted *w, struct sluice_str name, struct sluice_str value, int *is_pragma)
{
	switch (name.n ? sluice_lower(name.p[0]) : 0) {
	case 'a':
		w->asked.has_authorization |= IS(name, "authorization");
		break;
	case 'c':
		if (IS(name, "cache-control"))
			cache_control_add(&w->asked.cc, value);
		w->has_cookie |= IS(name, "cookie");
		break;
	case 'i':
		wanted_add_condition(w, name, value);
		break;
	case 'p':
		*is_pragma |= IS(name, "pragma") && IS(sluice_trim(value), "no-cache");
		break;
	case 'r':
		if (IS(name, "range"))
			w->range = value;
		break;
	case 's':
		w->has_override |= IS(name, "sec-websocket-key");
		break;
	case 'x':
		w->has_override |= is_override(name);
		break;
	}
}

void wanted_read(struct wanted *w, const struct field_pairs *request, const struct settings *s)
{
	int is_pragma = 0;
	int is_get = w->asked.is_get, is_head = w->asked.is_head;
	*w = (struct wanted){.asked.is_get = is_get, .asked.is_head = is_head};
	cache_control_init(&w->asked.cc);
	for (size_t i = 0; i < request->count; i++) {
		const struct sluice_str *pair = &request->items[i * 2];
		wanted_add(w, pair[0], pair[1], &is_pragma);
		if (s->invalidation.n && sluice_equal_nocase(pair[0], s->invalidation))
			w->invalidation = pair[1];
	}
	w->asked.has_range = w->range.n > 0;
	if (is_pragma && !(w->asked.cc.flags & CC_PRESENT))
		w->asked.cc.flags |= CC_NO_CACHE;
	if (!s->heeds_fields)
		cache_control_init(&w->asked.cc);
}

int wanted_none_match(const struct field_pairs *request, struct sluice_str tag)
{
	for (size_t i = 0; i < request->count; i++)
		if (IS(request->items[i * 2], "if-none-match") &&
			if_none_match_holds(request->items[i * 2 + 1], tag))
			return 1;
	return 0;
}

/* --- answers --------------------------------------------------------------------------------- */
/* Several fields are one list. What does not fit is as what cannot be read. */
struct joined {
	char text[TARGETED_BYTES_MAX];
	size_t n;
	int is_present, is_full;
};

static void joined_add(struct joined *j, struct sluice_str value)
{
	size_t comma = j->is_present ? 1 : 0;
	j->is_present = 1;
	if (j->is_full || value.n + comma > sizeof(j->text) - j->n) {
		j->is_full = 1;
		return;
	}
	if (comma)
		j->text[j->n++] = ',';
	memcpy(j->text + j->n, value.p, value.n);
	j->n += value.n;
}

static void date_add(int64_t *seconds, struct sluice_str value, int64_t now_s, int64_t otherwise)
{
	if (*seconds == ANSWER_UNSAID && !http_date_parse(sluice_trim(value), now_s, seconds))
		*seconds = otherwise;
}

/* The first of several; what is no number says nothing. */
static void age_add(struct answer *a, struct sluice_str value)
{
	struct sluice_str first;
	int64_t seconds;
	if (a->age_s == ANSWER_UNSAID && member_next(&value, &first) &&
		seconds_parse(first, &seconds))
		a->age_s = seconds;
}

static void reading_add(
	struct reading *r, struct joined *targeted, struct sluice_str name, struct sluice_str value)
{
	struct answer *a = &r->answer;
	if (IS(name, "cache-control"))
		cache_control_add(&a->cc, value);
	else if (IS(name, "cdn-cache-control"))
		joined_add(targeted, value);
	else if (IS(name, "expires"))
		date_add(&a->expires_s, value, a->received_s, 0);
	else if (IS(name, "date"))
		date_add(&a->date_s, value, a->received_s, ANSWER_UNSAID);
	else if (IS(name, "last-modified"))
		date_add(&a->last_modified_s, value, a->received_s, ANSWER_UNSAID);
	else if (IS(name, "age"))
		age_add(a, value);
	else if (IS(name, "vary"))
		vary_add(&r->vary, value);
	else if (IS(name, "etag") && etag_is_valid(sluice_trim(value)))
		r->tag = sluice_trim(value);
	else if (IS(name, "set-cookie"))
		r->sets_cookie = 1;
}

/* What forbids stays; how long is the operator's to say, and of which answers: else of those that HTTP keeps by itself,
 * not of a refusal or an error. */
static void answer_overrule(struct answer *a, const struct settings *s)
{
	for (unsigned i = 0; i < CC_TIMES; i++)
		a->cc.seconds[i] = -1;
	if (s->response || freshness_is_heuristic(a->status))
		a->cc.seconds[CC_MAX_AGE] = s->ttl_s;
	else
		a->cc.flags |= CC_NO_STORE;
	a->date_s = a->age_s = a->expires_s = ANSWER_UNSAID;
}

void answer_read(struct reading *r, const struct field_pairs *fields, const struct answer *at,
	const struct settings *s)
{
	struct joined targeted = {.n = 0};
	struct answer *a = &r->answer;
	struct cache_control own;
	*r = (struct reading){.answer = *at};
	a->date_s = a->expires_s = a->last_modified_s = a->age_s = ANSWER_UNSAID;
	cache_control_init(&a->cc);
	for (size_t i = 0; i < fields->count; i++)
		reading_add(r, &targeted, fields->items[i * 2], fields->items[i * 2 + 1]);
	if (targeted.is_present && !targeted.is_full &&
		targeted_parse((struct sluice_str){targeted.text, targeted.n}, &own)) {
		a->cc = own;
		a->is_targeted = 1;
	}
	a->varies_on_all = r->vary.is_any;
	r->sets_cookie = r->sets_cookie && !(a->cc.flags & CC_PUBLIC) &&
			 !cache_control_withholds(&a->cc, SLUICE_STR("set-cookie"));
	if (!s->heeds_fields)
		answer_overrule(a, s);
}

int answer_keeps(const struct reading *r, struct sluice_str name)
{
	if (IS(name, "age") || IS(name, "proxy-authenticate") ||
		IS(name, "proxy-authentication-info") || IS(name, "proxy-authorization"))
		return 0;
	return !cache_control_withholds(&r->answer.cc, name);
}
