/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_rig.h"

#include "base/check.h"
#include "base/memory.h"

/* --- what is told ---------------------------------------------------------------------------- */

static struct rig_stream *of(struct h2_stream *s)
{
	return CONTAINER_OF(s, struct rig_stream, h);
}

static struct rig_stream *make_stream(struct rig_side *side)
{
	CHECK(side->stream_count < RIG_STREAMS);
	struct rig_stream *s = &side->streams[side->stream_count++];
	arena_init(&s->arena, side->rig->pool, LIMIT_EXCHANGE_ARENA_BYTES);
	chunk_queue_init(&s->in, side->rig->pool);
	h2_stream_init(&s->h, side->rig->pool, &s->arena);
	return s;
}

static struct h2_stream *on_begin(void *owner)
{
	struct rig_side *side = owner;
	if (side->refuses)
		return NULL;
	struct rig_stream *s = make_stream(side);
	s->h.request = &s->request;
	return &s->h;
}

static void tell_fields(struct buffer *b, const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->count; i++)
		buffer_addf(b, " %.*s=%.*s", STR_ARG(f->items[i].name), STR_ARG(f->items[i].value));
}

static void tell_request(struct buffer *b, const struct http_request *r)
{
	buffer_addf(b, " %.*s %.*s://%.*s%.*s", STR_ARG(r->method_name), STR_ARG(r->scheme),
		STR_ARG(r->authority), STR_ARG(r->path));
	if (r->has_query)
		buffer_addf(b, "?%.*s", STR_ARG(r->query));
	if (r->upgrade.n > 0)
		buffer_addf(b, " upgrade:%.*s", STR_ARG(r->upgrade));
	buffer_addf(b, " %lld", (long long)r->content_length);
	tell_fields(b, &r->fields);
}

static void on_head(void *owner, struct h2_stream *s)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "%d:", s->id);
	if (s->request) {
		tell_request(&side->log, s->request);
	} else {
		buffer_addf(&side->log, " %u %lld%s", s->response->status,
			(long long)s->response->content_length,
			s->response->has_content ? "+" : "");
		tell_fields(&side->log, &s->response->fields);
	}
	buffer_addf(&side->log, "%s\n", s->in_ended ? "." : "");
}

static void on_refused(void *owner, struct h2_stream *s, enum h1_error error)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "%d: refused %u %s\n", s->id, h1_error_status(error),
		h1_error_text(error));
}

static void on_data(void *owner, struct h2_stream *s, struct str bytes)
{
	(void)owner;
	chunk_queue_add_copy(&of(s)->in, bytes);
}

static void tell_content(struct rig_side *side, struct rig_stream *s)
{
	char text[64];
	size_t n = s->in.bytes;
	if (n == 0)
		return;
	if (n >= sizeof(text)) {
		buffer_addf(&side->log, " (%zu)", n);
	} else {
		chunk_queue_peek(&s->in, text, n);
		buffer_addf(&side->log, " %.*s", (int)n, text);
	}
	chunk_queue_clear(&s->in);
}

static void on_end(void *owner, struct h2_stream *s)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "%d:", s->id);
	tell_content(side, of(s));
	if (s->trailers)
		buffer_addf(&side->log, " |");
	tell_fields(&side->log, s->trailers);
	buffer_addf(&side->log, ".\n");
}

static void on_reset(
	void *owner, struct h2_stream *s, uint32_t code, bool by_peer, bool is_unprocessed)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "%d: reset %u%s%s\n", s->id, code, by_peer ? " by peer" : "",
		is_unprocessed ? " unprocessed" : "");
}

static void on_writable(void *owner, struct h2_stream *s)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "%d: writable\n", s->id);
}

static void on_closed(void *owner, struct h2_stream *s)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "%d: closed\n", s->id);
}

static void on_goaway(void *owner, uint32_t code)
{
	struct rig_side *side = owner;
	buffer_addf(&side->log, "goaway %u\n", code);
}

static const struct h2_events events = {
	.on_begin = on_begin,
	.on_head = on_head,
	.on_refused = on_refused,
	.on_data = on_data,
	.on_end = on_end,
	.on_reset = on_reset,
	.on_writable = on_writable,
	.on_closed = on_closed,
	.on_goaway = on_goaway,
};

struct str rig_told(struct rig_side *side)
{
	static char text[65536];
	struct str s = buffer_str(&side->log);
	CHECK(s.n < sizeof(text));
	if (s.n > 0)
		memcpy(text, s.p, s.n);
	buffer_reset(&side->log);
	return str_n(text, s.n);
}

/* --- life ------------------------------------------------------------------------------------ */

static const struct h2_settings usual_settings = {
	.streams_max = 100,
	.stream_window_bytes = 65535,
	.connection_window_bytes = LIMIT_H2_CONNECTION_WINDOW_BYTES,
	.connect_protocol = true,
};
static const struct h2_budgets usual_budgets = H2_BUDGETS_DEFAULT;

static void open_side(struct rig *r, struct rig_side *side, bool is_server,
	const struct h2_settings *settings, const struct h2_budgets *budgets)
{
	side->rig = r;
	buffer_init(&side->log, 1 << 20);
	side->session = h2_session_new(r->pool, is_server, settings, budgets, NULL, &events, side);
	ck_assert_ptr_nonnull(side->session);
}

