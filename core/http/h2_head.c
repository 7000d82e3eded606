/* SPDX-License-Identifier: Apache-2.0 */
/* Fields received. The library has checked what RFC 9113 8 says about their names, values, order
 * and number; here is what they mean, by the same roles and limits as on HTTP/1. The first error
 * stands, and what comes after it is only counted: HPACK's state needs all of a block. */
#include "http/h2_priv.h"

#include "base/check.h"
#include "http/field_id.h"
#include "http/field_role.h"
#include "http/uri.h"

/* RFC 9113 6.5.2 */
#define FIELD_OVERHEAD_BYTES 32
#define FIELDS_EXPECTED      16

/* One section while it comes; of the session's pool. */
struct h2_head {
	enum h2_section section;
	enum h1_error error;
	struct fields *fields; /* in the arena, or the message's */
	uint64_t bytes;
	uint64_t seen; /* a bit for each field_id of a role */
	uint32_t crumbs, crumbs_capacity;
	uint64_t crumb_bytes;
	struct str *crumb; /* in the arena */
	struct str method, scheme, authority, path, protocol, host;
	int64_t length; /* as declared; -1: not */
};

static void fail(struct h2_head *h, enum h1_error error)
{
	if (h->error == H1_ERROR_NONE)
		h->error = error;
}

/* --- beginning ------------------------------------------------------------------------------- */

static const struct message_limits *limits_of(
	const struct h2_session *session, const struct h2_stream *s)
{
	return s->limits ? s->limits : session->limits;
}

static struct fields *begin_trailers(struct h2_session *session, struct h2_stream *s)
{
	struct fields *f = arena_alloc(s->arena, sizeof(*f));
	if (!f)
		return NULL;
	fields_init(f, s->arena);
	f->max = limits_of(session, s)->trailer_fields;
	return f;
}

static struct fields *begin_message(
	struct h2_session *session, struct h2_stream *s, bool is_request)
{
	if (is_request)
		http_request_init(s->request, s->arena);
	else
		http_response_init(s->response, s->arena);
	struct fields *f = is_request ? &s->request->fields : &s->response->fields;
	f->max = limits_of(session, s)->fields;
	fields_reserve(f, FIELDS_EXPECTED);
	return f;
}

enum rc h2_head_begin(struct h2_session *session, struct h2_stream *s, enum h2_section section)
{
	h2_head_drop(session, s);
	bool is_trailing = section == H2_SECTION_TRAILERS;
	struct fields *f = is_trailing ? begin_trailers(session, s)
				       : begin_message(session, s, section == H2_SECTION_REQUEST);
	if (!f)
		return RC_FULL;
	struct h2_head *h = pool_get(session->pool, sizeof(*h));
	*h = (struct h2_head){.section = section, .fields = f, .length = -1};
	s->head = h;
	return RC_OK;
}

void h2_head_drop(struct h2_session *session, struct h2_stream *s)
{
	if (s->head)
		pool_put(session->pool, s->head, sizeof(*s->head));
	s->head = NULL;
}

/* --- fields ---------------------------------------------------------------------------------- */

static bool keep(struct h2_head *h, struct arena *arena, struct str in, struct str *out)
{
	*out = arena_copy(arena, in);
	if (in.n > 0 && !out->p)
		fail(h, H1_ERROR_MEMORY);
	return in.n == 0 || out->p != NULL;
}

static void append(struct h2_head *h, struct arena *arena, struct str name, enum field_id id,
	struct str value, bool name_is_static)
{
	struct str kept_name = name, kept_value;
	if ((!name_is_static && !keep(h, arena, name, &kept_name)) ||
		!keep(h, arena, value, &kept_value))
		return;
	if (fields_append(h->fields, kept_name, id, kept_value) == RC_OK)
		return;
	bool are_many = h->fields->count >= h->fields->max;
	fail(h, are_many ? H1_ERROR_HEAD_TOO_LARGE : H1_ERROR_MEMORY);
}

/* A client may cut its cookies so that each compresses for itself; HTTP/1 wants them in one field.
 */
