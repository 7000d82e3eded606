/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway itself changes in heads that pass.
 *
 * X-Forwarded-*, X-Request-ID and the trace's fields are the gateway's: all are taken out before
 * any policy looks, and written anew from what the gateway knows (proxy/origin.h). The service's
 * own name goes into Host last, so that rules and policies saw the client's. */
#include "proxy/exchange_priv.h"

#include "http/trace_context.h"
#include "proxy/client_certificate.h"
#include "proxy/listener.h"
#include "proxy/origin.h"

#define BIT(id) ((uint64_t)1 << FIELD_##id)
_Static_assert(FIELD_COUNT <= 64, "a bit for each");

/* --- what is taken out of requests ----------------------------------------------------------- */

static const uint64_t gateway_owned = BIT(X_FORWARDED_FOR) | BIT(X_FORWARDED_PROTO) |
				      BIT(X_FORWARDED_HOST) | BIT(X_FORWARDED_PORT) |
				      BIT(X_REAL_IP) | BIT(FORWARDED) | BIT(X_REQUEST_ID) |
				      BIT(TRACEPARENT);

/* Of what was taken out, that which may come back. */
struct taken {
	struct str request_id;
	struct str parent, state, client_cert;
	uint32_t parents;
	bool has_state;
};

/* Names without an id. In lower case; '_' counts as '-', since servers that make variables of
 * fields cannot tell the two apart. */
static bool name_is(struct str name, struct str plain, bool is_prefix)
{
	if (is_prefix ? name.n < plain.n : name.n != plain.n)
		return false;
	for (size_t i = 0; i < plain.n; i++) {
		char c = name.p[i] == '_' ? '-' : ascii_lower(name.p[i]);
		if (c != plain.p[i])
			return false;
	}
	return true;
}

enum rule { RULE_ALWAYS, RULE_UNLESS_BELIEVED, RULE_OVERRIDE, RULE_TRACE_STATE, RULE_CLIENT_CERT };

static const struct {
	struct str name;
	bool is_prefix;
	enum rule rule;
} foreign_names[] = {
	{{"x-sluice-", 9}, true, RULE_ALWAYS},
	{{"x-forwarded-client-cert", 23}, false, RULE_CLIENT_CERT},
	{{"x-forwarded-", 12}, true, RULE_UNLESS_BELIEVED},
	{{"x-envoy-", 8}, true, RULE_UNLESS_BELIEVED},
	/* CGI makes HTTP_PROXY of it, which is where programs look for a proxy. */
	{{"proxy", 5}, false, RULE_ALWAYS},
	{{"proxy-", 6}, true, RULE_ALWAYS},
	/* Frameworks take the method or path that these name for the request's, which no rule and
	 * no policy has seen. */
	{{"x-http-method-override", 22}, false, RULE_OVERRIDE},
	{{"x-http-method", 13}, false, RULE_OVERRIDE},
	{{"x-method-override", 17}, false, RULE_OVERRIDE},
	{{"x-original-url", 14}, false, RULE_OVERRIDE},
	{{"x-original-uri", 14}, false, RULE_OVERRIDE},
	{{"x-rewrite-url", 13}, false, RULE_OVERRIDE},
	{{"tracestate", 10}, false, RULE_TRACE_STATE},
};

/* Whether a name may be one of those: most are not, and stay at this. */
static inline bool is_suspect(struct str name)
{
	if (name.n < 5)
		return false;
	char first = ascii_lower(name.p[0]);
	if (first == 'x')
		return name.p[1] == '-' || name.p[1] == '_';
	return first == 'p' || (first == 't' && name.n == 10);
}

/* Two fields of a list are one. */
static struct str joined(struct exchange *e, struct str former, struct str value)
{
	return former.n == 0
		       ? value
		       : arena_printf(e->x.arena, "%.*s,%.*s", STR_ARG(former), STR_ARG(value));
}

/* Of a field without an id. */
static bool is_taken_out(struct exchange *e, const struct edge *edge, bool is_believed,
	const struct field *f, struct taken *taken)
{
	if (edge->header == EDGE_OTHER_HEADER && !is_believed &&
		str_eq_nocase(f->name, edge->header_name))
		return true;
	for (size_t i = 0; i < ARRAY_COUNT(foreign_names); i++) {
		if (!name_is(f->name, foreign_names[i].name, foreign_names[i].is_prefix))
			continue;
		if (foreign_names[i].rule == RULE_TRACE_STATE) {
			taken->state = joined(e, taken->state, f->value);
			taken->has_state = true;
		}
		if (foreign_names[i].rule == RULE_CLIENT_CERT)
			taken->client_cert = joined(e, taken->client_cert, f->value);
		if (foreign_names[i].rule == RULE_OVERRIDE)
			return !edge->passes_overrides;
		return foreign_names[i].rule != RULE_UNLESS_BELIEVED || !is_believed;
	}
	return false;
}

