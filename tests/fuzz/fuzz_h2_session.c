/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as a peer's, in either role: the first byte chooses the role, whether a beginning is
 * put before them, how large the pieces are that they come in, and what is done with streams.
 * Nothing of a stream comes after its last event, content is within the windows, and all memory is
 * given back. */
#include "base/check.h"
#include "base/memory.h"
#include "http/h2_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum {
	IS_CLIENT = 1,
	GREETS = 2,
	IS_SLOW = 4,    /* nothing is credited */
	IS_EAGER = 8,   /* answers as soon as the head is there */
	ABANDONS = 16,  /* every third stream */
	IN_PIECES = 32, /* of 7 bytes */
};

struct peer {
	struct pool *pool;
	struct h2_session *session;
	struct link streams;
	unsigned flags, begun;
	int64_t now_ms;
};

struct fuzz_stream {
	struct h2_stream h;
	struct link link;
	struct peer *peer;
	struct arena arena;
	struct http_request request;
	struct http_response response;
	size_t uncredited;
	bool has_head, is_over;
};

static struct fuzz_stream *of(struct h2_stream *h)
{
	return CONTAINER_OF(h, struct fuzz_stream, h);
}

static struct fuzz_stream *stream_new(struct peer *p)
{
	struct fuzz_stream *s = pool_get(p->pool, sizeof(*s));
	memset(s, 0, sizeof(*s));
	s->peer = p;
	arena_init(&s->arena, p->pool, LIMIT_EXCHANGE_ARENA_BYTES);
	h2_stream_init(&s->h, p->pool, &s->arena);
	list_append(&p->streams, &s->link);
	return s;
}

static void stream_free(struct fuzz_stream *s)
{
	list_remove(&s->link);
	arena_reset(&s->arena);
	pool_put(s->peer->pool, s, sizeof(*s));
}

static struct h2_stream *on_begin(void *owner)
{
	struct peer *p = owner;
	if (++p->begun % 7 == 0)
		return NULL;
	struct fuzz_stream *s = stream_new(p);
	s->h.request = &s->request;
	return &s->h;
}

static void send_something(struct fuzz_stream *s)
{
	struct chunk_queue q;
	char text[3000];
	memset(text, 'x', sizeof(text));
	chunk_queue_init(&q, s->peer->pool);
	chunk_queue_add_copy(&q, str_n(text, sizeof(text)));
	bool done = h2_stream_send_data(&s->h, &q, false);
	done = done && h2_stream_send_trailers(&s->h, &s->request.fields);
	chunk_queue_clear(&q);
	(void)done;
}

static void answer(struct fuzz_stream *s)
{
	struct http_response a;
	http_response_init(&a, &s->arena);
	a.status = s->request.upgrade.n > 0 ? 101 : 200;
	a.content_length = CONTENT_LENGTH_UNKNOWN;
	if (h2_stream_respond(&s->h, &a, STR("Thu, 01 Jan 1970 00:00:00 GMT"), false))
		send_something(s);
}

static void on_head(void *owner, struct h2_stream *h)
{
	struct peer *p = owner;
	struct fuzz_stream *s = of(h);
	CHECK(!s->is_over);
	if (h->request) {
		CHECK(!s->has_head && h->request->method_name.n > 0);
		CHECK(h->request->path.n > 0 || h->request->method == METHOD_CONNECT);
	}
	s->has_head = true;
	if (h->request && p->flags & ABANDONS && p->begun % 3 == 0) {
		h2_stream_abandon(h, H2_CANCEL);
		stream_free(s);
	} else if (h->request && p->flags & IS_EAGER) {
		answer(s);
	}
}

static void on_refused(void *owner, struct h2_stream *h, enum h1_error error)
{
	CHECK(error != H1_ERROR_NONE);
	(void)owner;
	if (h->request)
		answer(of(h));
	else
		stream_free(of(h));
}