static void take_crumb(struct h2_head *h, struct arena *arena, struct str value)
{
	h->crumb_bytes += value.n + 2;
	if (h->crumbs >= LIMIT_H2_COOKIE_CRUMBS || h->crumb_bytes > LIMIT_H2_COOKIE_BYTES) {
		fail(h, H1_ERROR_HEAD_TOO_LARGE);
		return;
	}
	if (h->crumbs == h->crumbs_capacity) {
		uint32_t more = h->crumbs ? h->crumbs * 2 : 4;
		struct str *grown = arena_realloc(
			arena, h->crumb, h->crumbs * sizeof(*grown), more * sizeof(*grown));
		if (!grown) {
			fail(h, H1_ERROR_MEMORY);
			return;
		}
		h->crumb = grown;
		h->crumbs_capacity = more;
	}
	if (keep(h, arena, value, &h->crumb[h->crumbs]))
		h->crumbs++;
}

static void take_length(struct h2_head *h, struct str value)
{
	uint64_t length;
	if (value.n > 19 || str_to_u64(value, INT64_MAX, &length) != RC_OK)
		fail(h, H1_ERROR_FRAMING);
	else
		h->length = (int64_t)length;
}

static void take_expectation(struct h2_head *h, struct h2_stream *s, struct str value)
{
	s->request->expects_continue = str_eq_nocase(value, STR("100-continue"));
	if (!s->request->expects_continue)
		fail(h, H1_ERROR_EXPECTATION);
}

/* What a second field of a role is. */
static enum h1_error error_of_second(enum field_role role)
{
	switch (role) {
	case ROLE_HOST:
		return H1_ERROR_HOST;
	case ROLE_LENGTH:
		return H1_ERROR_FRAMING;
	case ROLE_EXPECT:
		return H1_ERROR_EXPECTATION;
	case ROLE_SINGLE:
		return H1_ERROR_SYNTAX;
	default:
		return H1_ERROR_NONE;
	}
}

static void take_role(struct h2_head *h, struct h2_stream *s, enum field_role role,
	const struct field *field, bool name_is_static)
{
	uint64_t bit = (uint64_t)1 << field->id;
	if (h->seen & bit && error_of_second(role) != H1_ERROR_NONE)
		fail(h, error_of_second(role));
	h->seen |= bit;
	switch (role) {
	case ROLE_HOST:
		keep(h, s->arena, field->value, &h->host);
		break;
	case ROLE_LENGTH:
		take_length(h, field->value);
		break;
	case ROLE_EXPECT:
		take_expectation(h, s, field->value);
		break;
	case ROLE_HOP:
		/* The library lets no other value of TE pass. */
		if (field->id == FIELD_TE && s->request)
			s->request->takes_trailers = true;
		break;
	case ROLE_CONNECTION:
	case ROLE_CODING:
	case ROLE_UPGRADE:
		fail(h, H1_ERROR_FRAMING);
		break;
	default:
		append(h, s->arena, field->name, field->id, field->value, name_is_static);
		break;
	}
}

static void take_field(
	struct h2_head *h, struct h2_stream *s, const struct field *field, bool name_is_static)
{
	enum field_role role = field_roles[field->id];
	bool is_request = h->section == H2_SECTION_REQUEST;
	if (memchr(field->name.p, '_', field->name.n) && field_is_twin(field->name))
		fail(h, H1_ERROR_SYNTAX);
	else if (field->id == FIELD_COOKIE && is_request)
		take_crumb(h, s->arena, field->value);
	else if (role == ROLE_PASS || (!is_request && role >= ROLE_HOST))
		append(h, s->arena, field->name, field->id, field->value, name_is_static);
	else
		take_role(h, s, role, field, name_is_static);
}

static void take_pseudo(struct h2_head *h, struct h2_stream *s, struct str name, struct str value)
{
	static const struct {
		const char *name;
		size_t at;
	} known[] = {
		{":method", offsetof(struct h2_head, method)},
		{":scheme", offsetof(struct h2_head, scheme)},
		{":authority", offsetof(struct h2_head, authority)},
		{":path", offsetof(struct h2_head, path)},
		{":protocol", offsetof(struct h2_head, protocol)},
	};
	if (h->section == H2_SECTION_RESPONSE) {
		uint64_t status = 0;
		if (str_to_u64(value, 999, &status) != RC_OK || value.n != 3)
			fail(h, H1_ERROR_SYNTAX);
		s->response->status = (uint16_t)status;
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(known); i++)
		if (str_eq(name, str_of(known[i].name)))
			keep(h, s->arena, value, (struct str *)((char *)h + known[i].at));
}

