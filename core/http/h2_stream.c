/* SPDX-License-Identifier: Apache-2.0 */
/* What is submitted for one stream: a head at once, its content when the library asks for it. */
#include "http/h2_priv.h"

#include "base/check.h"

#define LENGTH_NONE UINT64_MAX
/* Trailers to be sent: as large as those that are taken, and their table. */
#define LATE_BYTES (4u * LIMIT_TRAILER_BYTES)

void h2_stream_init(struct h2_stream *s, struct pool *pool, struct arena *arena)
{
	memset(s, 0, sizeof(*s));
	list_init(&s->link);
	chunk_queue_init(&s->out, pool);
	arena_init(&s->late, pool, LATE_BYTES);
	s->arena = arena;
	s->out_left = LENGTH_NONE;
}

/* --- what the library asks for ---------------------------------------------------------------- */

static bool submit_late(struct h2_session *session, struct h2_stream *s)
{
	struct h2_list list;
	return h2_list_trailers(&list, &s->late, s->late_fields) &&
	       nghttp2_submit_trailer(session->codec, s->id, list.items, list.count) == 0;
}

static ssize_t read_content(nghttp2_session *codec, int32_t id, uint8_t *to, size_t room,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(codec, id);
	(void)to, (void)source;
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	size_t n = s->out.bytes < room ? s->out.bytes : room;
	bool is_last = n == s->out.bytes && s->out_ended;
	if (n == 0 && !is_last) {
		s->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (!is_last)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (!s->late_fields)
		return (ssize_t)n;
	if (!submit_late(user, s))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	return (ssize_t)n;
}

static void wake(struct h2_stream *s)
{
	if (!s->is_deferred)
		return;
	s->is_deferred = false;
	nghttp2_session_resume_data(s->session->codec, s->id);
}

void h2_stream_sent(struct h2_stream *s, size_t n)
{
	struct h2_session *session = s->session;
	s->bytes_sent += n;
	session->out_bytes -= n;
	if (!s->waits || s->out.bytes >= LIMIT_H2_STREAM_OUT_MIN || s->out_ended)
		return;
	if (session->was_full)
		return; /* it is told with the others, each in its turn */
	s->waits = false;
	session->events->on_writable(session->owner, s);
}

/* --- heads ----------------------------------------------------------------------------------- */

static const nghttp2_data_provider provider = {.read_callback = read_content};

/* Whether content follows, and how much. */
static bool frame_request(struct h2_stream *s, const struct http_request *r, bool end)
{
	if (r->upgrade.n > 0)
		return true;
	bool has_content = !end && r->content_length != CONTENT_LENGTH_NONE;
	if (has_content && r->content_length >= 0)
		s->out_left = (uint64_t)r->content_length;
	return has_content;
}

bool h2_stream_open(
	struct h2_session *session, struct h2_stream *s, const struct http_request *r, bool end)
{
	struct h2_list list;
	bool has_content = frame_request(s, r, end);
	s->out_ended = end && !r->upgrade.n;
	s->asked_head = r->method == METHOD_HEAD;
	s->is_tunnel = r->upgrade.n > 0;
	if (!h2_list_request(&list, s->arena, r, has_content))
		return false;
	int32_t id = nghttp2_submit_request(
		session->codec, NULL, list.items, list.count, has_content ? &provider : NULL, s);
	if (id < 0)
		return false;
	s->bytes_sent = list.bytes;
	if (!has_content)
		s->out_ended = true;
	s->head_sent = true;
	s->session = session;
	s->id = id;
	s->begun_ms = s->moved_ms = session->now_ms;
	list_append(&session->streams, &s->link);
	session->stream_count++;
	return true;
}

static bool respond_interim(struct h2_stream *s, const struct h2_list *list)
{
	return nghttp2_submit_headers(s->session->codec, NGHTTP2_FLAG_NONE, s->id, NULL,
		       list->items, list->count, NULL) == 0;
}

/* What an answer to HEAD, and the like, declares is not sent. */
static bool frame_response(struct h2_stream *s, struct http_response *r, bool end)
{
	bool is_bare = s->asked_head || r->status == 304 || r->status == 204;
	if (s->is_tunnel)
		return true;
	if (!end && !is_bare && r->content_length >= 0)
		s->out_left = (uint64_t)r->content_length;
	else if (!is_bare && end)
		r->content_length = 0;
	return !end && !is_bare;
}

/* The client would take content for the other protocol's bytes. */
static bool is_false_switch(const struct h2_stream *s, const struct http_response *r)
{
	return s->request->is_connect && r->status >= 200 && r->status <= 299;
}

bool h2_stream_respond(
	struct h2_stream *s, const struct http_response *r, struct str date, bool end)
{
	struct h2_list list;
	struct http_response framed = *r;
	if (!s->session || s->head_sent)
		return true;
	if (is_false_switch(s, r)) {
		h2_stream_abandon(s, H2_CONNECT_ERROR);
		return false;
	}
	if (r->status == 101) {
		framed.status = 200;
		framed.content_length = CONTENT_LENGTH_NONE;
		s->is_tunnel = true;
	}
	bool is_interim = framed.status < 200;
	bool has_content = !is_interim && frame_response(s, &framed, end);
	bool done = h2_list_response(&list, s->arena, &framed, date);
	s->bytes_sent += list.bytes;
	if (done && is_interim)
		return respond_interim(s, &list) ||
		       (h2_stream_abandon(s, H2_INTERNAL_ERROR), false);
	done = done && nghttp2_submit_response(s->session->codec, s->id, list.items, list.count,
			       has_content ? &provider : NULL) == 0;
	if (!done) {
		h2_stream_abandon(s, H2_INTERNAL_ERROR);
		return false;
	}
	s->head_sent = true;
	s->out_ended = !has_content;
	return true;
}

/* --- content --------------------------------------------------------------------------------- */

/* What may go beyond what waits, where `gone` bytes of the session's are on their way. */
static size_t room_of(const struct h2_stream *s, size_t gone)
{
	const struct h2_session *session = s->session;
	if (s->out.bytes >= LIMIT_H2_STREAM_OUT_BYTES)
		return 0;
	size_t own = LIMIT_H2_STREAM_OUT_BYTES - s->out.bytes;
	size_t all = session->out_bytes + gone, most = session->budgets.out_bytes_max;
	size_t part = all < most ? (most - all) / LIMIT_H2_OUT_PART : 0;
	return own < part ? own : part;
}

bool h2_stream_can_send(struct h2_stream *s)
{
	if (!s->session)
		return false;
	bool can = s->out.bytes < LIMIT_H2_STREAM_OUT_MIN || room_of(s, 0) > 0;
	s->waits |= !can;
	return can;
}

/* Who gets some stands behind the others when they are told of room. */
static size_t promise(struct h2_stream *s, size_t n)
{
	struct h2_session *session = s->session;
	session->promised += n;
	list_remove(&s->link);
	list_append(&session->streams, &s->link);
	return n;
}

size_t h2_stream_ask_room(struct h2_stream *s, size_t pending)
{
	struct h2_session *session = s->session;
	if (!session)
		return H2_ROOM_LITTLE;
	if (s->out.bytes >= LIMIT_H2_STREAM_OUT_MIN) {
		s->waits = true;
		return 0;
	}
	size_t room = room_of(s, session->promised + pending);
	if (room >= LIMIT_H2_ROOM_MIN)
		return promise(s, room);
	if (room_of(s, 0) < LIMIT_H2_ROOM_MIN ||
		session->left_bytes > session->budgets.out_bytes_max / 2)
		return H2_ROOM_LITTLE;
	s->waits = session->was_full = true;
	return 0;
}

static void note_full(struct h2_stream *s)
{
	s->waits |= s->out.bytes >= LIMIT_H2_STREAM_OUT_BYTES;
	s->session->was_full |= s->session->out_bytes >= s->session->budgets.out_bytes_max;
}

static bool fits(const struct h2_stream *s, size_t n, bool end)
{
	return s->out_left == LENGTH_NONE || (n <= s->out_left && (!end || n == s->out_left));
}

bool h2_stream_send_data(struct h2_stream *s, struct chunk_queue *q, bool end)
{
	size_t n = q->bytes;
	if (!s->session || s->out_ended) {
		chunk_queue_clear(q);
		return true;
	}
	if (!fits(s, n, end)) {
		chunk_queue_clear(q);
		h2_stream_abandon(s, H2_INTERNAL_ERROR);
		return false;
	}
	if (s->out_left != LENGTH_NONE)
		s->out_left -= n;
	if (s->out.bytes == 0)
		s->moved_ms = s->session->now_ms;
	chunk_queue_move(&s->out, q);
	s->session->out_bytes += n;
	s->session->promised -= n < s->session->promised ? n : s->session->promised;
	s->out_ended = end;
	note_full(s);
	if (n > 0 || end)
		wake(s);
	return true;
}

static bool keep_trailers(struct h2_stream *s, const struct fields *trailers)
{
	struct fields *f = arena_alloc(&s->late, sizeof(*f));
	if (!f)
		return false;
	fields_init(f, &s->late);
	for (uint32_t i = 0; i < trailers->count; i++)
		if (fields_add(f, trailers->items[i].name, trailers->items[i].value) != RC_OK)
			return false;
	s->late_fields = f;
	return true;
}

bool h2_stream_send_trailers(struct h2_stream *s, const struct fields *trailers)
{
	struct chunk_queue none;
	if (!s->session || s->out_ended)
		return true;
	if (trailers && trailers->count > 0 && !keep_trailers(s, trailers)) {
		h2_stream_abandon(s, H2_INTERNAL_ERROR);
		return false;
	}
	chunk_queue_init(&none, s->out.pool);
	return h2_stream_send_data(s, &none, true);
}

void h2_stream_credit(struct h2_stream *s, size_t n)
{
	if (n > s->uncredited)
		n = s->uncredited;
	s->uncredited -= n;
	if (s->session && n > 0)
		nghttp2_session_consume(s->session->codec, s->id, n);
}

/* --- ends ------------------------------------------------------------------------------------ */

void h2_stream_abandon(struct h2_stream *s, enum h2_code code)
{
	struct h2_session *session = s->session;
	if (!session)
		return;
	h2_stream_detach(s);
	nghttp2_submit_rst_stream(session->codec, NGHTTP2_FLAG_NONE, s->id, code);
}

void h2_stream_finish(struct h2_stream *s)
{
	if (!s->session || s->finishes)
		return;
	s->finishes = true;
	if (s->out_is_out && !s->in_ended)
		nghttp2_submit_rst_stream(
			s->session->codec, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}
