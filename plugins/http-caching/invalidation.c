/* SPDX-License-Identifier: Apache-2.0 */
#include "invalidation.h"

#include "sluice/text.h"

static void drop(const struct sluice_call *call, struct sluice_str key)
{
	const struct settings *s = call->state;
	if (!key.p)
		return;
	flights_drop(s->flights, key);
	s->store->remove(call, s->cache, key);
}

static int take_nocase(struct sluice_str *s, struct sluice_str prefix)
{
	struct sluice_str head = {s->p, prefix.n};
	if (s->n < prefix.n || !sluice_equal_nocase(head, prefix))
		return 0;
	s->p += prefix.n;
	s->n -= prefix.n;
	return 1;
}

/* "scheme://authority/path" of this exchange's origin, or "/path": what is left is the path. Others may not be
 * invalidated by this one, and names relative to the target are not worked out. */
static int is_same_origin(const struct origin *origin, struct sluice_str *reference)
{
	if (reference->n && reference->p[0] != '/' &&
		!(take_nocase(reference, origin->scheme) &&
			take_nocase(reference, SLUICE_STR("://")) &&
			take_nocase(reference, origin->authority)))
		return 0;
	return reference->n && reference->p[0] == '/' &&
	       !(reference->n > 1 && reference->p[1] == '/');
}

static void drop_referred(const struct sluice_call *call, struct sluice_exchange *x,
	const struct origin *origin, struct sluice_str name)
{
	struct sluice_str reference;
	if (call->host->field_get(x, SLUICE_RESPONSE, name, &reference) != SLUICE_OK)
		return;
	reference = sluice_trim(reference);
	if (!is_same_origin(origin, &reference))
		return;
	struct sluice_str rest = sluice_cut(&reference, '#'); /* a fragment is not asked for */
	struct sluice_str path = sluice_cut(&rest, '?');
	if (!rest.p)
		rest = (struct sluice_str){"", 0};
	drop(call, lookup_key_of(call, x, origin, path, rest));
}

void invalidate_by_answer(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct settings *s = call->state;
	int32_t status = call->host->status(x);
	if (status < 200 || status > 399)
		return;
	drop(call, v->lookup.target);
	drop_referred(call, x, &v->origin, SLUICE_STR("location"));
	drop_referred(call, x, &v->origin, SLUICE_STR("content-location"));
	call->host->counter_add(call->instance, s->invalidated, 1);
}

int invalidate_on_request(const struct sluice_call *call, const struct visit *v)
{
	const struct settings *s = call->state;
	struct sluice_str how = v->wanted.invalidation;
	if (sluice_equal(how, SLUICE_STR("invalidate-all"))) {
		flights_drop(s->flights, (struct sluice_str){NULL, 0});
		s->store->remove_prefix(call, s->cache, (struct sluice_str){"", 0});
	} else if (sluice_equal(how, SLUICE_STR("invalidate"))) {
		drop(call, v->lookup.target);
	} else {
		return 0;
	}
	call->host->counter_add(call->instance, s->invalidated, 1);
	return 1;
}
