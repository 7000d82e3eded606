/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/h1_transcript.h - what an HTTP/1 parser says about bytes, as text.
 *
 * For the unit tests and the fuzz targets: the same bytes in other pieces must give the same text,
 * and so must the messages when they are written anew from what was read. */
#pragma once

#include "base/buffer.h"
#include "base/check.h"
#include "base/limits.h"
#include "http/h1.h"

#include <stdlib.h>

struct h1_feeding {
	bool is_response;
	enum http_method method; /* of the request that is answered */
	bool upgrade_asked;
	bool ends;         /* FIN behind the bytes */
	bool is_canonical; /* without what writing anew does not keep: target, version, persistence
			    */
	size_t first;      /* bytes of the first piece; 0: all */
	size_t piece;      /* of the following ones; 0: all */
	const struct message_limits *limits; /* NULL: the defaults */
};

struct h1_run {
	const struct h1_feeding *how;
	struct pool *pool;
	struct arena arena;
	struct h1_parser *parser;
	struct http_request request;
	struct http_response response;
	struct buffer *out;
	struct buffer *rewritten; /* or NULL */
	struct buffer body;
	bool is_over;
};

static void run_begin(struct h1_run *run)
{
	arena_reset(&run->arena);
	buffer_reset(&run->body);
	if (run->how->is_response)
		h1_parser_begin_response(run->parser, &run->arena, &run->response, run->how->method,
			run->how->upgrade_asked);
	else
		h1_parser_begin_request(run->parser, &run->arena, &run->request);
}

static void say_fields(struct buffer *out, const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->count; i++) {
		const struct field *field = &f->items[i];
		CHECK(field->id == field_id_of(field->name));
		CHECK(field_name_is_valid(field->name) && field_value_is_valid(field->value));
		buffer_addf(out, "  %.*s: %.*s\n", STR_ARG(field->name), STR_ARG(field->value));
	}
}

static void say_request(struct h1_run *run)
{
	struct http_request *r = &run->request;
	struct buffer *out = run->out;
	if (run->how->is_canonical && r->authority.n == 0)
		r->authority = STR("none");
	buffer_addf(out, "%.*s %.*s", STR_ARG(r->method_name), STR_ARG(r->path));
	if (r->has_query)
		buffer_addf(out, "?%.*s", STR_ARG(r->query));
	buffer_addf(out, " at %.*s", STR_ARG(r->authority));
	if (!run->how->is_canonical && !str_starts(r->target, STR("/")))
		buffer_addf(out, " target %.*s", STR_ARG(r->target));
	if (!run->how->is_canonical && r->version_minor == 0)
		buffer_add(out, STR(" 1.0"));
	if (r->content_length == CONTENT_LENGTH_UNKNOWN)
		buffer_add(out, STR(" chunked"));
	else if (r->content_length != CONTENT_LENGTH_NONE)
		buffer_addf(out, " length %lld", (long long)r->content_length);
	if (!run->how->is_canonical && r->expects_continue)
		buffer_add(out, STR(" continue"));
	if (r->upgrade.n > 0)
		buffer_addf(out, " upgrade %.*s", STR_ARG(r->upgrade));
	buffer_add_char(out, '\n');
	say_fields(out, &r->fields);
}

static void say_response(struct h1_run *run)
{
	struct http_response *r = &run->response;
	struct buffer *out = run->out;
	buffer_addf(out, "%u %.*s", r->status, STR_ARG(r->reason));
	if (!run->how->is_canonical && r->version_minor == 0)
		buffer_add(out, STR(" 1.0"));
	if (r->content_length == CONTENT_LENGTH_UNKNOWN)
		buffer_add(out, STR(" unknown"));
	else if (r->content_length != CONTENT_LENGTH_NONE)
		buffer_addf(out, " length %lld", (long long)r->content_length);
	if (r->has_content)
		buffer_add(out, STR(" content"));
	/* An interim response that switches to nothing is written without the word. */
	bool is_written = r->status >= 200 || r->status == 101;
	if (r->upgrade.n > 0 && (is_written || !run->how->is_canonical))
		buffer_addf(out, " upgrade %.*s", STR_ARG(r->upgrade));
	buffer_add_char(out, '\n');
	say_fields(out, &r->fields);
}

/* --- writing anew ------------------------------------------------------------------------ */

static bool run_is_chunked(const struct h1_run *run)
{
	if (!run->how->is_response)
		return run->request.content_length == CONTENT_LENGTH_UNKNOWN;
	return run->response.has_content && run->response.content_length == CONTENT_LENGTH_UNKNOWN;
}

static void rewrite_head(struct h1_run *run)
{
	struct h1_write_options o = {.keep_alive = true, .chunked = run_is_chunked(run)};
	struct str upgrade = run->how->is_response ? run->response.upgrade : run->request.upgrade;
	o.upgrade = upgrade.n > 0;
	size_t most = run->how->is_response ? h1_response_bytes(&run->response)
					    : h1_request_bytes(&run->request, NULL);
	/* A block of its own, of just that size, so that a sanitizer sees one byte too many. */
	char *bytes = malloc(most);
	CHECK(bytes);
	size_t n = run->how->is_response ? h1_write_response(&run->response, &o, bytes)
					 : h1_write_request(&run->request, &o, bytes);
	CHECK(n <= most);
	buffer_add(run->rewritten, str_n(bytes, n));
	free(bytes);
}

