/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_head.c - heads as policies read and change them. */
#include "base/limits.h"
#include "http/h1.h"
#include "http/put.h"
#include "http/uri.h"
#include "policy/chain.h"
#include "policy/chain_facts.h"
#include "policy/host_priv.h"

/* --- facts ----------------------------------------------------------------------------------- */
static struct str version_text(const struct http_request *r)
{
	if (r->version_major == 2)
		return STR("2.0");
	return r->version_minor == 0 ? STR("1.0") : STR("1.1");
}

static struct str request_fact(const struct http_request *r, enum sluice_fact which)
{
	switch (which) {
	case SLUICE_FACT_METHOD:
		return r->method_name;
	case SLUICE_FACT_PATH:
		return r->path;
	case SLUICE_FACT_QUERY:
		return r->query;
	case SLUICE_FACT_AUTHORITY:
		return r->authority;
	case SLUICE_FACT_SCHEME:
		return r->scheme;
	case SLUICE_FACT_VERSION:
		return version_text(r);
	case SLUICE_FACT_TARGET:
		return r->target;
	case SLUICE_FACT_METHOD_RECEIVED:
		return http_asked_name(r);
	default:
		return STR_EMPTY;
	}
}

static struct str id_namespace(struct str id)
{
	return str_slice(id, 0, str_index(id, '/'));
}

static struct str id_name(struct str id)
{
	return str_from(id, str_index(id, '/') + 1);
}

/* Ids are "space/name", "space/name@api-space/api" of one that a selector bound, and
 * "api-space/api:policy" of one that stands in an API's document. */
static struct str binding_name(struct str id)
{
	struct str name = id_name(id);
	size_t colon = str_index(name, ':'), at = str_index(name, '@');
	return colon < at ? str_from(name, colon + 1) : str_slice(name, 0, at);
}

static struct str binding_fact(const struct sluice_exchange *x, enum sluice_fact which)
{
	const struct chain_binding *b = x->current;
	switch (which) {
	case SLUICE_FACT_BINDING_NAME:
		return binding_name(chain_binding_id(b));
	case SLUICE_FACT_BINDING_NAMESPACE:
		return id_namespace(chain_binding_id(b));
	case SLUICE_FACT_POLICY:
		return chain_binding_policy(b);
	default:
		return chain_binding_stage(x->chain, b->index);
	}
}

struct sluice_str host_fact(struct sluice_exchange *x, enum sluice_fact which)
{
	if (!host_allows(x, HOST_fact)) {
		host_refuse(HOST_fact);
		return str_out(STR_EMPTY);
	}
	switch (which) {
	case SLUICE_FACT_CLIENT_ADDRESS:
		return str_out(x->client_address);
	case SLUICE_FACT_LOCAL_ADDRESS:
		return str_out(x->local_address);
	case SLUICE_FACT_REQUEST_ID:
		return str_out(x->request_id);
	case SLUICE_FACT_API:
		return str_out(x->api);
	case SLUICE_FACT_BINDING:
		return str_out(chain_binding_id(x->current));
	case SLUICE_FACT_TLS_VERSION:
		return str_out(str_of(x->tls_version));
	case SLUICE_FACT_TLS_SERVER_NAME:
		return str_out(x->tls_server_name);
	case SLUICE_FACT_PRINCIPAL:
		return str_out(x->principal);
	case SLUICE_FACT_CLIENT_ID:
		return str_out(x->client_id);
	case SLUICE_FACT_CLIENT_NAME:
		return str_out(x->client_name);
	case SLUICE_FACT_API_NAME:
		return str_out(id_name(x->api));
	case SLUICE_FACT_API_NAMESPACE:
		return str_out(id_namespace(x->api));
	case SLUICE_FACT_GATEWAY_VERSION:
		return str_out(STR(SLUICE_VERSION));
	case SLUICE_FACT_BINDING_NAME:
	case SLUICE_FACT_BINDING_NAMESPACE:
	case SLUICE_FACT_POLICY:
	case SLUICE_FACT_STAGE:
		return str_out(binding_fact(x, which));
	default:
		return str_out(request_fact(x->request, which));
	}
}