static bool is_within(
	const struct message_limits *l, struct h2_head *h, struct str name, struct str value)
{
	bool is_trailing = h->section == H2_SECTION_TRAILERS;
	uint32_t most = is_trailing ? l->trailer_bytes : l->head_bytes;
	bool is_path = str_eq(name, STR(":path"));
	if (is_path && value.n > l->target_bytes)
		fail(h, H1_ERROR_TARGET_TOO_LONG);
	if (h->bytes > most || name.n > l->field_name_bytes ||
		(!is_path && value.n > l->field_value_bytes))
		fail(h, H1_ERROR_HEAD_TOO_LARGE);
	return h->bytes <= (uint64_t)most * LIMIT_H2_EXCESS_FACTOR;
}

bool h2_head_take(struct h2_session *session, struct h2_stream *s, struct str name,
	struct str value, bool name_is_static)
{
	struct h2_head *h = s->head;
	h->bytes += name.n + value.n + FIELD_OVERHEAD_BYTES;
	if (!is_within(limits_of(session, s), h, name, value))
		return false;
	if (h->error != H1_ERROR_NONE)
		return true;
	if (name.n > 0 && name.p[0] == ':') {
		take_pseudo(h, s, name, value);
		return true;
	}
	struct field field = {name, value, field_id_find(name)};
	if (h->section != H2_SECTION_TRAILERS)
		take_field(h, s, &field, name_is_static);
	else if (h1_may_trail(name, field.id))
		append(h, s->arena, name, field.id, value, name_is_static);
	return true;
}

/* --- requests -------------------------------------------------------------------------------- */

static enum h1_error error_of(enum rc rc, enum h1_error invalid)
{
	if (rc == RC_OK)
		return H1_ERROR_NONE;
	return rc == RC_FULL ? H1_ERROR_MEMORY : invalid;
}

/* RFC 9113 8.3.1: where both are there they are the same. */
static enum h1_error take_authority(struct h2_head *h, struct http_request *r, struct arena *arena)
{
	struct str host = STR_EMPTY;
	enum rc rc = RC_OK;
	bool has_host = h->seen & (uint64_t)1 << FIELD_HOST;
	if (has_host)
		rc = uri_check_authority(h->host, arena, &host);
	if (rc == RC_OK && h->authority.n > 0)
		rc = uri_check_authority(h->authority, arena, &r->authority);
	if (rc != RC_OK)
		return error_of(rc, H1_ERROR_HOST);
	if (h->authority.n == 0)
		r->authority = host;
	bool differ = has_host && !str_eq(host, r->authority);
	return differ || r->authority.n == 0 ? H1_ERROR_HOST : H1_ERROR_NONE;
}

static enum h1_error take_target(struct h2_head *h, struct http_request *r, struct arena *arena)
{
	if (r->method == METHOD_CONNECT && h->protocol.n == 0) {
		r->target = r->authority;
		return str_index(r->authority, ':') < r->authority.n ? H1_ERROR_NONE
								     : H1_ERROR_TARGET;
	}
	r->target = h->path;
	if (str_eq(h->path, STR("*"))) {
		r->path = h->path;
		return r->method == METHOD_OPTIONS ? H1_ERROR_NONE : H1_ERROR_TARGET;
	}
	if (h->path.n == 0 || h->path.p[0] != '/')
		return H1_ERROR_TARGET;
	return error_of(uri_parse_origin_form(
				h->path, arena, &r->path, &r->query, &r->has_query, &r->path_holds),
		H1_ERROR_TARGET);
}

static bool is_known_scheme(struct str scheme)
{
	return str_eq_nocase(scheme, STR("https")) || str_eq_nocase(scheme, STR("http"));
}

/* RFC 8441: to whoever is above, the same request as one by Upgrade. */
static void take_protocol(struct h2_head *h, struct http_request *r)
{
	if (h->protocol.n == 0)
		return;
	r->method_name = STR("GET");
	r->method = METHOD_GET;
	r->upgrade = h->protocol;
	r->is_connect = true;
	r->content_length = CONTENT_LENGTH_NONE;
}