static void take_out_owned(const struct field *f, struct taken *taken)
{
	if (f->id == FIELD_X_REQUEST_ID) {
		taken->request_id = f->value;
	} else if (f->id == FIELD_TRACEPARENT) {
		taken->parent = f->value;
		taken->parents++;
	}
}

/* RFC 9110 14.2: a server may ignore Range, and should where the ranges are many: each costs the
 * origin a part of its own, and overlapping ones the same bytes again and again. */
#define RANGES_MAX 16

static void judge_range(struct fields *f)
{
	struct str ranges = fields_get_id(f, FIELD_RANGE)->value;
	uint32_t count = 0, at = 0;
	for (; ranges.p && count <= RANGES_MAX; count++)
		str_cut(&ranges, ',');
	fields_next(f, STR("range"), &at);
	if (count > RANGES_MAX || fields_next(f, STR("range"), &at))
		fields_remove_id(f, FIELD_RANGE);
}

static void take_out(
	struct exchange *e, const struct edge *edge, bool is_believed, struct taken *taken)
{
	struct fields *f = &e->down->request->fields;
	bool may_be_any = edge->header == EDGE_OTHER_HEADER;
	uint32_t kept = 0;
	bool has_range = false;
	if (!(f->known & (gateway_owned | BIT(RANGE) | BIT(OTHER))))
		return;
	for (uint32_t i = 0; i < f->count; i++) {
		const struct field *field = &f->items[i];
		if (field->id == FIELD_OTHER) {
			if ((is_suspect(field->name) || may_be_any) &&
				is_taken_out(e, edge, is_believed, field, taken))
				continue;
		} else if (UNLIKELY(gateway_owned >> field->id & 1)) {
			take_out_owned(field, taken);
			continue;
		} else {
			has_range |= field->id == FIELD_RANGE;
		}
		if (UNLIKELY(kept != i))
			f->items[kept] = f->items[i];
		kept++;
	}
	f->count = kept;
	if (UNLIKELY(has_range))
		judge_range(f);
}

/* --- what is put in -------------------------------------------------------------------------- */

#define REQUEST_ID_BYTES_MAX 128

/* Nothing that a log, a page or a document would have to escape. */
static bool is_request_id(struct str id)
{
	if (id.n == 0 || id.n > REQUEST_ID_BYTES_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		char c = ascii_lower(id.p[i]);
		bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			       memchr("-_.:/+=@~", c, 9) != NULL;
		if (!is_fine)
			return false;
	}
	return true;
}

static bool put(struct exchange *e, const char *name, enum field_id id, struct str value)
{
	return fields_append(&e->down->request->fields, str_of(name), id, value) == RC_OK;
}

/* A trace goes on as it came, and one that is malformed ends here (W3C Trace Context 4.3): both of
 * its fields, since the second means nothing without the first. */
static bool put_trace(struct exchange *e, const struct taken *taken)
{
	if (taken->parents != 1 || !traceparent_is_valid(taken->parent, &e->x.trace_id))
		return true;
	if (!put(e, "traceparent", FIELD_TRACEPARENT, taken->parent))
		return false;
	return !taken->has_state || !tracestate_is_valid(taken->state) ||
	       put(e, "tracestate", FIELD_OTHER, taken->state);
}

/* On a TLS port its settings decide; elsewhere a trusted proxy may tell of its client. */
static bool put_client_cert(struct exchange *e, const struct taken *taken, bool is_believed)
{
	const struct generation_listener *port = proxy_listener_serves(e->listener);
	struct str value = is_believed ? taken->client_cert : STR_EMPTY;
	if (port && port->tls)
		value = client_certificate_field(port, e->down, taken->client_cert, e->x.arena);
	return value.n == 0 || put(e, "X-Forwarded-Client-Cert", FIELD_OTHER, value);
}

static bool put_more(struct exchange *e, const struct origin *o)
{
	return (o->port.n == 0 || put(e, "X-Forwarded-Port", FIELD_X_FORWARDED_PORT, o->port)) &&
	       (o->forwarded.n == 0 || put(e, "Forwarded", FIELD_FORWARDED, o->forwarded));
}

/* A proxy may pass on its client's Connection, and so have us take out what it says itself: without
 * its word the client would count as the proxy, whom lists of addresses allow. */
static bool lost_client(const struct exchange *e, const struct edge *edge)
{
	const struct http_request *r = e->down->request;
	return UNLIKELY(r->lost_fields) && edge->header == EDGE_OTHER_HEADER &&
	       !fields_get(&r->fields, edge->header_name) &&
	       cidr_set_contains(&edge->proxies, e->down->peer);
}