int32_t host_status(struct sluice_exchange *x)
{
	if (!host_allows(x, HOST_status))
		return host_refuse(HOST_status);
	return x->response ? x->response->status : 0;
}

/* CONTENT_LENGTH_NONE for a response that has not come. */
static int64_t declared_of(const struct sluice_exchange *x, enum sluice_side side)
{
	if (side == SLUICE_REQUEST)
		return x->request->content_length;
	return x->response ? x->response->content_length : CONTENT_LENGTH_NONE;
}

int64_t host_body_length(struct sluice_exchange *x, enum sluice_side side)
{
	if (!host_allows(x, HOST_body_length))
		return host_refuse(HOST_body_length);
	bool is_bodiless = side != SLUICE_REQUEST && x->response && !x->response->has_content;
	int64_t length = is_bodiless ? CONTENT_LENGTH_NONE : declared_of(x, side);
	if (length == CONTENT_LENGTH_NONE)
		return 0;
	return length == CONTENT_LENGTH_UNKNOWN ? -1 : length;
}

int64_t host_length_declared(struct sluice_exchange *x, enum sluice_side side)
{
	if (!host_allows(x, HOST_length_declared))
		return host_refuse(HOST_length_declared);
	int64_t length = declared_of(x, side);
	return length >= 0 ? length : -1;
}

int32_t host_status_set(struct sluice_exchange *x, int32_t status)
{
	if (!host_allows(x, HOST_status_set))
		return host_refuse(HOST_status_set);
	if (x->response_sent)
		return host_refuse_late(HOST_status_set, "the response has been sent");
	/* 1xx and 101 are the gateway's; 204, 205 and 304 would change the framing. */
	if (status < 200 || status > 599)
		return SLUICE_E_INVALID;
	bool is_bare = status == 204 || status == 205 || status == 304;
	if (is_bare && x->response->has_content)
		return SLUICE_E_INVALID;
	x->response->status = (uint16_t)status;
	x->response->reason = http_reason((uint16_t)status);
	return SLUICE_OK;
}

/* --- fields ---------------------------------------------------------------------------------- */
static inline const struct fields *fields_of(const struct sluice_exchange *x, enum sluice_side side)
{
	if (side == SLUICE_REQUEST)
		return &x->request->fields;
	if (side == SLUICE_RESPONSE)
		return x->response ? &x->response->fields : NULL;
	return host_trailers(x, side);
}

/* The gateway writes these itself, from what it knows of the connection and the body. */
static inline bool is_gateways_own(enum field_id id)
{
#define BIT(id) ((uint64_t)1 << FIELD_##id)
	const uint64_t own = BIT(HOST) | BIT(CONNECTION) | BIT(CONTENT_LENGTH) |
			     BIT(TRANSFER_ENCODING) | BIT(KEEP_ALIVE) | BIT(PROXY_CONNECTION) |
			     BIT(TE) | BIT(TRAILER) | BIT(UPGRADE) | BIT(EXPECT);
#undef BIT
	return own >> id & 1;
}

/* It stands in no list: requests have it as their authority. */
static inline bool is_host(struct sluice_str name)
{
	return UNLIKELY(name.n == 4) && str_eq_nocase(str_in(name), STR("host"));
}

int32_t host_field_get(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str *value)
{
	if (!host_allows(x, HOST_field_get))
		return host_refuse(HOST_field_get);
	const struct fields *fields = fields_of(x, side);
	if (!fields)
		return SLUICE_E_NOT_FOUND;
	if (side == SLUICE_REQUEST && is_host(name)) {
		*value = str_out(x->request->authority);
		return SLUICE_OK;
	}
	const struct field *f = fields_get(fields, str_in(name));
	if (!f)
		return SLUICE_E_NOT_FOUND;
	*value = str_out(f->value);
	return SLUICE_OK;
}

