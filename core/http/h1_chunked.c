/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked content (RFC 9112 7.1), byte by byte in its framing and slice by slice in its data.
 *
 * The size is hexadecimal digits and nothing beside them; extensions must keep their grammar
 * without white space, and end here. llhttp is fed the digits, the data and the CRLFs. */
#include "http/h1_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "http/scan.h"

#define SIZE_DIGITS_MAX 16

/* Where in a size line the next byte stands. */
enum chunk_part {
	PART_SIZE,
	PART_NAME, /* behind ';', before the first byte of the name */
	PART_IN_NAME,
	PART_VALUE, /* behind '=' */
	PART_IN_VALUE,
	PART_QUOTED,
	PART_ESCAPED, /* behind a backslash in quotes */
	PART_BEHIND_QUOTE,
	PART_LF,
	PART_BAD,
};

/* What may follow wherever a size, a name or a value can end. */
static enum chunk_part part_behind(char c)
{
	return c == ';' ? PART_NAME : c == '\r' ? PART_LF : PART_BAD;
}

static enum chunk_part step_size(struct h1_parser *p, char c)
{
	int digit = hex_value(c);
	if (digit < 0)
		return p->m.digits > 0 ? part_behind(c) : PART_BAD;
	if (p->m.digits++ == SIZE_DIGITS_MAX || p->m.left > (uint64_t)INT64_MAX >> 4)
		return PART_BAD;
	p->m.left = p->m.left << 4 | (uint64_t)digit;
	return PART_SIZE;
}

static enum chunk_part step_extension(enum chunk_part part, char c)
{
	switch (part) {
	case PART_NAME:
		return byte_is(c, BYTE_TOKEN) ? PART_IN_NAME : PART_BAD;
	case PART_IN_NAME:
		if (byte_is(c, BYTE_TOKEN))
			return PART_IN_NAME;
		return c == '=' ? PART_VALUE : part_behind(c);
	case PART_VALUE:
		if (c == '"')
			return PART_QUOTED;
		return byte_is(c, BYTE_TOKEN) ? PART_IN_VALUE : PART_BAD;
	case PART_IN_VALUE:
		return byte_is(c, BYTE_TOKEN) ? PART_IN_VALUE : part_behind(c);
	case PART_QUOTED:
		if (c == '"')
			return PART_BEHIND_QUOTE;
		return !byte_is(c, BYTE_TEXT) ? PART_BAD : c == '\\' ? PART_ESCAPED : PART_QUOTED;
	case PART_ESCAPED:
		return byte_is(c, BYTE_TEXT) ? PART_QUOTED : PART_BAD;
	case PART_BEHIND_QUOTE:
		return part_behind(c);
	default:
		return PART_BAD;
	}
}

static enum chunk_part step(struct h1_parser *p, char c)
{
	if (p->m.chunk == PART_SIZE)
		return step_size(p, c);
	return p->m.extension_bytes++ < p->limits->extension_bytes ? step_extension(p->m.chunk, c)
								   : PART_BAD;
}

static void next_line(struct h1_parser *p)
{
	p->m.chunk = PART_SIZE;
	p->m.digits = 0;
	p->m.left = 0;
	p->state = STATE_CHUNK_LINE;
}

static enum h1_event begin_trailers(struct h1_parser *p)
{
	p->trailers = arena_alloc(p->arena, sizeof(*p->trailers));
	if (!p->trailers)
		return parser_fail(p, H1_ERROR_MEMORY);
	fields_init(p->trailers, p->arena);
	p->trailers->max = p->limits->trailer_fields;
	section_begin(p, p->trailers, p->limits->trailer_bytes);
	p->state = STATE_TRAILERS;
	return H1_MORE;
}

/* The size line, from wherever it stopped; H1_MORE with another state when it is whole. */
static enum h1_event read_size_line(struct h1_parser *p, struct str in, size_t *consumed)
{
	size_t i = 0, digits = 0;
	for (; i < in.n; i++) {
		if (p->m.chunk == PART_LF)
			break;
		uint8_t before = p->m.chunk;
		p->m.chunk = (uint8_t)step(p, in.p[i]);
		if (p->m.chunk == PART_BAD)
			return parser_fail(p, H1_ERROR_CHUNK);
		digits += before == PART_SIZE && p->m.chunk == PART_SIZE;
	}
	if (digits > 0 && !judge_feed(p, str_slice(in, 0, digits)))
		return parser_fail(p, H1_ERROR_CHUNK);
	*consumed += i;
	if (i == in.n)
		return H1_MORE;
	if (in.p[i] != '\n' || !judge_feed(p, STR("\r\n")))
		return parser_fail(p, H1_ERROR_CHUNK);
	*consumed += 1;
	if (p->m.left == 0)
		return begin_trailers(p);
	p->state = STATE_CHUNK_DATA;
	return H1_MORE;
}

static enum h1_event read_data(struct h1_parser *p, struct str in, size_t *consumed)
{
	p->body = str_slice(in, 0, p->m.left < in.n ? (size_t)p->m.left : in.n);
	if (!judge_feed(p, p->body))
		return parser_fail(p, H1_ERROR_CHUNK);
	*consumed += p->body.n;
	p->m.left -= p->body.n;
	if (p->m.left == 0) {
		p->m.chunk = PART_SIZE;
		p->state = STATE_CHUNK_END;
	}
	return H1_BODY;
}

/* The CRLF behind the data; PART_LF: its first half was there. */
static enum h1_event read_data_end(struct h1_parser *p, struct str in, size_t *consumed)
{
	static const char crlf[] = "\r\n";
	size_t i = p->m.chunk == PART_LF;
	if (in.p[0] != crlf[i])
		return parser_fail(p, H1_ERROR_CHUNK);
	*consumed += 1;
	p->m.chunk = PART_LF;
	if (i == 0)
		return H1_MORE;
	if (!judge_feed(p, STR("\r\n")))
		return parser_fail(p, H1_ERROR_CHUNK);
	next_line(p);
	return H1_MORE;
}

static enum h1_event read_trailers(struct h1_parser *p, struct str in, size_t *consumed)
{
	size_t taken = 0;
	const char *section;
	enum progress progress = section_feed(p, in, &taken, &section);
	*consumed += taken;
	if (progress == LINE_BAD)
		return H1_ERROR;
	if (progress == LINE_MORE)
		return H1_MORE;
	if (!judge_feed(p, STR("\r\n")) || !p->judge_saw_end)
		return parser_fail(p, H1_ERROR_CHUNK);
	if (p->trailers->count == 0)
		p->trailers = NULL;
	p->state = STATE_DONE;
	return H1_MORE;
}

static enum h1_event step_chunked(struct h1_parser *p, struct str in, size_t *consumed)
{
	switch (p->state) {
	case STATE_CHUNK_LINE:
		return read_size_line(p, in, consumed);
	case STATE_CHUNK_DATA:
		return read_data(p, in, consumed);
	case STATE_CHUNK_END:
		return read_data_end(p, in, consumed);
	default:
		return read_trailers(p, in, consumed);
	}
}

enum h1_event chunked_feed(struct h1_parser *p, struct str in, size_t *consumed)
{
	enum h1_event event = H1_MORE;
	while (event == H1_MORE && p->state != STATE_DONE && *consumed < in.n)
		event = step_chunked(p, str_from(in, *consumed), consumed);
	if (event == H1_MORE && p->state == STATE_DONE) {
		p->state = STATE_IDLE;
		return H1_END;
	}
	return event;
}