enum rc forward_prepare_request(struct exchange *e)
{
	const struct edge *edge = &e->worker->generation->edge;
	struct fields *f = &e->down->request->fields;
	struct taken taken = {0};
	struct origin o = {
		.forwarded_for = e->x.client_address,
		.proto = e->down->request->scheme,
		.host = e->down->request->authority,
	};
	if (lost_client(e, edge))
		return RC_INVALID;
	if (UNLIKELY(edge->proxies.count > 0 || edge->emits_forwarded))
		origin_find(e, edge, &o);
	take_out(e, edge, o.is_believed, &taken);
	if (UNLIKELY(taken.request_id.n > 0) && (o.is_believed || edge->keeps_request_id) &&
		is_request_id(taken.request_id))
		e->x.request_id = taken.request_id;
	const struct field own[] = {
		{STR("X-Forwarded-For"), o.forwarded_for, FIELD_X_FORWARDED_FOR},
		{STR("X-Forwarded-Proto"), o.proto, FIELD_X_FORWARDED_PROTO},
		{STR("X-Request-ID"), e->x.request_id, FIELD_X_REQUEST_ID},
		{STR("X-Forwarded-Host"), o.host, FIELD_X_FORWARDED_HOST},
	};
	size_t count = ARRAY_COUNT(own) - (o.host.n == 0);
	for (size_t i = 0; i < count; i++)
		if (fields_append(f, own[i].name, own[i].id, own[i].value) != RC_OK)
			return RC_FULL;
	if (UNLIKELY(taken.parents > 0) && !put_trace(e, &taken))
		return RC_FULL;
	if (UNLIKELY(o.port.n > 0 || o.forwarded.n > 0) && !put_more(e, &o))
		return RC_FULL;
	if (UNLIKELY(taken.client_cert.n > 0 || e->down->tls_certificate.n > 0) &&
		!put_client_cert(e, &taken, o.is_believed))
		return RC_FULL;
	return UNLIKELY(e->x.arena->failed) ? RC_FULL : RC_OK;
}

/* Of a message that came by that version of HTTP. A copy: a request that waits for a connection
 * outlives the generation whose edge it passed. */
static inline enum rc put_via(struct exchange *e, struct fields *f, const struct edge *edge,
	unsigned major, unsigned minor)
{
	struct str via = arena_copy(e->x.arena, edge->via[major == 2 ? 2 : minor != 0]);
	return via.n == 0 ? RC_FULL : fields_append(f, STR("Via"), FIELD_VIA, via);
}

enum rc forward_address_service(struct exchange *e)
{
	const struct edge *edge = &e->worker->generation->edge;
	struct http_request *r = e->down->request;
	if (e->rewrites_host)
		r->authority = service_authority(e->service);
	if (UNLIKELY(!edge->adds_via_to_request))
		return RC_OK;
	return put_via(e, &r->fields, edge, r->version_major, r->version_minor);
}

void forward_address_endpoint(struct exchange *e, struct service *endpoint)
{
	bool is_overridden = e->x.way && e->x.way->host.n > 0;
	if (e->rewrites_host && !is_overridden)
		e->down->request->authority = service_authority(endpoint);
}

/* --- responses ------------------------------------------------------------------------------- */

static inline bool is_ours(const struct field *f)
{
	return UNLIKELY(f->id == FIELD_OTHER && is_suspect(f->name)) &&
	       name_is(f->name, STR("x-sluice-"), true);
}

void forward_clean_response(struct fields *f)
{
	uint32_t at = 0;
	if (!(f->known & BIT(OTHER)))
		return;
	while (at < f->count && LIKELY(!is_ours(&f->items[at])))
		at++;
	uint32_t kept = at;
	for (; at < f->count; at++)
		if (!is_ours(&f->items[at]))
			f->items[kept++] = f->items[at];
	f->count = kept;
}

void forward_finish_response(struct exchange *e, struct http_response *r, bool is_local)
{
	const struct edge *edge = &e->worker->generation->edge;
	enum rc rc = RC_OK; /* without room it goes without */
	if (edge->removes_server || edge->server.n > 0)
		fields_remove_id(&r->fields, FIELD_SERVER);
	if (edge->server.n > 0)
		rc = fields_append(&r->fields, STR("Server"), FIELD_SERVER, edge->server);
	if (edge->adds_via_to_response && !is_local)
		rc = put_via(e, &r->fields, edge, r->version_major, r->version_minor);
	if (edge->tells_reason && is_local)
		rc = fields_set(&r->fields, STR("x-sluice-reason"), access_record_reason(e));
	(void)rc;
}