int32_t host_field_next(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	if (!host_allows(x, HOST_field_next))
		return host_refuse(HOST_field_next);
	const struct fields *fields = fields_of(x, side);
	if (!fields)
		return SLUICE_E_NOT_FOUND;
	if (side == SLUICE_REQUEST && is_host(name)) {
		if ((*at)++)
			return SLUICE_E_NOT_FOUND;
		if (name_out)
			*name_out = SLUICE_STR("host");
		*value = str_out(x->request->authority);
		return SLUICE_OK;
	}
	const struct field *f;
	if (name.n)
		f = fields_next(fields, str_in(name), at);
	else
		f = *at < fields->count ? &fields->items[(*at)++] : NULL;
	if (!f)
		return SLUICE_E_NOT_FOUND;
	if (name_out)
		*name_out = str_out(f->name);
	*value = str_out(f->value);
	return SLUICE_OK;
}

/* Why the fields of that side cannot be changed. */
static __attribute__((cold, noinline)) int32_t refuse_change(
	struct sluice_exchange *x, enum host_call call, enum sluice_side side)
{
	if (!host_allows(x, call))
		return host_refuse(call);
	if (side == SLUICE_REQUEST && x->request_sent)
		return host_refuse_late(call, "the request has been sent on");
	if (side == SLUICE_RESPONSE && x->response_sent)
		return host_refuse_late(call, "the response has been sent");
	if (side == SLUICE_RESPONSE && !(IN_RESPONSE >> x->callback & 1))
		return host_refuse_late(call, "there is no response yet");
	return SLUICE_E_INVALID;
}

/* The fields to change, or NULL: refuse_change tells why. */
static inline struct fields *fields_to_change(
	const struct sluice_exchange *x, enum host_call call, enum sluice_side side)
{
	if (UNLIKELY(!host_allows(x, call)))
		return NULL;
	if (side == SLUICE_REQUEST)
		return UNLIKELY(x->request_sent) ? NULL : &x->request->fields;
	bool may = side == SLUICE_RESPONSE && !x->response_sent && x->response &&
		   (IN_RESPONSE >> x->callback & 1);
	return LIKELY(may) ? &x->response->fields : NULL;
}

/* Those behind the content, where one of that name may stand there. */
static __attribute__((noinline)) struct fields *trailers_to_change(struct sluice_exchange *x,
	enum host_call call, enum sluice_side side, int id, struct str name, int32_t *why)
{
	struct fields *trailers = host_trailers_to_change(x, call, side, why);
	if (!trailers || (id >= 0 && h1_may_trail(name, (enum field_id)id)))
		return trailers;
	*why = SLUICE_E_INVALID;
	return NULL;
}

/* The fields to change, one of this name among them; NULL: `why` is what to return. */
static struct fields *fields_with(struct sluice_exchange *x, enum host_call call,
	enum sluice_side side, int id, struct str name, int32_t *why)
{
	if (UNLIKELY(side > SLUICE_RESPONSE))
		return trailers_to_change(x, call, side, id, name, why);
	struct fields *fields = fields_to_change(x, call, side);
	if (LIKELY(fields && id >= 0 && !is_gateways_own((enum field_id)id)))
		return fields;
	*why = fields ? SLUICE_E_INVALID : refuse_change(x, call, side);
	return NULL;
}

static inline int32_t code_of(enum rc rc)
{
	if (LIKELY(rc == RC_OK))
		return SLUICE_OK;
	switch (rc) {
	case RC_FULL:
		return SLUICE_E_FULL;
	default:
		return SLUICE_E_INVALID;
	}
}

int32_t host_field_set(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str value)
{
	int32_t why;
	int id = field_id_check(str_in(name));
	struct fields *fields = fields_with(x, HOST_field_set, side, id, str_in(name), &why);
	return fields ? code_of(fields_set_id(fields, id, str_in(name), str_in(value))) : why;
}

int32_t host_field_add(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str value)
{
	int32_t why;
	int id = field_id_check(str_in(name));
	struct fields *fields = fields_with(x, HOST_field_add, side, id, str_in(name), &why);
	return fields ? code_of(fields_add_id(fields, id, str_in(name), str_in(value))) : why;
}

int32_t host_field_remove(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name)
{
	int32_t why;
	int id = field_id_check(str_in(name));
	struct fields *fields = fields_with(x, HOST_field_remove, side, id, str_in(name), &why);
	return fields ? (int32_t)fields_remove(fields, str_in(name)) : why;
}

