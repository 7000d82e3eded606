/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/contracts.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "crypto/secret_digest.h"
#include "plan/plan.h"

#include <stdlib.h>

struct contracts {
	struct buffer text;            /* all strings */
	struct contract_limit *limits; /* owned */
	uint32_t *slots;               /* owned: 1 + number in `items`; open addressing */
	size_t slot_count;             /* a power of two, at least twice the items */
	size_t count, limit_count;
	struct contract items[];
};

/* --- finding --------------------------------------------------------------------------------- */
static size_t home_of(const struct contracts *c, struct str api, struct str client_id)
{
	uint64_t h = str_hash(api) * 0x9e3779b97f4a7c15u ^ str_hash(client_id);
	return (size_t)(h ^ h >> 32) & (c->slot_count - 1);
}

/* Where it stands, or where it would. */
static uint32_t *slot_of(const struct contracts *c, struct str api, struct str client_id)
{
	size_t at = home_of(c, api, client_id);
	for (; c->slots[at]; at = (at + 1) & (c->slot_count - 1)) {
		const struct contract *found = &c->items[c->slots[at] - 1];
		if (str_eq(found->client_id, client_id) && str_eq(found->api, api))
			break;
	}
	return &c->slots[at];
}

const struct contract *contracts_find(
	const struct contracts *c, struct str api, struct str client_id)
{
	uint32_t number = c ? *slot_of(c, api, client_id) : 0;
	return number ? &c->items[number - 1] : NULL;
}

size_t contracts_count(const struct contracts *c)
{
	return c ? c->count : 0;
}

bool contract_secret_matches(
	const struct contract *c, struct str api, struct str client_id, struct str secret)
{
	static const uint8_t nobody[SHA256_BYTES];
	uint8_t digest[SHA256_BYTES];
	bool has_secret = c && c->has_secret;
	secret_digest(api, client_id, secret, digest);
	bool is_equal = constant_time_equal(str_n((const char *)digest, sizeof(digest)),
		str_n((const char *)(has_secret ? c->secret : nobody), sizeof(digest)));
	return is_equal && has_secret;
}

/* --- making ---------------------------------------------------------------------------------- */
/* The text is moved while it grows: strings are offsets until it is whole. */
static struct str keep(struct contracts *c, const struct plan_node *node, const char *key)
{
	struct str s = plan_string(node, key, STR_EMPTY);
	struct str kept = {(const char *)c->text.n, s.n};
	buffer_add(&c->text, s);
	return kept;
}

static void settle(const struct contracts *c, struct str *s)
{
	s->p = s->n ? c->text.p + (uintptr_t)s->p : "";
}

static bool take_limits(struct contracts *c, struct contract *to, const struct plan_node *list)
{
	to->limits = &c->limits[c->limit_count];
	to->limit_count = plan_count(list);
	for (size_t i = 0; i < to->limit_count; i++) {
		const struct plan_node *node = plan_at(list, i);
		struct contract_limit *l = &c->limits[c->limit_count++];
		l->requests_max = plan_integer(node, "maximumRequests", 0);
		l->period_ms = plan_integer(node, "timePeriodInMilliseconds", 0);
		if (l->requests_max < 1 || l->period_ms < 1)
			return false;
	}
	return true;
}

static bool take(struct contracts *c, const struct plan_node *node)
{
	struct contract *to = &c->items[c->count];
	struct str digest = plan_string(node, "secretDigest", STR_EMPTY);
	to->api = keep(c, node, "api");
	to->name = keep(c, node, "name");
	to->client_id = keep(c, node, "clientId");
	to->client_name = keep(c, node, "clientName");
	to->tier_id = keep(c, node, "tierId");
	to->tier_name = keep(c, node, "tier");
	to->has_secret = digest.n > 0;
	if (to->has_secret && sha256_from_hex(digest, to->secret) != RC_OK)
		return false;
	c->count++;
	return to->api.n > 0 && to->client_id.n > 0 &&
	       take_limits(c, to, plan_get(node, "limits"));
}

static bool enter(struct contracts *c, size_t i)
{
	struct contract *item = &c->items[i];
	struct str *const strings[] = {&item->api, &item->name, &item->client_id,
		&item->client_name, &item->tier_id, &item->tier_name};
	for (size_t k = 0; k < ARRAY_COUNT(strings); k++)
		settle(c, strings[k]);
	uint32_t *slot = slot_of(c, item->api, item->client_id);
	if (*slot)
		return false;
	*slot = (uint32_t)i + 1;
	return true;
}

static size_t count_limits(const struct plan_node *list)
{
	size_t n = 0;
	for (size_t i = 0; i < plan_count(list); i++)
		n += plan_count(plan_get(plan_at(list, i), "limits"));
	return n;
}

static struct contracts *empty(const struct plan_node *list)
{
	size_t count = plan_count(list);
	struct contracts *c = heap_zalloc(sizeof(*c) + count * sizeof(c->items[0]));
	buffer_init(&c->text, SIZE_MAX);
	c->limits = heap_zalloc((count_limits(list) + 1) * sizeof(c->limits[0]));
	c->slot_count = 16;
	while (c->slot_count < count * 2)
		c->slot_count *= 2;
	c->slots = heap_zalloc(c->slot_count * sizeof(c->slots[0]));
	return c;
}

enum rc contracts_new(
	const struct plan_node *list, struct contracts **out, const struct plan_node **at)
{
	struct contracts *c = empty(list);
	size_t count = plan_count(list), i = 0;
	while (i < count && take(c, plan_at(list, i)))
		i++;
	bool is_whole = i == count;
	for (size_t k = 0; is_whole && k < count; k++) {
		is_whole = enter(c, k);
		i = k;
	}
	if (is_whole) {
		*out = c;
		return RC_OK;
	}
	*at = plan_at(list, i);
	contracts_free(c);
	return RC_INVALID;
}

void contracts_free(struct contracts *c)
{
	if (!c)
		return;
	buffer_deinit(&c->text);
	free(c->limits);
	free(c->slots);
	free(c);
}
