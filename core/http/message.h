/* SPDX-License-Identifier: Apache-2.0 */
/* http/message.h - requests and responses as one canonical object, for every version of HTTP.
 *
 * Terms are those of RFC 9110. Views point into the arena of the exchange.
 *
 * Invariants   M1  names are tokens, values hold no CR, LF, NUL or other control but HTAB, and no
 *                  leading or trailing white space: the setters refuse anything else.
 *              M2  framing (Content-Length, Transfer-Encoding, Connection and the other hop-by-hop
 *                  fields) never stands in `fields`: codecs take it out on receiving and write it
 *                  anew on sending, from `content_length` and what the connection needs.
 *              M3  field.id is what field_id_of(field.name) gives.
 *              M4  every field of `items` has its bits in `known` and `others`. There may be bits
 *                  of fields that are gone: they cost a look and tell nothing.
 */
#pragma once

#include "base/arena.h"
#include "base/check.h"
#include "base/str.h"

#define HTTP_METHODS(X)                                                                            \
	X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(CONNECT) X(OPTIONS) X(TRACE) X(PATCH)

enum http_method {
	METHOD_OTHER, /* any other token; see method_name */
#define X(name) METHOD_##name,
	HTTP_METHODS(X)
#undef X
};

/* Fields that the gateway itself looks at; matched without regard to case. */
/* clang-format off */
#define HTTP_FIELDS(X)                                                                             \
	X(HOST, "host") X(CONNECTION, "connection") X(CONTENT_LENGTH, "content-length")            \
	X(TRANSFER_ENCODING, "transfer-encoding") X(KEEP_ALIVE, "keep-alive")                      \
	X(PROXY_CONNECTION, "proxy-connection") X(TE, "te") X(TRAILER, "trailer")                  \
	X(UPGRADE, "upgrade") X(EXPECT, "expect") X(DATE, "date") X(SERVER, "server")              \
	X(CONTENT_TYPE, "content-type") X(CONTENT_ENCODING, "content-encoding")                    \
	X(AUTHORIZATION, "authorization") X(PROXY_AUTHENTICATE, "proxy-authenticate")              \
	X(PROXY_AUTHORIZATION, "proxy-authorization") X(WWW_AUTHENTICATE, "www-authenticate")      \
	X(COOKIE, "cookie") X(SET_COOKIE, "set-cookie") X(VIA, "via")                              \
	X(FORWARDED, "forwarded") X(X_FORWARDED_FOR, "x-forwarded-for")                            \
	X(X_FORWARDED_PROTO, "x-forwarded-proto") X(X_FORWARDED_HOST, "x-forwarded-host")          \
	X(X_FORWARDED_PORT, "x-forwarded-port") X(X_REAL_IP, "x-real-ip")                          \
	X(X_REQUEST_ID, "x-request-id") X(ORIGIN, "origin") X(USER_AGENT, "user-agent")            \
	X(REFERER, "referer") X(ACCEPT, "accept") X(LOCATION, "location") X(ETAG, "etag")          \
	X(RETRY_AFTER, "retry-after") X(ALLOW, "allow") X(TRACEPARENT, "traceparent")              \
	X(RANGE, "range")
/* clang-format on */

enum field_id {
	FIELD_OTHER,
#define X(name, text) FIELD_##name,
	HTTP_FIELDS(X)
#undef X
		FIELD_COUNT,
};

enum field_id field_id_of(struct str name);

struct field {
	struct str name; /* case as received; compared without case */
	struct str value;
	enum field_id id;
};

struct fields {
	struct field *items; /* in the arena */
	uint32_t count;
	uint32_t capacity;
	uint32_t max;        /* fields_append gives no room beyond; LIMIT_FIELDS at first */
	struct arena *arena; /* borrowed */
	uint64_t known;      /* bit per id */
	uint64_t others;     /* of names without an id, by field_bit_of */
};
_Static_assert(FIELD_COUNT <= 64, "a bit for each");

/* Names of one length mostly differ at their end: X-Forwarded-For, x-in-1. 0 for an empty one. */
static inline uint64_t field_bit_of(struct str name)
{
	if (UNLIKELY(name.n == 0))
		return 0;
	unsigned last = (unsigned char)name.p[name.n - 1] | 0x20;
	return (uint64_t)1 << ((last ^ (name.n << 3)) & 63);
}

/* Whether one of that name may be among them: most look-ups are for what is not there. */
static inline bool fields_may_have(const struct fields *f, enum field_id id, struct str name)
{
	return id != FIELD_OTHER ? f->known >> id & 1 : (f->others & field_bit_of(name)) != 0;
}

/* One of that name stands among them from now on. */
static inline void fields_note(struct fields *f, enum field_id id, struct str name)
{
	if (id == FIELD_OTHER)
		f->others |= field_bit_of(name);
	f->known |= (uint64_t)1 << id;
}

/* There is room for it. */
static inline void fields_place(
	struct fields *f, struct str name, enum field_id id, struct str value)
{
	f->items[f->count++] = (struct field){name, value, id};
	fields_note(f, id, name);
}