static enum h1_error join_crumbs(struct h2_head *h, struct h2_stream *s)
{
	if (h->crumbs == 0)
		return H1_ERROR_NONE;
	struct str value = h->crumb[0];
	if (h->crumbs > 1) {
		char *p = arena_alloc(s->arena, h->crumb_bytes), *at = p;
		if (!p)
			return H1_ERROR_MEMORY;
		for (uint32_t i = 0; i < h->crumbs; i++) {
			if (i > 0)
				at = memcpy(at, "; ", 2), at += 2;
			if (h->crumb[i].n > 0)
				memcpy(at, h->crumb[i].p, h->crumb[i].n);
			at += h->crumb[i].n;
		}
		value = str_n(p, (size_t)(at - p));
	}
	enum rc rc = fields_append(h->fields, STR("cookie"), FIELD_COOKIE, value);
	return rc == RC_OK ? H1_ERROR_NONE : H1_ERROR_HEAD_TOO_LARGE;
}

static enum h1_error finish_request(struct h2_head *h, struct h2_stream *s, bool ends)
{
	struct http_request *r = s->request;
	r->version_major = 2;
	r->method_name = h->method;
	r->method = http_method_of(h->method);
	r->scheme = h->scheme;
	if (h->length >= 0)
		r->content_length = h->length;
	else
		r->content_length = ends ? CONTENT_LENGTH_NONE : CONTENT_LENGTH_UNKNOWN;
	if (h->error != H1_ERROR_NONE)
		return h->error;
	if (h->method.n > LIMIT_METHOD_BYTES || !field_name_is_valid(h->method))
		return H1_ERROR_SYNTAX;
	if (h->scheme.n > 0 && !is_known_scheme(h->scheme))
		return H1_ERROR_TARGET;
	enum h1_error error = take_authority(h, r, s->arena);
	if (error == H1_ERROR_NONE)
		error = take_target(h, r, s->arena);
	if (error == H1_ERROR_NONE)
		error = join_crumbs(h, s);
	take_protocol(h, r);
	return error;
}

/* --- responses ------------------------------------------------------------------------------- */

static enum h1_error finish_response(
	const struct h2_session *session, struct h2_head *h, struct h2_stream *s, bool ends)
{
	struct http_response *r = s->response;
	r->version_major = 2;
	r->reason = http_reason(r->status);
	if (h->error != H1_ERROR_NONE)
		return h->error;
	if (r->status < 200) {
		r->content_length = CONTENT_LENGTH_NONE;
		bool is_excess = ++s->interims > limits_of(session, s)->interim_responses;
		return is_excess ? H1_ERROR_INTERIM : H1_ERROR_NONE;
	}
	bool can_have = r->status != 204 && r->status != 304 && !s->asked_head;
	r->content_length = h->length >= 0 ? h->length : CONTENT_LENGTH_UNKNOWN;
	if (r->status == 204)
		r->content_length = CONTENT_LENGTH_NONE;
	else if (ends && can_have)
		r->content_length = 0;
	r->has_content = can_have && !ends;
	return H1_ERROR_NONE;
}

/* RFC 8441: what accepts it is a switch to whoever is above. */
static void take_switch(struct h2_stream *s)
{
	struct http_response *r = s->response;
	if (!s->is_tunnel || r->status < 200 || r->status > 299)
		return;
	r->status = 101;
	r->reason = http_reason(101);
	r->content_length = CONTENT_LENGTH_NONE;
	r->has_content = false;
}

enum h1_error h2_head_finish(struct h2_session *session, struct h2_stream *s, bool ends)
{
	struct h2_head *h = s->head;
	enum h1_error error = h->error;
	switch (h->section) {
	case H2_SECTION_REQUEST:
		error = finish_request(h, s, ends);
		break;
	case H2_SECTION_RESPONSE:
		error = finish_response(session, h, s, ends);
		if (error == H1_ERROR_NONE)
			take_switch(s);
		break;
	case H2_SECTION_TRAILERS:
		s->trailers = h->fields->count > 0 ? h->fields : NULL;
		break;
	}
	h2_head_drop(session, s);
	return error;
}
