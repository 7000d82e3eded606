/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_exchange.c - what policies may know of whom they work for, and tell about the client:
 * labels, claims, violations; and the request's method. */
#include "base/limits.h"
#include "http/uri.h"
#include "policy/chain.h"
#include "policy/chain_facts.h"
#include "policy/claims.h"
#include "policy/host_priv.h"

#define METHOD_BYTES_MAX    32
#define VIOLATION_BYTES_MAX 64

static int32_t code_of(enum rc rc)
{
	if (rc == RC_OK)
		return SLUICE_OK;
	return rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_INVALID;
}

/* --- labels ---------------------------------------------------------------------------------- */
static struct chain_labels labels_of(const struct sluice_exchange *x, enum sluice_labels whose)
{
	switch (whose) {
	case SLUICE_LABELS_API:
		return chain_api_labels(x->chain);
	case SLUICE_LABELS_BINDING:
		return chain_binding_labels(x->chain, x->current->index);
	default:
		return (struct chain_labels){0};
	}
}

int32_t host_label_next(struct sluice_exchange *x, enum sluice_labels whose, uint32_t *at,
	struct sluice_str *name, struct sluice_str *value)
{
	if (!host_allows(x, HOST_label_next))
		return host_refuse(HOST_label_next);
	struct chain_labels labels = labels_of(x, whose);
	if (*at >= labels.count)
		return SLUICE_E_NOT_FOUND;
	const struct chain_label *l = &labels.items[(*at)++];
	if (name)
		*name = str_out(l->name);
	*value = str_out(l->value);
	return SLUICE_OK;
}

int32_t host_label_get(struct sluice_exchange *x, enum sluice_labels whose, struct sluice_str name,
	struct sluice_str *value)
{
	if (!host_allows(x, HOST_label_get))
		return host_refuse(HOST_label_get);
	struct chain_labels labels = labels_of(x, whose);
	for (uint32_t i = 0; i < labels.count; i++) {
		if (str_eq(labels.items[i].name, str_in(name))) {
			*value = str_out(labels.items[i].value);
			return SLUICE_OK;
		}
	}
	return SLUICE_E_NOT_FOUND;
}

/* --- claims ---------------------------------------------------------------------------------- */
int32_t host_claim_set(struct sluice_exchange *x, struct sluice_str name, struct sluice_str json)
{
	if (!host_allows(x, HOST_claim_set))
		return host_refuse(HOST_claim_set);
	if (!json.p)
		return claims_remove(x, str_in(name)) ? SLUICE_OK : SLUICE_E_NOT_FOUND;
	return code_of(claims_set(x, str_in(name), str_in(json)));
}

int32_t host_claim_get(struct sluice_exchange *x, struct sluice_str name, struct sluice_str *json)
{
	if (!host_allows(x, HOST_claim_get))
		return host_refuse(HOST_claim_get);
	const struct claim *claim = claims_find(x, str_in(name));
	if (!claim)
		return SLUICE_E_NOT_FOUND;
	*json = str_out(claim->json);
	return SLUICE_OK;
}

int32_t host_claim_next(
	struct sluice_exchange *x, uint32_t *at, struct sluice_str *name, struct sluice_str *json)
{
	if (!host_allows(x, HOST_claim_next))
		return host_refuse(HOST_claim_next);
	if (!x->claims || *at >= x->claims->count)
		return SLUICE_E_NOT_FOUND;
	const struct claim *claim = &x->claims->items[(*at)++];
	if (name)
		*name = str_out(claim->name);
	*json = str_out(claim->json);
	return SLUICE_OK;
}

int32_t host_claims_prepare(
	struct sluice_instance *i, struct sluice_str json, struct sluice_claims **claims)
{
	if (!host_allows_instance(i, HOST_claims_prepare))
		return host_refuse(HOST_claims_prepare);
	return claims ? code_of(claims_prepare(i, str_in(json), claims)) : SLUICE_E_INVALID;
}

int32_t host_claims_set_prepared(struct sluice_exchange *x, const struct sluice_claims *claims)
{
	if (!host_allows(x, HOST_claims_set_prepared))
		return host_refuse(HOST_claims_set_prepared);
	return claims ? code_of(claims_set_prepared(x, claims)) : SLUICE_E_INVALID;
}

