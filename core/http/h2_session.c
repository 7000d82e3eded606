/* SPDX-License-Identifier: Apache-2.0 */
/* The session over nghttp2, used as a codec: mem_recv takes what came, mem_send gives what is due.
 *
 * Content is not copied into the library: its frames' heads are written into the output, and slices
 * of the queue are moved behind them (NGHTTP2_DATA_FLAG_NO_COPY), so that `out` is in order.
 *
 * Priorities of RFC 7540 are refused by SETTINGS_NO_RFC7540_PRIORITIES: no tree of the peer's
 * making is kept, so there is none to loop or to grow. */
#include "http/h2_priv.h"

#include "base/check.h"

#include <stdio.h>

/* A head as large as any that we take, in HPACK's worst case. */
#define SEND_BLOCK_BYTES (2u * MESSAGE_HEAD_BYTES_MAX)
/* Of the peer, before its SETTINGS come. */
#define EARLY_STREAMS 1

const char *h2_ending_text(enum h2_ending e)
{
	static const char *const texts[] = {
#define X(name, text, code) text,
		H2_ENDINGS(X)
#undef X
	};
	return texts[e];
}

static uint32_t code_of(enum h2_ending e)
{
	static const uint8_t codes[] = {
#define X(name, text, code) H2_##code,
		H2_ENDINGS(X)
#undef X
	};
	return codes[e];
}

/* --- life ------------------------------------------------------------------------------------ */

static nghttp2_option *options_new(const struct h2_budgets *b)
{
	nghttp2_option *o;
	if (nghttp2_option_new(&o) != 0)
		return NULL;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, b->acks_unsent);
	nghttp2_option_set_max_settings(o, b->settings);
	nghttp2_option_set_max_continuations(o, b->continuations);
	nghttp2_option_set_max_send_header_block_length(o, SEND_BLOCK_BYTES);
	/* Ours comes first: it knows the turn's clock, and counts what the library resets, too. */
	nghttp2_option_set_stream_reset_rate_limit(
		o, (uint64_t)b->resets_burst * 2, b->resets_per_second);
	return o;
}

static bool open_codec(struct h2_session *s)
{
	nghttp2_session_callbacks *calls = h2_callbacks_new();
	nghttp2_option *options = options_new(&s->budgets);
	int rv = NGHTTP2_ERR_NOMEM;
	if (calls && options && s->is_server)
		rv = nghttp2_session_server_new3(&s->codec, calls, s, options, &s->memory.calls);
	else if (calls && options)
		rv = nghttp2_session_client_new3(&s->codec, calls, s, options, &s->memory.calls);
	nghttp2_session_callbacks_del(calls);
	nghttp2_option_del(options);
	return rv == 0;
}

static bool submit_settings(struct h2_session *s, const struct h2_settings *settings)
{
	nghttp2_settings_entry entries[5];
	size_t n = 0;
	entries[n++] = (nghttp2_settings_entry){
		NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings->stream_window_bytes};
	entries[n++] = (nghttp2_settings_entry){
		NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, s->limits->head_bytes};
	if (s->is_server) {
		entries[n++] = (nghttp2_settings_entry){
			NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings->streams_max};
		entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1};
		if (settings->connect_protocol)
			entries[n++] = (nghttp2_settings_entry){
				NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
	} else {
		entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
	}
	int32_t window = (int32_t)settings->connection_window_bytes;
	return nghttp2_submit_settings(s->codec, NGHTTP2_FLAG_NONE, entries, n) == 0 &&
	       nghttp2_session_set_local_window_size(s->codec, NGHTTP2_FLAG_NONE, 0, window) == 0;
}

static void init_budgets(struct h2_session *s)
{
	const struct h2_budgets *b = &s->budgets;
	h2_bucket_init(&s->resets, b->resets_burst, b->resets_per_second);
	h2_bucket_init(&s->glitches, b->glitches_burst, b->glitches_per_second);
	s->premature.percent_max = b->premature_percent;
	s->premature.ended_min = b->premature_min;
}

