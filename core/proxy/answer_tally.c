/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/answer_tally.h"

#include "base/memory.h"

#include <stdlib.h>

/* Names of Kubernetes' length, and room for two of them in an API's. */
#define LABEL_BYTES_MAX 512

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

static size_t put(char *to, struct str s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return s.n + 1;
}

static struct str own(struct str s)
{
	return str_n(heap_strndup(s), s.n);
}

static struct answer_row *add_row(struct answer_tally *t, struct str key, struct str api,
	struct str reason, struct str policy)
{
	struct answer_row *r = heap_zalloc(sizeof(*r));
	*r = (struct answer_row){
		.api = own(api), .reason = own(reason), .policy = own(policy), .next = t->rows};
	t->rows = r;
	t->row_count++;
	map_put(&t->by_key, key, r);
	return r;
}

static struct answer_row *row_of(
	struct answer_tally *t, struct str api, struct str reason, struct str policy)
{
	char text[3 * (LABEL_BYTES_MAX + 1)];
	size_t n = put(text, api);
	n += put(text + n, reason);
	n += put(text + n, policy);
	struct answer_row *r = map_get(&t->by_key, str_n(text, n));
	if (r || t->row_count < METRICS_SERIES_MAX - 1)
		return r ? r : add_row(t, str_n(text, n), api, reason, policy);
	struct str other = STR("other");
	r = map_get(&t->by_key, other);
	return r ? r : add_row(t, other, other, other, other);
}

void answer_tally_count(
	struct answer_tally *t, struct str api, struct str reason, struct str policy)
{
	row_of(t, str_slice(api, 0, LABEL_BYTES_MAX), str_slice(reason, 0, LABEL_BYTES_MAX),
		str_slice(policy, 0, LABEL_BYTES_MAX))
		->count++;
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