/* --- the method ------------------------------------------------------------------------------ */
/* Whether the request as it stands can have that method. */
static bool fits(const struct http_request *r, enum http_method method)
{
	if (method == METHOD_CONNECT)
		return false;
	if (method == METHOD_TRACE && r->content_length != CONTENT_LENGTH_NONE)
		return false; /* RFC 9110 9.3.8 */
	if (r->upgrade.n > 0 && method != METHOD_GET)
		return false;
	return method == METHOD_OPTIONS || !str_eq(r->path, STR("*"));
}

int32_t host_method_set(struct sluice_exchange *x, struct sluice_str name)
{
	if (!host_allows(x, HOST_method_set))
		return host_refuse(HOST_method_set);
	if (x->request_sent)
		return host_refuse_late(HOST_method_set, "the request has been sent on");
	struct http_request *r = x->request;
	enum http_method method = http_method_of(str_in(name));
	if (name.n > METHOD_BYTES_MAX || !field_name_is_valid(str_in(name)) || !fits(r, method))
		return SLUICE_E_INVALID;
	struct str own = arena_copy(x->arena, str_in(name));
	if (own.n == 0)
		return SLUICE_E_FULL;
	if (r->asked_name.n == 0) {
		r->asked = r->method;
		r->asked_name = r->method_name;
	}
	r->method = method;
	r->method_name = own;
	return SLUICE_OK;
}

/* --- violations ------------------------------------------------------------------------------ */
int32_t host_violation(struct sluice_exchange *x, struct sluice_str what,
	struct sluice_str client_id, struct sluice_str client_name)
{
	if (!host_allows(x, HOST_violation))
		return host_refuse(HOST_violation);
	if (x->violation)
		return SLUICE_E_CONFLICT;
	if (what.n == 0)
		return SLUICE_E_INVALID;
	struct exchange_violation *v = arena_alloc(x->arena, sizeof(*v));
	if (!v)
		return SLUICE_E_FULL;
	*v = (struct exchange_violation){
		.binding = x->current,
		.what = arena_copy(x->arena, str_slice(str_in(what), 0, VIOLATION_BYTES_MAX)),
		.client_id = arena_copy(x->arena, str_in(client_id)),
		.client_name = arena_copy(x->arena, str_in(client_name)),
	};
	if (v->what.n == 0 || v->client_id.n != client_id.n || v->client_name.n != client_name.n)
		return SLUICE_E_FULL;
	x->violation = v;
	return SLUICE_OK;
}

/* --- another way ----------------------------------------------------------------------------- */
/* Reads nothing of a handle that is somebody else's. */
static bool is_own_target(const struct sluice_instance *i, const struct sluice_target *target)
{
	for (size_t k = 0; k < i->target_count; k++)
		if (&i->targets[k] == target)
			return true;
	return false;
}

/* Canonical and in the arena; empty: none is given. */
static enum rc read_way(struct sluice_exchange *x, struct sluice_str path, struct sluice_str host,
	struct exchange_way *way)
{
	enum rc rc = RC_OK;
	struct str own_path = arena_copy(x->arena, str_in(path));
	struct str own_host = arena_copy(x->arena, str_in(host));
	if (own_path.n != path.n || own_host.n != host.n)
		return RC_FULL;
	if (path.n > 0 && (path.p[0] != '/' || path.n > LIMIT_TARGET_BYTES))
		return RC_INVALID;
	if (path.n > 0)
		rc = uri_canonical_path(own_path, x->arena, x->request->path_holds, &way->path);
	if (rc == RC_OK && host.n > 0)
		rc = uri_check_authority(own_host, x->arena, &way->host);
	return rc;
}

static bool head_waits(const struct sluice_exchange *x)
{
	return x->callback == CALLBACK_REQUEST_HEAD ||
	       x->current->contract[CHAIN_REQUEST].mode == BODY_BUFFER;
}

int32_t host_reroute(struct sluice_exchange *x, const struct sluice_target *target,
	struct sluice_str path, struct sluice_str host)
{
	if (!host_allows(x, HOST_reroute))
		return host_refuse(HOST_reroute);
	if (x->request_sent || !head_waits(x))
		return host_refuse_late(HOST_reroute, "the head does not wait for it");
	if (target && !is_own_target(x->current->instance, target))
		return SLUICE_E_INVALID;
	struct exchange_way way = x->way ? *x->way : (struct exchange_way){0};
	int32_t rc = code_of(read_way(x, path, host, &way));
	if (rc != SLUICE_OK)
		return rc;
	if (!x->way)
		x->way = arena_alloc(x->arena, sizeof(*x->way));
	if (!x->way)
		return SLUICE_E_FULL;
	way.binding = x->current;
	if (target)
		way.target = target;
	*x->way = way;
	return SLUICE_OK;
}