/* --- prepared fields ------------------------------------------------------------------------- */
struct sluice_field *host_field_prepare(
	struct sluice_instance *i, struct sluice_str name, struct sluice_str value)
{
	if (!host_allows_instance(i, HOST_field_prepare)) {
		host_refuse(HOST_field_prepare);
		return NULL;
	}
	int id = field_id_check(str_in(name));
	if (id < 0 || is_gateways_own((enum field_id)id) || !field_value_is_valid(str_in(value)))
		return NULL;
	struct sluice_field *f = host_instance_alloc(i, sizeof(*f) + name.n + value.n);
	if (!f)
		return NULL;
	char *second = put(f->bytes, str_in(name));
	put(second, str_in(value));
	f->field = (struct field){str_n(f->bytes, name.n),
		value.p ? str_n(second, value.n) : STR_EMPTY, (enum field_id)id};
	f->next = i->fields;
	i->fields = f;
	return f;
}

void instance_fields_free(struct sluice_instance *i)
{
	while (i->fields) {
		struct sluice_field *next = i->fields->next;
		host_instance_free(i, i->fields);
		i->fields = next;
	}
}

static __attribute__((noinline)) int32_t put_value(struct sluice_exchange *x, struct fields *fields,
	const struct sluice_field *f, struct str value)
{
	if (!field_value_is_valid(value))
		return SLUICE_E_INVALID;
	struct field field = f->field;
	field.value = arena_copy(x->arena, value);
	return field.value.n == value.n ? code_of(fields_put(fields, &field)) : SLUICE_E_FULL;
}

/* Where the value is another one, or the field may stand there already, or may not be set. */
static __attribute__((noinline)) int32_t set_prepared_anyhow(struct sluice_exchange *x,
	enum sluice_side side, const struct sluice_field *f, struct sluice_str value)
{
	struct fields *fields = fields_to_change(x, HOST_field_set_prepared, side);
	if (UNLIKELY(!f))
		return fields ? SLUICE_E_INVALID : refuse_change(x, HOST_field_set_prepared, side);
	if (UNLIKELY(!fields)) {
		int32_t why;
		fields = fields_with(
			x, HOST_field_set_prepared, side, f->field.id, f->field.name, &why);
		if (!fields)
			return why;
	}
	return value.p ? put_value(x, fields, f, str_in(value))
		       : code_of(fields_put(fields, &f->field));
}

/* The instance outlives the exchange: what it holds need not be copied. Most fields have their own
 * value and are new: that is quick. */
int32_t host_field_set_prepared(struct sluice_exchange *x, enum sluice_side side,
	const struct sluice_field *f, struct sluice_str value)
{
	struct fields *fields = fields_to_change(x, HOST_field_set_prepared, side);
	if (LIKELY(fields && f && !value.p && fields_put_new(fields, &f->field)))
		return SLUICE_OK;
	return set_prepared_anyhow(x, side, f, value);
}

int32_t host_path_set(struct sluice_exchange *x, struct sluice_str path, struct sluice_str query)
{
	if (!host_allows(x, HOST_path_set))
		return host_refuse(HOST_path_set);
	struct str canonical, own_query = STR_EMPTY;
	if (!path.n || path.p[0] != '/' || path.n + query.n > LIMIT_TARGET_BYTES ||
		!uri_query_is_valid(str_in(query)))
		return SLUICE_E_INVALID;
	/* The view is the plugin's: what is kept lies in the arena. */
	struct str own = arena_copy(x->arena, str_in(path));
	if (query.n)
		own_query = arena_copy(x->arena, str_in(query));
	if (!own.n || (query.n && !own_query.n))
		return SLUICE_E_FULL;
	enum rc rc = uri_canonical_path(own, x->arena, x->request->path_holds, &canonical);
	if (rc != RC_OK)
		return code_of(rc);
	x->request->path = canonical;
	x->request->query = own_query;
	x->request->has_query = query.n > 0;
	return SLUICE_OK;
}