void fields_init(struct fields *f, struct arena *arena);
/* Room for n fields in one allocation, as far as the arena has it. */
void fields_reserve(struct fields *f, uint32_t n);
/* Room for one more. RC_FULL when the arena is spent or `max` stand already. */
MUST_USE enum rc fields_grow(struct fields *f);
/* Without validation and without copying: for codecs, whose parser has checked. RC_FULL. */
MUST_USE static inline enum rc fields_append(
	struct fields *f, struct str name, enum field_id id, struct str value)
{
	if (UNLIKELY(f->count == f->capacity) && fields_grow(f) != RC_OK)
		return RC_FULL;
	fields_place(f, name, id, value);
	return RC_OK;
}
/* Validated and copied into the arena: for policies and the gateway. RC_INVALID, RC_FULL. */
MUST_USE enum rc fields_add(struct fields *f, struct str name, struct str value);
/* Replaces all of that name by one, at the place of the first. */
MUST_USE enum rc fields_set(struct fields *f, struct str name, struct str value);
/* The same two for a name whose id is known; RC_INVALID for `id` < 0 (field_id_check). */
MUST_USE enum rc fields_add_id(struct fields *f, int id, struct str name, struct str value);
MUST_USE enum rc fields_set_id(struct fields *f, int id, struct str name, struct str value);
/* As fields_set, for a field that was checked and outlives the message: nothing is copied. */
MUST_USE enum rc fields_replace(struct fields *f, const struct field *field);
/* Where there is room, and none of that name: else false, and nothing is done. */
MUST_USE static inline bool fields_put_new(struct fields *f, const struct field *field)
{
	if (UNLIKELY(f->count == f->capacity || fields_may_have(f, field->id, field->name)))
		return false;
	fields_note(f, field->id, field->name);
	f->items[f->count++] = *field;
	return true;
}
MUST_USE static inline enum rc fields_put(struct fields *f, const struct field *field)
{
	if (LIKELY(!fields_may_have(f, field->id, field->name)))
		return fields_append(f, field->name, field->id, field->value);
	return fields_replace(f, field);
}
/* The enum field_id of a valid name; -1 when it is none. */
int field_id_check(struct str name);
/* How many were removed. */
size_t fields_remove(struct fields *f, struct str name);
size_t fields_remove_id(struct fields *f, enum field_id id);
/* The first of that name or NULL; valid until the next change. */
const struct field *fields_get(const struct fields *f, struct str name);
const struct field *fields_get_id(const struct fields *f, enum field_id id);
/* The next of that name from index *at on, which it advances; NULL at the end. */
const struct field *fields_next(const struct fields *f, struct str name, uint32_t *at);
/* The same for a name whose id is known: what is looked for often need not be hashed each time. */
const struct field *fields_next_id(
	const struct fields *f, enum field_id id, struct str name, uint32_t *at);

bool field_name_is_valid(struct str name);
bool field_value_is_valid(struct str value);

/* What follows the head. */
#define CONTENT_LENGTH_NONE    ((int64_t)-1) /* no content at all */
#define CONTENT_LENGTH_UNKNOWN ((int64_t)-2) /* streamed: chunked, or until close, or h2 DATA */

struct http_request {
	enum http_method method;
	struct str method_name;
	/* What the client asked with, once that is another method; else empty. */
	enum http_method asked;
	struct str asked_name;
	struct str target;    /* exactly as received, for the log */
	struct str path;      /* canonical (http/uri.h), starts with '/'; "*" for OPTIONS *; "" for
				 CONNECT */
	struct str query;     /* raw, without '?' */
	bool has_query;       /* "/x?" has an empty one */
	uint8_t path_holds;   /* enum uri_holds: what the API has to allow */
	struct str authority; /* Host or :authority, lower-case, as validated; "" only on 1.0 */
	struct str scheme;    /* "http" or "https" */
	uint8_t version_major, version_minor; /* 1.0, 1.1, 2.0 */
	bool expects_continue;
	bool takes_trailers; /* "te: trailers" came; HTTP/2 */
	bool lost_fields;    /* those that its Connection field named were taken out */
	bool is_connect;     /* by an extended CONNECT (RFC 8441): a 2xx would be its switch */
	struct str upgrade;  /* the Upgrade field's value when Connection names it; else empty */
	int64_t content_length;
	struct fields fields; /* without Host, which is `authority` */
};

struct http_response {
	uint16_t status; /* 100..599 */
	struct str reason;
	uint8_t version_major, version_minor;
	int64_t content_length; /* as declared; a HEAD or 304 response may declare one without
				   content, and has UNKNOWN when it declared none */
	bool has_content;       /* false: nothing follows the head, whatever content_length says */
	struct str upgrade;     /* the Upgrade field's value when Connection names it; else empty */
	struct fields fields;
};

void http_request_init(struct http_request *r, struct arena *arena);
void http_response_init(struct http_response *r, struct arena *arena);

/* The standard phrase of a status, "Not Found"; "Unknown" for others. */
struct str http_reason(uint16_t status);
enum http_method http_method_of(struct str name);
/* What the client asked with: its answer is framed for that. */
static inline struct str http_asked_name(const struct http_request *r)
{
	return UNLIKELY(r->asked_name.n > 0) ? r->asked_name : r->method_name;
}
static inline bool http_asked_head(const struct http_request *r)
{
	return (UNLIKELY(r->asked_name.n > 0) ? r->asked : r->method) == METHOD_HEAD;
}
/* RFC 9110 9.2.2: may be sent again without harm. */
bool http_method_is_idempotent(enum http_method m);