struct h2_session *h2_session_new(struct pool *pool, bool is_server,
	const struct h2_settings *settings, const struct h2_budgets *budgets,
	const struct message_limits *limits, const struct h2_events *events, void *owner)
{
	struct h2_session *s = pool_get(pool, sizeof(*s));
	*s = (struct h2_session){
		.pool = pool,
		.limits = limits ? limits : &message_limits_default,
		.events = events,
		.owner = owner,
		.budgets = *budgets,
		.is_server = is_server,
		.connect_protocol = settings->connect_protocol,
	};
	list_init(&s->streams);
	h2_memory_init(&s->memory, pool, budgets->memory_max);
	init_budgets(s);
	h2_scan_init(&s->scan, is_server ? NGHTTP2_CLIENT_MAGIC_LEN : 0);
	if (open_codec(s) && submit_settings(s, settings))
		return s;
	h2_session_free(s);
	return NULL;
}

void h2_session_free(struct h2_session *s)
{
	struct link *l;
	while ((l = list_pop(&s->streams)))
		h2_stream_detach(CONTAINER_OF(l, struct h2_stream, link));
	nghttp2_session_del(s->codec);
	pool_put(s->pool, s, sizeof(*s));
}

/* --- ends ------------------------------------------------------------------------------------ */

void h2_session_end(struct h2_session *s, enum h2_ending why, const char *detail)
{
	if (s->is_closed)
		return;
	s->is_closed = true;
	s->ending = why;
	if (detail)
		snprintf(s->detail, sizeof(s->detail), "%s", detail);
	/* Without memory for it the transport's end has to do. */
	int rv = nghttp2_session_terminate_session(s->codec, code_of(why));
	(void)rv;
}

static enum h2_ending ending_of(int rv)
{
	switch (rv) {
	case NGHTTP2_ERR_FLOODED:
		return H2_ENDING_ACKS;
	case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
		return H2_ENDING_CONTINUATIONS;
	case NGHTTP2_ERR_NOMEM:
	case NGHTTP2_ERR_CALLBACK_FAILURE:
		return H2_ENDING_MEMORY;
	default:
		return H2_ENDING_PROTOCOL;
	}
}

void h2_session_abort(struct h2_session *s)
{
	struct link *l;
	s->is_closed = true;
	while ((l = list_pop(&s->streams))) {
		struct h2_stream *stream = CONTAINER_OF(l, struct h2_stream, link);
		h2_stream_detach(stream);
		s->events->on_reset(s->owner, stream, H2_CANCEL, true, false);
	}
}

/* The first says that no more may be opened, but takes what is on its way; behind the answer to a
 * PING nothing is, which follows when the first has become a frame: of its own the library sends
 * PINGs before everything else. */
void h2_session_drain(struct h2_session *s)
{
	if (s->is_draining || s->is_closed)
		return;
	s->is_draining = true;
	if (nghttp2_submit_shutdown_notice(s->codec) != 0)
		h2_session_settle(s);
}

void h2_session_settle(struct h2_session *s)
{
	if (s->is_settled || s->is_closed)
		return;
	s->is_settled = s->is_draining = true;
	s->ending = H2_ENDING_DRAINED;
	int32_t last = nghttp2_session_get_last_proc_stream_id(s->codec);
	if (nghttp2_submit_goaway(s->codec, NGHTTP2_FLAG_NONE, last, H2_NO_ERROR, NULL, 0) != 0)
		h2_session_end(s, H2_ENDING_MEMORY, "no memory");
}

void h2_session_ping(struct h2_session *s)
{
	/* Unsent, it is as if it had not been answered. */
	int rv = nghttp2_submit_ping(s->codec, NGHTTP2_FLAG_NONE, NULL);
	(void)rv;
}

/* --- bytes ----------------------------------------------------------------------------------- */

static void feed(struct h2_session *s, const char *from, const char *to)
{
	if (s->is_closed || from == to)
		return;
	ssize_t n = nghttp2_session_mem_recv(s->codec, (const uint8_t *)from, (size_t)(to - from));
	if (n < 0)
		h2_session_end(s, ending_of((int)n), nghttp2_strerror((int)n));
}

