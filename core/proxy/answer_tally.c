/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/answer_tally.h"

#include "base/memory.h"
#include "proxy/tally_key.h"

#include <stdlib.h>

void answer_tally_init(struct answer_tally *t)
{
	*t = (struct answer_tally){0};
	map_init(&t->by_key);
}

void answer_tally_deinit(struct answer_tally *t)
{
	while (t->rows) {
		struct answer_row *r = t->rows;
		t->rows = r->next;
		free((char *)r->api.p);
		free((char *)r->reason.p);
		free((char *)r->policy.p);
		free(r);
	}
	map_deinit(&t->by_key);
}

static struct answer_row *add_row(struct answer_tally *t, struct str key, struct str api,
	struct str reason, struct str policy)
{
	struct answer_row *r = heap_zalloc(sizeof(*r));
	*r = (struct answer_row){
		.api = tally_own(api),
		.reason = tally_own(reason),
		.policy = tally_own(policy),
		.next = t->rows,
	};
	t->rows = r;
	t->row_count++;
	map_put(&t->by_key, key, r);
	return r;
}

static struct answer_row *row_of(
	struct answer_tally *t, struct str api, struct str reason, struct str policy)
{
	struct tally_key room;
	struct str key = tally_key_make(&room, api, reason, policy);
	struct answer_row *r = map_get(&t->by_key, key);
	if (r || t->row_count < METRICS_SERIES_MAX - 1)
		return r ? r : add_row(t, key, api, reason, policy);
	struct str other = STR("other");
	r = map_get(&t->by_key, other);
	return r ? r : add_row(t, other, other, other, other);
}

static bool is_of(const struct answer_row *r, struct str api, struct str reason, struct str policy)
{
	return str_eq(r->api, api) && str_eq(r->reason, reason) && str_eq(r->policy, policy);
}

/* Answers of a cache are many: for each like the one before the table is not looked at (700 instructions). */
void answer_tally_count(
	struct answer_tally *t, struct str api, struct str reason, struct str policy)
{
	api = tally_label(api);
	reason = tally_label(reason);
	policy = tally_label(policy);
	if (!t->last || !is_of(t->last, api, reason, policy))
		t->last = row_of(t, api, reason, policy);
	t->last->count++;
}

size_t answer_tally_take(struct answer_tally *t, struct answer_taken *out, size_t max)
{
	size_t n = 0;
	for (struct answer_row *r = t->rows; r && n < max; r = r->next) {
		if (r->count == 0)
			continue;
		out[n++] = (struct answer_taken){r, r->count};
		r->count = 0;
	}
	return n;
}
