/* SPDX-License-Identifier: Apache-2.0 */
/* What the library calls while it reads and writes. A budget that is spent ends the session from
 * inside: what is left of the bytes is not read (NGHTTP2_ERR_CALLBACK_FAILURE). */
#include "http/h2_priv.h"

#include "base/check.h"

#include <stdio.h>

/* Content up to this is copied behind its frame's head. */
#define SMALL_CONTENT_BYTES 1024
#define FRAME_HEAD_BYTES    9
/* A stream that is reset younger than this was opened for that. */
#define PREMATURE_MS 1000
/* WINDOW_UPDATE: so many are free at first, and for each frame of content that we send. */
#define UPDATES_AT_FIRST  200
#define UPDATES_PER_FRAME 4
#define UPDATES_MAX       2000
/* What breaks a rule costs as much as so many useless frames. */
#define INVALID_GLITCHES 10
/* Of the bucket: no more streams from here on. */
#define GLITCHES_DRAIN_PERCENT 75

static struct h2_stream *stream_of(nghttp2_session *codec, int32_t id)
{
	return id > 0 ? nghttp2_session_get_stream_user_data(codec, id) : NULL;
}

static int go_on(const struct h2_session *s)
{
	return s->is_closed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* --- budgets --------------------------------------------------------------------------------- */

void h2_session_note_glitch(struct h2_session *s, uint32_t count)
{
	if (!h2_bucket_take(&s->glitches, s->now_ms, count)) {
		h2_session_end(s, H2_ENDING_GLITCHES, "too many frames that move nothing");
	} else if (s->is_server && !s->is_settled &&
		   h2_bucket_used_percent(&s->glitches) >= GLITCHES_DRAIN_PERCENT) {
		h2_session_settle(s);
	}
}

void h2_session_note_reset(struct h2_session *s, bool is_premature)
{
	if (!s->is_server)
		return;
	if (!h2_bucket_take(&s->resets, s->now_ms, 1))
		h2_session_end(s, H2_ENDING_RESETS, "too many streams were reset");
	else if (!h2_share_note(&s->premature, is_premature))
		h2_session_end(s, H2_ENDING_PREMATURE, "most streams were reset at once");
}

static void note_frame(struct h2_session *s, const nghttp2_frame_hd *hd)
{
	switch (hd->type) {
	case NGHTTP2_DATA:
		if (hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
			h2_session_note_glitch(s, 1);
		break;
	case NGHTTP2_HEADERS:
	case NGHTTP2_RST_STREAM:
	case NGHTTP2_GOAWAY:
	case NGHTTP2_PUSH_PROMISE:
		break;
	case NGHTTP2_WINDOW_UPDATE:
		if (s->updates < UPDATES_AT_FIRST)
			s->updates++;
		else
			h2_session_note_glitch(s, 1);
		break;
	case NGHTTP2_CONTINUATION:
		if (hd->length < SMALL_CONTENT_BYTES && !(hd->flags & NGHTTP2_FLAG_END_HEADERS))
			h2_session_note_glitch(s, 1);
		break;
	default:
		h2_session_note_glitch(s, 1);
		break;
	}
}

/* --- frames on streams that are over ---------------------------------------------------------- */

/* What was on its way when we reset a stream is no fault of the peer's. Of those that are not
 * remembered any more nothing is said. */
static bool may_be_late(const struct h2_session *s, int32_t id)
{
	if (s->cut_count >= H2_CUT_MAX && id <= s->cut[s->cut_count % H2_CUT_MAX])
		return true;
	for (uint32_t i = 0; i < s->cut_count && i < H2_CUT_MAX; i++)
		if (s->cut[i] == id)
			return true;
	return false;
}

static void note_cut(struct h2_session *s, int32_t id)
{
	if (s->is_server && nghttp2_session_get_stream_remote_close(s->codec, id) != 1)
		s->cut[s->cut_count++ % H2_CUT_MAX] = id;
}

/* RFC 9113 5.1 and 5.1.1: whoever goes on with a stream that it has ended, or opens one behind a
 * later one, does not know its own streams any more. The library lets both pass unseen. */
void h2_session_check_stream(struct h2_session *s, int32_t id)
{
	if (!s->is_server || id > s->last_opened || id % 2 == 0 ||
		nghttp2_session_find_stream(s->codec, id) || may_be_late(s, id))
		return;
	if (id > s->gap_from && id < s->last_opened)
		h2_session_end(s, H2_ENDING_PROTOCOL, "a stream was opened out of order");
	else
		h2_session_end(s, H2_ENDING_CLOSED, "frames on a stream that the client had ended");
}

static void note_opened(struct h2_session *s, int32_t id)
{
	s->gap_from = s->last_opened;
	s->last_opened = id;
}

static int on_begin_frame(nghttp2_session *codec, const nghttp2_frame_hd *hd, void *user)
{
	struct h2_session *s = user;
	(void)codec;
	note_frame(s, hd);
	if (hd->type == NGHTTP2_HEADERS)
		h2_session_check_stream(s, hd->stream_id);
	return go_on(s);
}

/* --- streams that end ------------------------------------------------------------------------ */

void h2_stream_detach(struct h2_stream *s)
{
	struct h2_session *session = s->session;
	if (!session)
		return;
	s->session = NULL;
	list_remove(&s->link);
	session->stream_count--;
	session->out_bytes -= s->out.bytes;
	chunk_queue_clear(&s->out);
	h2_head_drop(session, s);
	arena_reset(&s->late);
	nghttp2_session_set_stream_user_data(session->codec, s->id, NULL);
	if (s->uncredited > 0)
		nghttp2_session_consume_connection(session->codec, s->uncredited);
	s->uncredited = 0;
}

static void attach(struct h2_session *session, struct h2_stream *s, int32_t id)
{
	s->session = session;
	s->id = id;
	s->begun_ms = s->moved_ms = session->now_ms;
	list_append(&session->streams, &s->link);
	session->stream_count++;
	nghttp2_session_set_stream_user_data(session->codec, id, s);
}

/* Whether it broke off: NO_ERROR behind a whole answer says only that the rest of the request is of
 * no interest (RFC 9113 8.1). */
static bool is_whole(const struct h2_session *session, const struct h2_stream *s, uint32_t code)
{
	bool is_out = s->out_ended && s->out.bytes == 0;
	if (code != H2_NO_ERROR)
		return false;
	return session->is_server ? is_out && (s->in_ended || s->finishes) : s->in_ended;
}

static int on_stream_close(nghttp2_session *codec, int32_t id, uint32_t code, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *s = stream_of(codec, id);
	if (!s)
		return 0;
	bool whole = is_whole(session, s, code);
	bool by_peer = s->reset_by_peer || (!session->is_server && code == H2_REFUSED_STREAM);
	bool is_unprocessed = !session->is_server && code == H2_REFUSED_STREAM;
	bool is_premature = !s->head_sent && session->now_ms - s->begun_ms < PREMATURE_MS;
	h2_stream_detach(s);
	if (whole) {
		h2_share_note(&session->premature, false);
		session->events->on_closed(session->owner, s);
		return 0;
	}
	h2_session_note_reset(session, is_premature);
	session->events->on_reset(session->owner, s, code, by_peer, is_unprocessed);
	return go_on(session);
}

/* --- heads ----------------------------------------------------------------------------------- */

static int refuse_stream(struct h2_session *session, int32_t id, enum h2_code code)
{
	nghttp2_submit_rst_stream(session->codec, NGHTTP2_FLAG_NONE, id, code);
	h2_session_note_reset(session, true);
	return session->is_closed ? NGHTTP2_ERR_CALLBACK_FAILURE
				  : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static enum h2_section section_of(const struct h2_session *session, const struct h2_stream *s)
{
	if (s->has_head)
		return H2_SECTION_TRAILERS;
	return session->is_server ? H2_SECTION_REQUEST : H2_SECTION_RESPONSE;
}

static int on_begin_headers(nghttp2_session *codec, const nghttp2_frame *frame, void *user)
{
	struct h2_session *session = user;
	int32_t id = frame->hd.stream_id;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	struct h2_stream *s = stream_of(codec, id);
	if (!s && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		note_opened(session, id);
		s = session->events->on_begin(session->owner);
		if (!s)
			return refuse_stream(session, id, H2_REFUSED_STREAM);
		attach(session, s, id);
	}
	if (!s)
		return 0;
	if (h2_head_begin(session, s, section_of(session, s)) == RC_OK)
		return 0;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static struct str view_of(nghttp2_rcbuf *rcbuf)
{
	nghttp2_vec v = nghttp2_rcbuf_get_buf(rcbuf);
	return str_n((const char *)v.base, v.len);
}

static int on_header(nghttp2_session *codec, const nghttp2_frame *frame, nghttp2_rcbuf *name,
	nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *s = stream_of(codec, frame->hd.stream_id);
	(void)flags;
	if (!s || !s->head)
		return 0;
	bool is_static = nghttp2_rcbuf_is_static(name) != 0;
	if (!h2_head_take(session, s, view_of(name), view_of(value), is_static))
		h2_session_end(
			session, H2_ENDING_FIELDS, "a header section of many times the limit");
	return go_on(session);
}

/* By default it would be left out. */
static int on_invalid_header(nghttp2_session *codec, const nghttp2_frame *frame,
	nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *user)
{
	(void)codec, (void)frame, (void)name, (void)value, (void)flags, (void)user;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* The peer does not take the protocol that was asked for: what we had to say is over. */
static void end_tunnel_request(struct h2_session *session, struct h2_stream *s)
{
	if (!s->is_tunnel || session->is_server || s->response->status == 101)
		return;
	s->is_tunnel = false;
	s->out_ended = true;
	nghttp2_session_resume_data(session->codec, s->id);
}

static void take_message_head(struct h2_session *session, struct h2_stream *s, bool ends)
{
	enum h1_error error = h2_head_finish(session, s, ends);
	s->has_head =
		session->is_server || s->response->status >= 200 || s->response->status == 101;
	s->in_ended = ends;
	if (session->is_server)
		s->asked_head = s->request->method == METHOD_HEAD;
	if (error == H1_ERROR_NONE) {
		if (s->has_head && !session->is_server)
			end_tunnel_request(session, s);
		session->events->on_head(session->owner, s);
		return;
	}
	s->is_refused = true;
	if (!session->is_server)
		h2_stream_abandon(s, H2_PROTOCOL_ERROR);
	session->events->on_refused(session->owner, s, error);
}

static void take_trailers(struct h2_session *session, struct h2_stream *s)
{
	if (h2_head_finish(session, s, true) != H1_ERROR_NONE) {
		h2_stream_abandon(s, H2_PROTOCOL_ERROR);
		h2_session_note_reset(session, false);
		session->events->on_reset(session->owner, s, H2_PROTOCOL_ERROR, false, false);
		return;
	}
	s->in_ended = true;
	session->events->on_end(session->owner, s);
}

static void take_head(struct h2_session *session, struct h2_stream *s, const nghttp2_frame *frame)
{
	bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	s->bytes_received += frame->hd.length + FRAME_HEAD_BYTES;
	if (!s->head)
		return;
	if (s->has_head)
		take_trailers(session, s);
	else
		take_message_head(session, s, ends);
}

/* --- other frames ---------------------------------------------------------------------------- */

static void take_settings(struct h2_session *s, const nghttp2_frame *frame)
{
	if (frame->hd.flags & NGHTTP2_FLAG_ACK)
		return;
	s->has_settings = true;
	if (s->events->on_settings)
		s->events->on_settings(s->owner);
}

static void take_ping(struct h2_session *s, const nghttp2_frame *frame)
{
	if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
		return;
	s->pongs++;
	if (s->is_draining)
		h2_session_settle(s);
}

static void take_goaway(struct h2_session *s, const nghttp2_frame *frame)
{
	s->is_refused = true;
	if (s->events->on_goaway)
		s->events->on_goaway(s->owner, frame->goaway.error_code);
}

static void take_reset(struct h2_session *session, struct h2_stream *s)
{
	if (s)
		s->reset_by_peer = true;
	else
		h2_session_note_glitch(session, 1);
}

static void take_data_end(struct h2_session *session, struct h2_stream *s)
{
	s->in_ended = true;
	session->events->on_end(session->owner, s);
}

static int on_frame_recv(nghttp2_session *codec, const nghttp2_frame *frame, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *s = stream_of(codec, frame->hd.stream_id);
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		if (s)
			take_head(session, s, frame);
		break;
	case NGHTTP2_DATA:
		if (s && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
			take_data_end(session, s);
		break;
	case NGHTTP2_RST_STREAM:
		take_reset(session, s);
		break;
	case NGHTTP2_SETTINGS:
		take_settings(session, frame);
		break;
	case NGHTTP2_PING:
		take_ping(session, frame);
		break;
	case NGHTTP2_GOAWAY:
		take_goaway(session, frame);
		break;
	default:
		break;
	}
	return go_on(session);
}

static int on_invalid_frame(
	nghttp2_session *codec, const nghttp2_frame *frame, int error, void *user)
{
	struct h2_session *s = user;
	(void)codec, (void)frame;
	if (s->detail[0] == 0)
		snprintf(s->detail, sizeof(s->detail), "%s", nghttp2_strerror(error));
	h2_session_note_glitch(s, INVALID_GLITCHES);
	return go_on(s);
}

static int on_error(nghttp2_session *codec, int code, const char *text, size_t n, void *user)
{
	struct h2_session *s = user;
	(void)codec, (void)code;
	if (!s->is_closed)
		snprintf(s->detail, sizeof(s->detail), "%.*s", (int)n, text);
	return 0;
}

/* --- content --------------------------------------------------------------------------------- */

static int on_data_chunk(
	nghttp2_session *codec, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *s = stream_of(codec, id);
	(void)flags;
	if (!s || s->is_refused) {
		nghttp2_session_consume(codec, id, n);
		return 0;
	}
	s->bytes_received += n;
	s->uncredited += n;
	session->events->on_data(session->owner, s, str_n((const char *)p, n));
	return go_on(session);
}

static void put_content(struct chunk_queue *out, struct h2_stream *s, const uint8_t *head, size_t n)
{
	char small[FRAME_HEAD_BYTES + SMALL_CONTENT_BYTES];
	memcpy(small, head, FRAME_HEAD_BYTES);
	if (n <= SMALL_CONTENT_BYTES) {
		chunk_queue_peek(&s->out, small + FRAME_HEAD_BYTES, n);
		chunk_queue_drop(&s->out, n);
		chunk_queue_add_copy(out, str_n(small, FRAME_HEAD_BYTES + n));
		return;
	}
	chunk_queue_add_copy(out, str_n(small, FRAME_HEAD_BYTES));
	chunk_queue_move_n(out, &s->out, n);
}

static int on_send_data(nghttp2_session *codec, nghttp2_frame *frame, const uint8_t *head, size_t n,
	nghttp2_data_source *source, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *s = stream_of(codec, frame->hd.stream_id);
	(void)source;
	if (session->out->bytes >= LIMIT_QUEUE_HIGH_BYTES)
		return NGHTTP2_ERR_WOULDBLOCK;
	if (!s) /* nobody's any more: its reset is due */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	put_content(session->out, s, head, n);
	s->bytes_sent += FRAME_HEAD_BYTES;
	s->moved_ms = session->now_ms;
	session->updates -= UPDATES_PER_FRAME;
	if (session->updates < -UPDATES_MAX)
		session->updates = -UPDATES_MAX;
	h2_stream_sent(s, n);
	return 0;
}

/* --- what was sent --------------------------------------------------------------------------- */

/* The whole answer is out before its request is. */
static void finish_early(struct h2_session *session, struct h2_stream *s)
{
	if (session->is_server && s->finishes && !s->in_ended)
		nghttp2_submit_rst_stream(
			session->codec, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
}

static void note_goaway(struct h2_session *s, const nghttp2_frame *frame)
{
	if (s->is_draining && !s->is_settled)
		h2_session_ping(s);
	if (frame->goaway.error_code == H2_NO_ERROR || s->is_closed)
		return;
	s->is_closed = true;
	s->ending = H2_ENDING_PROTOCOL;
	if (frame->goaway.opaque_data_len > 0)
		snprintf(s->detail, sizeof(s->detail), "%.*s", (int)frame->goaway.opaque_data_len,
			(const char *)frame->goaway.opaque_data);
}

static int on_frame_send(nghttp2_session *codec, const nghttp2_frame *frame, void *user)
{
	struct h2_session *session = user;
	struct h2_stream *s = stream_of(codec, frame->hd.stream_id);
	if (frame->hd.type == NGHTTP2_GOAWAY)
		note_goaway(session, frame);
	else if (frame->hd.type == NGHTTP2_RST_STREAM)
		note_cut(session, frame->hd.stream_id);
	if (!s)
		return 0;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
		(frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
		s->out_is_out = true;
		finish_early(session, s);
	}
	return 0;
}

/* The library has no stream yet of a request that never left. */
static struct h2_stream *find_stream(struct h2_session *session, int32_t id)
{
	LIST_FOREACH(l, &session->streams)
	{
		struct h2_stream *s = CONTAINER_OF(l, struct h2_stream, link);
		if (s->id == id)
			return s;
	}
	return NULL;
}

/* A head that cannot be sent must not leave its stream waiting. */
static int on_frame_not_send(
	nghttp2_session *codec, const nghttp2_frame *frame, int error, void *user)
{
	struct h2_session *session = user;
	bool is_unprocessed = !session->is_server;
	struct h2_stream *s = NULL;
	(void)codec, (void)error;
	if (frame->hd.type == NGHTTP2_HEADERS)
		s = find_stream(session, frame->hd.stream_id);
	if (!s)
		return 0;
	if (is_unprocessed) /* to the peer it is idle, and may not be reset */
		h2_stream_detach(s);
	else
		h2_stream_abandon(s, H2_INTERNAL_ERROR);
	session->events->on_reset(session->owner, s, H2_INTERNAL_ERROR, false, is_unprocessed);
	return 0;
}

nghttp2_session_callbacks *h2_callbacks_new(void)
{
	nghttp2_session_callbacks *c;
	if (nghttp2_session_callbacks_new(&c) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
	nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
	nghttp2_session_callbacks_set_error_callback2(c, on_error);
	return c;
}