struct rig *rig_new_with(const struct h2_settings *settings, const struct h2_budgets *budgets)
{
	struct rig *r = heap_zalloc(sizeof(*r));
	r->pool = pool_new();
	open_side(r, &r->server, true, settings, budgets);
	open_side(r, &r->client, false, &usual_settings, &usual_budgets);
	return r;
}

struct rig *rig_new(void)
{
	return rig_new_with(&usual_settings, &usual_budgets);
}

static void close_side(struct rig_side *side)
{
	h2_session_free(side->session);
	for (unsigned i = 0; i < side->stream_count; i++) {
		chunk_queue_clear(&side->streams[i].in);
		arena_reset(&side->streams[i].arena);
	}
	buffer_deinit(&side->log);
}

void rig_free(struct rig *r)
{
	close_side(&r->client);
	close_side(&r->server);
	ck_assert_uint_eq(pool_bytes_used(r->pool), 0);
	pool_free(r->pool);
	free(r);
}

/* --- bytes ----------------------------------------------------------------------------------- */

static bool pass(struct rig_side *from, struct rig_side *to)
{
	struct chunk_queue out;
	int64_t now_ms = from->rig->now_ms;
	chunk_queue_init(&out, from->rig->pool);
	h2_session_produce(from->session, &out, LIMIT_QUEUE_HIGH_BYTES, now_ms);
	bool moved = out.bytes > 0, lives = true;
	for (struct chunk *c = out.head; c && lives; c = c->next)
		lives = h2_session_receive(to->session, str_n(c->p, c->n), now_ms);
	chunk_queue_clear(&out);
	return moved;
}

void rig_run(struct rig *r)
{
	while (pass(&r->client, &r->server) | pass(&r->server, &r->client))
		;
}

bool rig_feed(struct rig *r, struct str bytes)
{
	return h2_session_receive(r->server.session, bytes, r->now_ms);
}

void rig_greet(struct rig *r)
{
	struct buffer b;
	buffer_init(&b, 1024);
	buffer_add(&b, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	put_frame(&b, 4, 0, 0, STR_EMPTY);
	ck_assert(rig_feed(r, buffer_str(&b)));
	buffer_deinit(&b);
}

void rig_drop_output(struct rig *r)
{
	struct chunk_queue out;
	chunk_queue_init(&out, r->pool);
	while (h2_session_produce(r->server.session, &out, LIMIT_QUEUE_HIGH_BYTES, r->now_ms) &&
		out.bytes > 0)
		chunk_queue_clear(&out);
	chunk_queue_clear(&out);
}

void put_u32(struct buffer *b, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buffer_add_char(b, (char)(value >> shift));
}

void put_frame(struct buffer *b, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
	buffer_add_char(b, (char)(payload.n >> 16));
	buffer_add_char(b, (char)(payload.n >> 8));
	buffer_add_char(b, (char)payload.n);
	buffer_add_char(b, (char)type);
	buffer_add_char(b, (char)flags);
	put_u32(b, id);
	buffer_add(b, payload);
}

/* --- messages -------------------------------------------------------------------------------- */

struct rig_stream *rig_ask(struct rig *r, const char *method, const char *path, int64_t length,
	const char *const *fields)
{
	struct rig_stream *s = make_stream(&r->client);
	s->h.response = &s->response;
	http_request_init(&s->request, &s->arena);
	s->request.method_name = str_of(method);
	s->request.method = http_method_of(s->request.method_name);
	s->request.path = str_of(path);
	s->request.authority = STR("example.org");
	s->request.scheme = STR("https");
	s->request.content_length = length;
	for (; fields && fields[0]; fields += 2)
		if (strcmp(fields[0], ":protocol") == 0)
			s->request.upgrade = str_of(fields[1]);
		else
			ck_assert_int_eq(fields_add(&s->request.fields, str_of(fields[0]),
						 str_of(fields[1])),
				RC_OK);
	bool end = length == CONTENT_LENGTH_NONE;
	ck_assert(h2_stream_open(r->client.session, &s->h, &s->request, end));
	return s;
}

void rig_send(struct rig *r, struct rig_stream *s, struct str bytes, bool end)
{
	struct chunk_queue q;
	chunk_queue_init(&q, r->pool);
	chunk_queue_add_copy(&q, bytes);
	ck_assert(h2_stream_send_data(&s->h, &q, end));
}

void rig_answer(struct rig_stream *s, uint16_t status, const char *body)
{
	struct http_response a;
	http_response_init(&a, &s->arena);
	a.status = status;
	a.content_length = body ? (int64_t)strlen(body) : CONTENT_LENGTH_UNKNOWN;
	ck_assert(h2_stream_respond(&s->h, &a, STR_EMPTY, false));
	if (!body)
		return;
	struct chunk_queue q;
	chunk_queue_init(&q, s->in.pool);
	chunk_queue_add_copy(&q, str_of(body));
	ck_assert(h2_stream_send_data(&s->h, &q, true));
}
