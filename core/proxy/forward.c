/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway itself changes in heads that pass.
 *
 * X-Forwarded-* and X-Request-ID from the client are never believed: they are replaced by what the
 * gateway knows, before any policy looks. The service's own name goes into Host last, so that rules
 * and policies saw the client's. */
#include "proxy/exchange_priv.h"

static bool is_gateway_owned(enum field_id id)
{
	switch (id) {
	case FIELD_X_FORWARDED_FOR:
	case FIELD_X_FORWARDED_PROTO:
	case FIELD_X_FORWARDED_HOST:
	case FIELD_X_FORWARDED_PORT:
	case FIELD_X_REAL_IP:
	case FIELD_FORWARDED:
	case FIELD_X_REQUEST_ID:
		return true;
	default:
		return false;
	}
}

static void drop_gateway_owned(struct fields *f)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < f->count; i++)
		if (!is_gateway_owned(f->items[i].id)) {
			if (kept != i)
				f->items[kept] = f->items[i];
			kept++;
		}
	f->count = kept;
}

/* A full field table fails later, where the request is answered 431; nothing is lost silently. */
static void add(struct exchange *e, enum field_id id, struct str name, struct str value)
{
	if (fields_append(&e->down->request->fields, name, id, value) != RC_OK)
		e->x.arena->failed = true;
}

void forward_prepare_request(struct exchange *e)
{
	struct http_request *r = e->down->request;
	drop_gateway_owned(&r->fields);
	add(e, FIELD_X_FORWARDED_FOR, STR("X-Forwarded-For"), e->x.client_address);
	add(e, FIELD_X_FORWARDED_PROTO, STR("X-Forwarded-Proto"), r->scheme);
	if (r->authority.n > 0)
		add(e, FIELD_X_FORWARDED_HOST, STR("X-Forwarded-Host"), r->authority);
	add(e, FIELD_X_REQUEST_ID, STR("X-Request-ID"), e->x.request_id);
}

void forward_address_service(struct exchange *e)
{
	struct http_request *r = e->down->request;
	if (e->rewrites_host)
		r->authority = service_authority(e->service);
	add(e, FIELD_VIA, STR("Via"),
		r->version_minor == 0 ? STR("1.0 sluice") : STR("1.1 sluice"));
}