static void on_data(void *owner, struct h2_stream *h, struct str bytes)
{
	struct peer *p = owner;
	struct fuzz_stream *s = of(h);
	CHECK(!s->is_over && s->has_head);
	s->uncredited += bytes.n;
	CHECK(s->uncredited <= LIMIT_H2_STREAM_WINDOW_BYTES);
	if (p->flags & IS_SLOW)
		return;
	h2_stream_credit(h, bytes.n);
	s->uncredited = 0;
}

static void on_end(void *owner, struct h2_stream *h)
{
	struct fuzz_stream *s = of(h);
	(void)owner;
	CHECK(!s->is_over);
	s->is_over = true;
	if (h->request && !h->head_sent)
		answer(s);
}

static void on_reset(
	void *owner, struct h2_stream *h, uint32_t code, bool by_peer, bool is_unprocessed)
{
	(void)owner, (void)code, (void)by_peer, (void)is_unprocessed;
	stream_free(of(h));
}

static void on_writable(void *owner, struct h2_stream *h)
{
	(void)owner;
	CHECK(h->session != NULL);
}

static void on_closed(void *owner, struct h2_stream *h)
{
	(void)owner;
	stream_free(of(h));
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
};

static void produce(struct peer *p)
{
	struct chunk_queue out;
	chunk_queue_init(&out, p->pool);
	p->now_ms += 10;
	h2_session_produce(p->session, &out, LIMIT_QUEUE_HIGH_BYTES, p->now_ms);
	chunk_queue_clear(&out);
}

static void ask(struct peer *p, const char *method, bool upgrade)
{
	struct fuzz_stream *s = stream_new(p);
	struct http_request r;
	http_request_init(&r, &s->arena);
	r.method_name = str_of(method);
	r.method = http_method_of(r.method_name);
	r.path = STR("/");
	r.authority = STR("h");
	r.content_length = upgrade ? CONTENT_LENGTH_NONE : CONTENT_LENGTH_UNKNOWN;
	r.upgrade = upgrade ? STR("websocket") : STR_EMPTY;
	s->h.response = &s->response;
	CHECK(h2_stream_open(p->session, &s->h, &r, false));
}

static void feed(struct peer *p, struct str in)
{
	size_t piece = p->flags & IN_PIECES ? 7 : 4096;
	bool lives = true;
	for (size_t at = 0; at < in.n && lives; at += piece) {
		lives = h2_session_receive(p->session, str_slice(in, at, piece), p->now_ms);
		produce(p);
	}
}

static void begin(struct peer *p)
{
	if (p->flags & IS_CLIENT) {
		ask(p, "POST", false);
		ask(p, "HEAD", false);
		ask(p, "GET", true);
	}
	produce(p);
	if (!(p->flags & GREETS))
		return;
	if (!(p->flags & IS_CLIENT))
		feed(p, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	feed(p, str_n("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct h2_budgets budgets = H2_BUDGETS_DEFAULT;
	struct h2_settings settings = {.streams_max = 100,
		.stream_window_bytes = LIMIT_H2_STREAM_WINDOW_BYTES,
		.connection_window_bytes = LIMIT_H2_CONNECTION_WINDOW_BYTES,
		.connect_protocol = true};
	if (n == 0)
		return 0;
	struct peer p = {.pool = pool_new(), .flags = bytes[0]};
	list_init(&p.streams);
	p.session = h2_session_new(
		p.pool, !(p.flags & IS_CLIENT), &settings, &budgets, NULL, &events, &p);
	CHECK(p.session != NULL);
	begin(&p);
	feed(&p, str_n((const char *)bytes + 1, n - 1));
	h2_session_abort(p.session);
	CHECK(h2_session_out_bytes(p.session) == 0 && list_is_empty(&p.streams));
	h2_session_free(p.session);
	CHECK(pool_bytes_used(p.pool) == 0);
	pool_free(p.pool);
	return 0;
}
