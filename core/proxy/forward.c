/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway itself changes in heads that pass.
 *
 * X-Forwarded-* and X-Request-ID from the client are never believed: they are replaced by what the
 * gateway knows, before any policy looks. The service's own name goes into Host last, so that rules
 * and policies saw the client's. */
#include "proxy/exchange_priv.h"

#define BIT(id) ((uint64_t)1 << FIELD_##id)
_Static_assert(FIELD_COUNT <= 64, "a bit for each");

static const uint64_t gateway_owned = BIT(X_FORWARDED_FOR) | BIT(X_FORWARDED_PROTO) |
				      BIT(X_FORWARDED_HOST) | BIT(X_FORWARDED_PORT) |
				      BIT(X_REAL_IP) | BIT(FORWARDED) | BIT(X_REQUEST_ID);

static void drop_gateway_owned(struct fields *f)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < f->count; i++) {
		if (UNLIKELY(gateway_owned >> f->items[i].id & 1))
			continue;
		if (UNLIKELY(kept != i))
			f->items[kept] = f->items[i];
		kept++;
	}
	f->count = kept;
}

enum rc forward_prepare_request(struct exchange *e)
{
	struct http_request *r = e->down->request;
	struct fields *f = &r->fields;
	const struct field own[] = {
		{STR("X-Forwarded-For"), e->x.client_address, FIELD_X_FORWARDED_FOR},
		{STR("X-Forwarded-Proto"), r->scheme, FIELD_X_FORWARDED_PROTO},
		{STR("X-Request-ID"), e->x.request_id, FIELD_X_REQUEST_ID},
		{STR("X-Forwarded-Host"), r->authority, FIELD_X_FORWARDED_HOST},
	};
	size_t count = ARRAY_COUNT(own) - (r->authority.n == 0);
	drop_gateway_owned(f);
	for (size_t i = 0; i < count; i++)
		if (fields_append(f, own[i].name, own[i].id, own[i].value) != RC_OK)
			return RC_FULL;
	return RC_OK;
}

enum rc forward_address_service(struct exchange *e)
{
	struct http_request *r = e->down->request;
	if (e->rewrites_host)
		r->authority = service_authority(e->service);
	return fields_append(&r->fields, STR("Via"), FIELD_VIA,
		r->version_minor == 0 ? STR("1.0 sluice") : STR("1.1 sluice"));
}
