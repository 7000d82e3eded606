/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical heads: framing from content_length and the options, and nothing as received.
 *
 * One walk sizes a head and another fills it; both add up the same parts, and the tests hold the
 * second against the first for every head they write. */
#include "http/h1.h"

#include "base/check.h"
#include "http/put.h"

/* What may come beside a message's own bytes: versions, framing and connection fields, CRLFs. */
#define FIXED_BYTES 256

#define PUT(to, literal)                                                                           \
	((char *)memcpy((to), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

static char *put_number(char *to, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return put_n(to, digits + at, sizeof(digits) - at);
}

static size_t fields_bytes(const struct fields *f)
{
	size_t n = 0;
	for (uint32_t i = 0; i < f->count; i++)
		n += f->items[i].name.n + f->items[i].value.n;
	return n + (size_t)f->count * 4;
}

static inline char *put_field(char *to, const struct field *field)
{
	to = put(to, field->name);
	to = PUT(to, ": ");
	to = put(to, field->value);
	return PUT(to, "\r\n");
}

static char *put_fields(char *to, const struct fields *f)
{
	const struct field *end = f->items + f->count;
	for (const struct field *field = f->items; field != end; field++)
		to = put_field(to, field);
	return to;
}

static char *put_connection(char *to, const struct h1_write_options *o, struct str upgrade)
{
	if (UNLIKELY(o->upgrade)) {
		to = PUT(to, "Connection: upgrade\r\nUpgrade: ");
		to = put(to, upgrade);
		return PUT(to, "\r\n");
	}
	if (!o->keep_alive)
		return PUT(to, "Connection: close\r\n");
	return o->http10_peer ? PUT(to, "Connection: keep-alive\r\n") : to;
}

static char *put_framing(char *to, const struct h1_write_options *o, int64_t content_length)
{
	if (o->chunked && !o->http10_peer)
		return PUT(to, "Transfer-Encoding: chunked\r\n");
	if (content_length < 0)
		return to;
	to = PUT(to, "Content-Length: ");
	to = put_number(to, (uint64_t)content_length);
	return PUT(to, "\r\n");
}

/* --- requests -------------------------------------------------------------------------------- */

size_t h1_request_bytes(const struct http_request *r, const struct h1_proxy *proxy)
{
	size_t more = UNLIKELY(proxy) ? proxy->authority.n * 2 + proxy->fields.n : 0;
	return r->method_name.n + r->path.n + r->query.n + r->authority.n * 2 + r->upgrade.n +
	       fields_bytes(&r->fields) + FIXED_BYTES + more;
}

static char *put_target(char *to, const struct http_request *r)
{
	if (UNLIKELY(r->method == METHOD_CONNECT))
		return put(to, r->authority);
	to = put(to, r->path);
	if (r->has_query) {
		*to++ = '?';
		to = put(to, r->query);
	}
	return to;
}

/* RFC 9112 3.2.4: "*" of a server as a whole is no path. */
static char *put_start_for_proxy(
	char *to, const struct http_request *r, const struct h1_proxy *proxy)
{
	to = PUT(to, "http://");
	to = put(to, proxy->authority);
	if (!str_eq(r->path, STR("*")))
		to = put_target(to, r);
	to = PUT(to, " HTTP/1.1\r\nHost: ");
	to = put(to, proxy->authority);
	to = PUT(to, "\r\n");
	return put(to, proxy->fields);
}

static char *put_start(char *to, const struct http_request *r)
{
	to = put_target(to, r);
	to = PUT(to, " HTTP/1.1\r\nHost: ");
	to = put(to, r->authority);
	return PUT(to, "\r\n");
}

size_t h1_write_request(const struct http_request *r, const struct h1_write_options *o, char *to)
{
	char *at = put(to, r->method_name);
	*at++ = ' ';
	at = UNLIKELY(o->proxy) ? put_start_for_proxy(at, r, o->proxy) : put_start(at, r);
	at = put_fields(at, &r->fields);
	at = put_framing(at, o, r->content_length);
	at = put_connection(at, o, r->upgrade);
	at = PUT(at, "\r\n");
	return (size_t)(at - to);
}

/* --- responses ------------------------------------------------------------------------------- */

size_t h1_response_bytes(const struct http_response *r)
{
	return r->reason.n + r->upgrade.n + fields_bytes(&r->fields) + FIXED_BYTES;
}

/* RFC 9110 8.6: a response that could have content says so when it has none. */
static char *put_response_framing(
	char *to, const struct http_response *r, const struct h1_write_options *o)
{
	if (r->status == 204)
		return to;
	bool is_silent = r->content_length == CONTENT_LENGTH_NONE && r->status != 304;
	return put_framing(to, o, is_silent ? 0 : r->content_length);
}

size_t h1_write_response(const struct http_response *r, const struct h1_write_options *o, char *to)
{
	char *at = PUT(to, "HTTP/1.1 ");
	at[0] = (char)('0' + r->status / 100);
	at[1] = (char)('0' + r->status / 10 % 10);
	at[2] = (char)('0' + r->status % 10);
	at[3] = ' ';
	at = put(at + 4, r->reason);
	at = PUT(at, "\r\n");
	at = put_fields(at, &r->fields);
	if (LIKELY(r->status >= 200)) {
		if (o->date.n > 0 && !fields_get_id(&r->fields, FIELD_DATE)) {
			at = PUT(at, "Date: ");
			at = put(at, o->date);
			at = PUT(at, "\r\n");
		}
		at = put_response_framing(at, r, o);
		at = put_connection(at, o, r->upgrade);
	} else if (r->status == 101) {
		at = put_connection(at, o, r->upgrade);
	}
	at = PUT(at, "\r\n");
	return (size_t)(at - to);
}

/* --- chunks ---------------------------------------------------------------------------------- */

size_t h1_write_chunk_size(size_t n, char *to)
{
	static const char digits[] = "0123456789abcdef";
	unsigned shift = 0;
	while (shift < 60 && n >> shift >= 16)
		shift += 4;
	size_t at = 0;
	for (unsigned left = shift + 4; left > 0; left -= 4)
		to[at++] = digits[n >> (left - 4) & 15];
	to[at++] = '\r';
	to[at++] = '\n';
	return at;
}

size_t h1_last_chunk_bytes(const struct fields *trailers)
{
	return (trailers ? fields_bytes(trailers) : 0) + sizeof("0\r\n\r\n") - 1;
}

size_t h1_write_last_chunk(const struct fields *trailers, char *to)
{
	char *at = PUT(to, "0\r\n");
	if (trailers)
		at = put_fields(at, trailers);
	at = PUT(at, "\r\n");
	return (size_t)(at - to);
}