static void rewrite_body(struct h1_run *run, struct str slice)
{
	char line[18];
	bool is_chunked = run_is_chunked(run);
	if (is_chunked)
		buffer_add(run->rewritten, str_n(line, h1_write_chunk_size(slice.n, line)));
	buffer_add(run->rewritten, slice);
	if (is_chunked)
		buffer_add(run->rewritten, STR("\r\n"));
}

static void rewrite_end(struct h1_run *run)
{
	if (!run_is_chunked(run))
		return;
	const struct fields *trailers = h1_parser_trailers(run->parser);
	size_t n = h1_last_chunk_bytes(trailers);
	char *bytes = malloc(n);
	CHECK(bytes && h1_write_last_chunk(trailers, bytes) == n);
	buffer_add(run->rewritten, str_n(bytes, n));
	free(bytes);
}

/* --- reading ----------------------------------------------------------------------------- */

static void say_body(struct h1_run *run)
{
	if (run->body.n > 0) {
		buffer_add(run->out, STR("body "));
		buffer_add(run->out, buffer_str(&run->body));
		buffer_add_char(run->out, '\n');
	}
	buffer_reset(&run->body);
}

static void say_head(struct h1_run *run)
{
	if (run->how->is_response)
		say_response(run);
	else
		say_request(run);
	if (run->rewritten)
		rewrite_head(run);
}

static void say_end(struct h1_run *run)
{
	say_body(run);
	const struct fields *trailers = h1_parser_trailers(run->parser);
	if (run->rewritten)
		rewrite_end(run);
	if (run->how->is_canonical)
		buffer_add(run->out, STR("end\n"));
	else
		buffer_addf(run->out, "end %s\n",
			h1_parser_keep_alive(run->parser) ? "keep-alive" : "close");
	say_fields(run->out, trailers);
	run_begin(run);
}

static void say_error(struct h1_run *run)
{
	say_body(run);
	enum h1_error error = h1_parser_error(run->parser);
	buffer_addf(run->out, "%u %s\n", h1_error_status(error), h1_error_text(error));
	run->is_over = true;
}

static void run_piece(struct h1_run *run, char *bytes, size_t n)
{
	size_t at = 0;
	while (!run->is_over) {
		size_t used;
		enum h1_event event = h1_parser_feed(run->parser, str_n(bytes + at, n - at), &used);
		CHECK(used <= n - at);
		/* What was consumed must not be needed any more, but for a slice of the body. */
		if (event != H1_BODY)
			memset(bytes + at, '!', used);
		at += used;
		if (event == H1_MORE) {
			CHECK(at == n);
			return;
		}
		struct str body = h1_parser_body(run->parser);
		if (event == H1_HEAD) {
			say_head(run);
		} else if (event == H1_BODY) {
			CHECK(body.n > 0 && body.p >= bytes && body.p + body.n <= bytes + at);
			buffer_add(&run->body, body);
			if (run->rewritten)
				rewrite_body(run, body);
		} else if (event == H1_END) {
			say_end(run);
		} else if (event == H1_UPGRADED) {
			say_head(run);
			buffer_add(run->out, STR("upgraded\n"));
			run->is_over = true;
		} else {
			say_error(run);
		}
	}
}

static void run_close(struct h1_run *run)
{
	enum h1_event event = h1_parser_end_of_input(run->parser);
	if (event == H1_END)
		say_end(run);
	else if (event == H1_ERROR)
		say_error(run);
}

static void h1_transcribe(
	const struct h1_feeding *how, struct str raw, struct buffer *out, struct buffer *rewritten)
{
	struct h1_run run = {.how = how, .out = out, .rewritten = rewritten, .pool = pool_new()};
	arena_init(&run.arena, run.pool, LIMIT_EXCHANGE_ARENA_BYTES);
	buffer_init(&run.body, 1 << 24);
	run.parser = h1_parser_new(run.pool, how->is_response);
	if (how->limits)
		h1_parser_limit(run.parser, how->limits);
	run_begin(&run);
	size_t at = 0, next = how->first ? how->first : raw.n;
	while (at < raw.n && !run.is_over) {
		size_t n = next && next < raw.n - at ? next : raw.n - at;
		char *piece = malloc(n);
		CHECK(piece);
		memcpy(piece, raw.p + at, n);
		run_piece(&run, piece, n);
		free(piece);
		at += n;
		next = how->piece;
	}
	if (!run.is_over && !h1_parser_is_between_messages(run.parser) && !how->ends)
		say_body(&run);
	if (!run.is_over && how->ends)
		run_close(&run);
	h1_parser_free(run.parser);
	arena_reset(&run.arena);
	buffer_deinit(&run.body);
	pool_free(run.pool);
}
