/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/sse.h - server-sent events as text (WHATWG HTML, "Server-sent events"), compiled into the
 * plugin. Nothing here allocates, and no text can break out of its line.
 *
 *	char bytes[1024];
 *	struct sluice_sse e = sluice_sse_begin(bytes, sizeof(bytes));
 *	sluice_sse_event(&e, SLUICE_STR("count"));
 *	sluice_sse_data(&e, payload);
 *	struct sluice_str text = sluice_sse_end(&e);
 *	if (text.n)
 *	        service->write(stream, text, SLUICE_STREAM_WHOLE);
 *
 * An event is UTF-8; that is the caller's to see to. Send it with Content-Type text/event-stream and
 * Cache-Control: no-cache, and a comment now and then: the gateway ends a stream on which
 * nothing moves for the API's idle timeout.
 */
#ifndef SLUICE_SSE_H
#define SLUICE_SSE_H

#include "sluice/sluice.h"

/* An event that is being written. */
struct sluice_sse {
	char *p; /* borrowed */
	size_t n, room;
	int32_t failed; /* it did not fit, or something in it cannot stand in an event */
};

static inline struct sluice_sse sluice_sse_begin(char *p, size_t room)
{
	struct sluice_sse e;
	e.p = p;
	e.n = 0;
	e.room = room;
	e.failed = 0;
	return e;
}

static inline void sluice_sse_add(struct sluice_sse *e, const char *p, size_t n)
{
	size_t i;
	if (e->failed || n > e->room - e->n) {
		e->failed = 1;
		return;
	}
	for (i = 0; i < n; i++)
		e->p[e->n + i] = p[i];
	e->n += n;
}

/* One line: a field's name with its colon, and a value without line breaks. */
static inline void sluice_sse_line(
	struct sluice_sse *e, struct sluice_str name, struct sluice_str value)
{
	size_t i;
	for (i = 0; i < value.n; i++)
		if (value.p[i] == '\n' || value.p[i] == '\r' || value.p[i] == '\0')
			e->failed = 1;
	sluice_sse_add(e, name.p, name.n);
	sluice_sse_add(e, " ", 1);
	sluice_sse_add(e, value.p, value.n);
	sluice_sse_add(e, "\n", 1);
}

/* A line for each of the text's lines; a break is CR LF, LF or CR, as the reader takes it. */
static inline void sluice_sse_lines(
	struct sluice_sse *e, struct sluice_str name, struct sluice_str text)
{
	size_t at = 0, end;
	for (;;) {
		for (end = at; end < text.n && text.p[end] != '\n' && text.p[end] != '\r'; end++)
			;
		sluice_sse_add(e, name.p, name.n);
		sluice_sse_add(e, " ", 1);
		sluice_sse_add(e, text.p + at, end - at);
		sluice_sse_add(e, "\n", 1);
		if (end == text.n)
			return;
		at = end + 1;
		if (text.p[end] == '\r' && at < text.n && text.p[at] == '\n')
			at++;
	}
}

/* The event's type; "message" to the reader where there is none. No line breaks. */
static inline void sluice_sse_event(struct sluice_sse *e, struct sluice_str type)
{
	sluice_sse_line(e, SLUICE_STR("event:"), type);
}

/* What a reader that comes back sends in Last-Event-ID. No line breaks, no NUL. */
static inline void sluice_sse_id(struct sluice_sse *e, struct sluice_str id)
{
	sluice_sse_line(e, SLUICE_STR("id:"), id);
}

/* The payload: of several calls, and of several lines, the reader gets the lines joined by LF. An
 * event without any is not told to anybody. */
static inline void sluice_sse_data(struct sluice_sse *e, struct sluice_str data)
{
	sluice_sse_lines(e, SLUICE_STR("data:"), data);
}

/* Nobody sees it, and the connection is used. */
static inline void sluice_sse_comment(struct sluice_sse *e, struct sluice_str text)
{
	sluice_sse_lines(e, SLUICE_STR(":"), text);
}

/* How long a reader waits before it comes back. */
static inline void sluice_sse_retry(struct sluice_sse *e, uint32_t ms)
{
	char digits[10];
	size_t n = 0, i;
	do {
		digits[n++] = (char)('0' + ms % 10);
		ms /= 10;
	} while (ms > 0);
	sluice_sse_add(e, "retry: ", 7);
	for (i = n; i-- > 0;)
		sluice_sse_add(e, &digits[i], 1);
	sluice_sse_add(e, "\n", 1);
}

/* Ends the event; its text, or an empty one when anything failed. */
static inline struct sluice_str sluice_sse_end(struct sluice_sse *e)
{
	struct sluice_str text;
	sluice_sse_add(e, "\n", 1);
	text.p = e->p;
	text.n = e->failed ? 0 : e->n;
	return text;
}

#endif
