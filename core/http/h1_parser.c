/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h1_priv.h"

#include "base/check.h"
#include "base/limits.h"

uint16_t h1_error_status(enum h1_error e)
{
	static const uint16_t statuses[] = {
#define X(name, status, text) status,
		H1_ERRORS(X)
#undef X
	};
	return statuses[e];
}

const char *h1_error_text(enum h1_error e)
{
	static const char *const texts[] = {
#define X(name, status, text) text,
		H1_ERRORS(X)
#undef X
	};
	return texts[e];
}

enum h1_event parser_fail(struct h1_parser *p, enum h1_error e)
{
	/* In a trailer section every excess is the trailers' fault. */
	if (p->state == STATE_TRAILERS && e == H1_ERROR_HEAD_TOO_LARGE)
		e = H1_ERROR_TRAILERS;
	p->state = STATE_FAILED;
	p->error = (uint8_t)e;
	return H1_ERROR;
}

enum progress line_fail(struct h1_parser *p, enum h1_error e)
{
	parser_fail(p, e);
	return LINE_BAD;
}

struct h1_parser *h1_parser_new(struct pool *pool, bool is_response)
{
	struct h1_parser *p = pool_get(pool, sizeof(*p));
	memset(p, 0, offsetof(struct h1_parser, m));
	p->pool = pool;
	p->is_response = is_response;
	p->state = STATE_IDLE;
	p->limits = &message_limits_default;
	return p;
}

void h1_parser_limit(struct h1_parser *p, const struct message_limits *limits)
{
	p->limits = limits;
}

void h1_parser_free(struct h1_parser *p)
{
	if (p)
		pool_put(p->pool, p, sizeof(*p));
}

/* Nearly every head has room in the first allocation. */
#define FIELDS_EXPECTED 16

static void begin_head(struct h1_parser *p, struct fields *fields)
{
	memset(&p->m, 0, sizeof(p->m));
	p->trailers = NULL;
	p->error = H1_ERROR_NONE;
	p->state = STATE_HEAD;
	fields->max = p->limits->fields;
	fields_reserve(fields, FIELDS_EXPECTED);
	section_begin(p, fields, p->limits->head_bytes);
}

void h1_parser_begin_request(struct h1_parser *p, struct arena *arena, struct http_request *request)
{
	CHECK(!p->is_response);
	p->arena = arena;
	p->request = request;
	http_request_init(request, arena);
	begin_head(p, &request->fields);
}

void h1_parser_begin_response(struct h1_parser *p, struct arena *arena,
	struct http_response *response, enum http_method method, bool upgrade_asked)
{
	CHECK(p->is_response);
	p->arena = arena;
	p->response = response;
	p->method = method;
	p->upgrade_asked = upgrade_asked;
	p->interims = 0;
	http_response_init(response, arena);
	begin_head(p, &response->fields);
}

/* --- feeding --------------------------------------------------------------------------------- */

static enum h1_event feed_head(struct h1_parser *p, struct str in, size_t *consumed)
{
	const char *section;
	switch (section_feed(p, in, consumed, &section)) {
	case LINE_LAST:
		return p->is_response ? response_finish(p, section) : request_finish(p, section);
	case LINE_BAD:
		return H1_ERROR;
	default:
		return H1_MORE;
	}
}

static enum h1_event feed_length(struct h1_parser *p, struct str in, size_t *consumed)
{
	if (in.n == 0)
		return H1_MORE;
	p->body = (struct str){in.p, p->m.left < in.n ? (size_t)p->m.left : in.n};
	*consumed = p->body.n;
	p->m.left -= p->body.n;
	if (p->m.left == 0)
		p->state = STATE_DONE;
	return H1_BODY;
}

static enum h1_event feed_until_close(struct h1_parser *p, struct str in, size_t *consumed)
{
	if (in.n == 0)
		return H1_MORE;
	p->body = in;
	*consumed = in.n;
	return H1_BODY;
}

static enum h1_event say_end(struct h1_parser *p)
{
	p->state = STATE_IDLE;
	return H1_END;
}

enum h1_event h1_parser_feed(struct h1_parser *p, struct str in, size_t *consumed)
{
	*consumed = 0;
	switch ((enum h1_state)p->state) {
	case STATE_INTERIM:
		http_response_init(p->response, p->arena);
		begin_head(p, &p->response->fields);
		return feed_head(p, in, consumed);
	case STATE_HEAD:
		return feed_head(p, in, consumed);
	case STATE_LENGTH:
		return feed_length(p, in, consumed);
	case STATE_UNTIL_CLOSE:
		return feed_until_close(p, in, consumed);
	case STATE_CHUNK_LINE:
	case STATE_CHUNK_DATA:
	case STATE_CHUNK_END:
	case STATE_TRAILERS:
		return chunked_feed(p, in, consumed);
	case STATE_DONE:
		return say_end(p);
	case STATE_TUNNEL:
		return H1_UPGRADED;
	case STATE_IDLE:
		return in.n == 0 ? H1_MORE : parser_fail(p, H1_ERROR_FRAMING);
	case STATE_FAILED:
		break;
	}
	return H1_ERROR;
}

enum h1_event h1_parser_end_of_input(struct h1_parser *p)
{
	switch ((enum h1_state)p->state) {
	case STATE_DONE:
	case STATE_UNTIL_CLOSE:
		return say_end(p);
	case STATE_IDLE:
	case STATE_TUNNEL:
		return H1_MORE;
	case STATE_HEAD:
		if (h1_parser_is_between_messages(p))
			return H1_MORE;
		break;
	case STATE_FAILED:
		return H1_ERROR;
	default:
		break;
	}
	return parser_fail(p, H1_ERROR_ENDED);
}

/* --- what was found -------------------------------------------------------------------------- */

struct str h1_parser_body(const struct h1_parser *p)
{
	return p->body;
}

const struct fields *h1_parser_trailers(const struct h1_parser *p)
{
	return p->trailers;
}

enum h1_error h1_parser_error(const struct h1_parser *p)
{
	return (enum h1_error)p->error;
}

bool h1_parser_is_between_messages(const struct h1_parser *p)
{
	return p->state == STATE_IDLE ||
	       (p->state == STATE_HEAD && p->held_n == 0 && p->interims == 0);
}

/* RFC 9112 9.3 */
bool h1_parser_keep_alive(const struct h1_parser *p)
{
	if (p->state == STATE_FAILED || p->state == STATE_TUNNEL || p->m.is_close)
		return false;
	if (p->m.version_minor == 0 && !p->m.is_keep_alive)
		return false;
	if (p->is_response) {
		bool ends_with_close =
			p->response->has_content && !p->m.is_chunked && p->m.length_line.n == 0;
		return !ends_with_close;
	}
	return p->request->method != METHOD_CONNECT;
}