bool h2_session_receive(struct h2_session *s, struct str in, int64_t now_ms)
{
	s->now_ms = now_ms;
	const char *fed = in.p;
	enum h2_scan_event event;
	while (!s->is_closed && (event = h2_scan_next(&s->scan, &in)) != H2_SCAN_MORE) {
		switch (event) {
		case H2_SCAN_UNKNOWN:
			h2_session_note_glitch(s, 1);
			break;
		case H2_SCAN_BAD_PRIORITY:
			h2_session_end(s, H2_ENDING_PROTOCOL, "a priority that cannot be");
			break;
		default: /* what it is depends on all that came before, and on nothing of its own */
			feed(s, fed, in.p - 1);
			fed = in.p - 1;
			h2_session_check_stream(s, s->scan.stream);
			break;
		}
	}
	feed(s, fed, in.p);
	return !s->is_closed;
}

/* Those that waited for room in what all have queued. */
static void tell_of_room(struct h2_session *s)
{
	bool has_room = s->out_bytes <= s->budgets.out_bytes_max / 2;
	if (!s->was_full)
		return;
	s->was_full = !has_room;
	LIST_FOREACH_SAFE(l, &s->streams)
	{
		struct h2_stream *stream = CONTAINER_OF(l, struct h2_stream, link);
		bool is_little = stream->out.bytes < LIMIT_H2_STREAM_OUT_MIN;
		if (!stream->waits || stream->out_ended || !(has_room || is_little) ||
			!h2_stream_can_send(stream))
			continue;
		stream->waits = false;
		s->events->on_writable(s->owner, stream);
	}
}

bool h2_session_produce(
	struct h2_session *s, struct chunk_queue *out, size_t bytes_max, int64_t now_ms)
{
	s->now_ms = now_ms;
	s->out = out;
	while (out->bytes < bytes_max) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(s->codec, &p);
		if (n < 0)
			h2_session_end(s, ending_of((int)n), nghttp2_strerror((int)n));
		if (n <= 0)
			break;
		chunk_queue_add_copy(out, str_n((const char *)p, (size_t)n));
	}
	s->out = NULL;
	s->left_bytes = s->out_bytes;
	s->promised = 0;
	tell_of_room(s);
	return h2_session_wants_send(s);
}

/* --- what it is like ---------------------------------------------------------------------------
 */

bool h2_session_wants_send(const struct h2_session *s)
{
	return nghttp2_session_want_write(s->codec) != 0;
}

bool h2_session_is_done(const struct h2_session *s)
{
	return nghttp2_session_want_read(s->codec) == 0 && !h2_session_wants_send(s);
}

bool h2_session_is_idle(const struct h2_session *s)
{
	return list_is_empty(&s->streams);
}

enum h2_ending h2_session_ending(const struct h2_session *s)
{
	return s->ending;
}

const char *h2_session_detail(const struct h2_session *s)
{
	return s->detail;
}

unsigned h2_session_streams(const struct h2_session *s)
{
	return s->stream_count;
}

unsigned h2_session_streams_max(const struct h2_session *s, unsigned own_max)
{
	uint32_t most = EARLY_STREAMS;
	if (s->has_settings)
		most = nghttp2_session_get_remote_settings(
			s->codec, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	return most < own_max ? most : own_max;
}

unsigned h2_session_capacity(const struct h2_session *s, unsigned own_max)
{
	if (s->is_closed || s->is_refused || !nghttp2_session_check_request_allowed(s->codec))
		return 0;
	unsigned most = h2_session_streams_max(s, own_max);
	return most > s->stream_count ? most - s->stream_count : 0;
}

bool h2_session_takes_connect_protocol(const struct h2_session *s)
{
	return s->has_settings && nghttp2_session_get_remote_settings(
					  s->codec, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

size_t h2_session_out_bytes(const struct h2_session *s)
{
	return s->out_bytes;
}

bool h2_session_is_fresh(const struct h2_session *s)
{
	return !s->has_settings;
}

uint32_t h2_session_pongs(const struct h2_session *s)
{
	return s->pongs;
}

unsigned h2_session_reset_stalled(struct h2_session *s, int64_t now_ms, int64_t after_ms)
{
	unsigned count = 0;
	LIST_FOREACH_SAFE(l, &s->streams)
	{
		struct h2_stream *stream = CONTAINER_OF(l, struct h2_stream, link);
		if (stream->out.bytes == 0 || now_ms - stream->moved_ms < after_ms)
			continue;
		h2_stream_abandon(stream, H2_CANCEL);
		s->events->on_reset(s->owner, stream, H2_CANCEL, false, false);
		count++;
	}
	return count;
}
