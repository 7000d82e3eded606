/* SPDX-License-Identifier: Apache-2.0 */
/* The client of HTTP/2, by prior knowledge: groups of slots, each slot asking one request after the
 * other, all slots of a group over the one connection that it has at the time.
 *
 * Who gets a GOAWAY asks for nothing more on that connection, and for everything else on a new one; what
 * was asked before has to be answered. nghttp2 makes and reads the frames. */
#include "ledger.h"

#include "asked.h"
#include "content.h"
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define FRAME_BYTES_MAX (9 + 16384)

struct session {
	struct session *next;
	struct wire wire;
	nghttp2_session *h2;
	bool is_up, is_leaving, is_over;
	unsigned busy, asked;
};

struct slot {
	struct session **group;  /* the connection to ask on */
	struct session *session; /* that of its request; NULL: it has none */
	struct asked asked;
	int32_t id;
	bool is_stream, is_deferred, is_wrong, is_unsent;
	int64_t due_ms; /* the next request, or the next piece */
};

static const struct load_options *options;
static int epoll_fd;
static struct sockaddr_in target;
static nghttp2_session_callbacks *callbacks;
static struct session *sessions;
static struct slot *slots;
static unsigned slots_n;

/* --- ends ------------------------------------------------------------------------------------ */

static void leave(struct slot *s)
{
	s->session->busy--;
	s->session = NULL;
	s->due_ms = now_ms() + draw(options->think_ms + 1);
}

static void end(struct slot *s, enum outcome outcome)
{
	asked_end(&s->asked, outcome);
	leave(s);
}

/* With all that was asked on it; `outcome` is that of what has got no byte yet. */
static void end_session(struct session *session, enum outcome outcome)
{
	for (unsigned i = 0; i < slots_n; i++)
		if (slots[i].session == session)
			end(&slots[i], slots[i].asked.got_byte ? OUTCOME_PARTIAL : outcome);
	wire_close(&session->wire);
	session->is_over = true;
}

/* --- frames ---------------------------------------------------------------------------------- */

static struct slot *slot_of(nghttp2_session *h2, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h2, id);
}

static void keep(char *to, size_t room, const uint8_t *p, size_t n)
{
	n = n < room ? n : room - 1;
	memcpy(to, p, n);
	to[n] = 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
	struct slot *s = slot_of(h2, frame->hd.stream_id);
	char text[8];
	(void)flags;
	(void)user;
	if (!s)
		return 0;
	struct asked *a = &s->asked;
	a->got_byte = true;
	a->progress_ms = now_ms();
	if (name_n == 7 && memcmp(name, ":status", 7) == 0) {
		keep(text, sizeof(text), value, value_n);
		a->status = (unsigned)strtoul(text, NULL, 10);
	} else if (name_n == 14 && memcmp(name, "x-ledger-nonce", 14) == 0) {
		keep(a->owner, sizeof(a->owner), value, value_n);
	} else if (name_n == 13 && memcmp(name, "x-ledger-body", 13) == 0) {
		keep(a->verdict, sizeof(a->verdict), value, value_n);
	}
	return 0;
}

static int on_data(
	nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct slot *s = slot_of(h2, id);
	(void)flags;
	(void)user;
	if (s && !asked_take(&s->asked, (const char *)p, n))
		s->is_wrong = true;
	if (s)
		s->asked.progress_ms = now_ms();
	return 0;
}

static int on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
	struct slot *s = slot_of(h2, id);
	(void)user;
	if (!s)
		return 0;
	nghttp2_session_set_stream_user_data(h2, id, NULL);
	if (s->is_wrong)
		end(s, asked_blame(&s->asked));
	else if (code != NGHTTP2_NO_ERROR)
		end(s, s->asked.got_byte ? OUTCOME_PARTIAL : OUTCOME_RESET);
	else
		end(s, asked_judge(&s->asked));
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct session *session = user;
	(void)h2;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		session->is_leaving = true;
	return 0;
}

static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
	struct slot *s = is_message ? slot_of(h2, frame->hd.stream_id) : NULL;
	(void)user;
	if (!s)
		return 0;
	s->asked.progress_ms = now_ms();
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		s->asked.is_sent = true;
		s->asked.sent_ms = s->asked.progress_ms;
	}
	return 0;
}

/* A GOAWAY came before it went out: nobody has seen it, and it is asked elsewhere. */
static int on_unsent(nghttp2_session *h2, const nghttp2_frame *frame, int error, void *user)
{
	(void)error;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	for (unsigned i = 0; i < slots_n; i++) {
		struct slot *s = &slots[i];
		if (s->session == user && s->id == frame->hd.stream_id) {
			s->is_unsent = true;
			nghttp2_session_set_stream_user_data(h2, s->id, NULL);
		}
	}
	return 0;
}

static ssize_t give_piece(nghttp2_session *h2, int32_t id, uint8_t *to, size_t room,
	uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct slot *s = source->ptr;
	struct asked *a = &s->asked;
	(void)h2;
	(void)id;
	(void)user;
	if (s->due_ms > now_ms()) {
		s->is_deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	uint64_t left = a->upload - a->upload_at;
	size_t n = left < room ? (size_t)left : room;
	content_write(a->nonce, UPLOAD, a->upload_at, (char *)to, n);
	a->upload_at += n;
	s->due_ms = now_ms() + a->pause_ms;
	if (a->upload_at == a->upload)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void prepare_callbacks(void)
{
	nghttp2_session_callbacks_new(&callbacks);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
	nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_unsent);
}

/* --- sessions -------------------------------------------------------------------------------- */

/* A broken connection shows when it is read: there may be answers on it. */
static void send_frames(struct session *session)
{
	struct wire *w = &session->wire;
	const uint8_t *p;
	ssize_t n;
	if (!session->is_up || session->is_over)
		return;
	while (wire_flush(w, session) && wire_is_empty(w)) {
		while (w->out_n + FRAME_BYTES_MAX <= sizeof(w->out) &&
			(n = nghttp2_session_mem_send(session->h2, &p)) > 0)
			wire_add(w, p, (size_t)n);
		if (wire_is_empty(w))
			return;
	}
}

static struct session *open_session(int *error)
{
	struct session *session = calloc(1, sizeof(*session));
	if (!session || nghttp2_session_client_new(&session->h2, callbacks, session) != 0)
		die("memory");
	nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, NULL, 0);
	session->next = sessions;
	sessions = session;
	*error = wire_dial(&session->wire, epoll_fd, &target, session);
	session->is_up = *error == 0;
	return session;
}

static void free_sessions(void)
{
	for (struct session **at = &sessions, *session; (session = *at);) {
		if (!session->is_over) {
			at = &session->next;
			continue;
		}
		for (unsigned i = 0; i < slots_n; i++)
			if (*slots[i].group == session)
				*slots[i].group = NULL;
		*at = session->next;
		nghttp2_session_del(session->h2);
		free(session);
	}
}

static void on_readable(struct session *session)
{
	uint8_t bytes[65536];
	ssize_t n = recv(session->wire.fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		end_session(session, n < 0 ? OUTCOME_RESET : OUTCOME_EOF);
	else if (nghttp2_session_mem_recv(session->h2, bytes, (size_t)n) != n)
		end_session(session, OUTCOME_MALFORMED);
}

static enum outcome outcome_of(int error)
{
	return error == ECONNREFUSED ? OUTCOME_REFUSED : OUTCOME_UNREACHABLE;
}

/* Who breaks the protocol is told so, and read no more. */
static void end_if_done(struct session *session)
{
	if (session->is_over || nghttp2_session_want_read(session->h2) ||
		nghttp2_session_want_write(session->h2))
		return;
	end_session(session, OUTCOME_MALFORMED);
}

static void on_event(struct session *session, uint32_t events)
{
	if (session->is_over)
		return;
	if (!session->is_up) {
		int error = wire_error(&session->wire);
		session->is_up = error == 0;
		if (error)
			end_session(session, outcome_of(error));
	} else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		on_readable(session);
	}
	send_frames(session);
	end_if_done(session);
}

/* --- requests -------------------------------------------------------------------------------- */

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){
		(uint8_t *)(uintptr_t)name,
		(uint8_t *)(uintptr_t)value,
		strlen(name),
		strlen(value),
		NGHTTP2_NV_FLAG_NONE,
	};
}

static void submit(struct slot *s)
{
	struct asked *a = &s->asked;
	char path[512], length[24];
	nghttp2_nv fields[5];
	size_t n = 0;
	nghttp2_data_provider body = {.source.ptr = s, .read_callback = give_piece};
	asked_target(a, path, sizeof(path));
	snprintf(length, sizeof(length), "%" PRIu64, a->upload);
	fields[n++] = field(":method", a->upload ? "POST" : "GET");
	fields[n++] = field(":scheme", "http");
	fields[n++] = field(":authority", options->authority);
	fields[n++] = field(":path", path);
	if (a->upload && draw(2))
		fields[n++] = field("content-length", length);
	s->due_ms = 0;
	s->is_deferred = s->is_wrong = s->is_unsent = false;
	s->id = nghttp2_submit_request(
		s->session->h2, NULL, fields, n, a->upload ? &body : NULL, s);
	if (s->id < 0)
		die(nghttp2_strerror(s->id));
}

/* On the connection of its group, or a new one. */
static void ask(struct slot *s)
{
	struct session *session = *s->group;
	int error = 0;
	if (!session || session->is_leaving || session->is_over)
		session = *s->group = open_session(&error);
	session->busy++;
	session->asked++;
	s->session = session;
	submit(s);
	if (error && error != EINPROGRESS)
		end_session(session, outcome_of(error));
	else
		send_frames(session);
}

static bool is_kept(const struct session *session)
{
	return session && session->asked > 0 && !session->is_leaving && !session->is_over;
}

static void turn(struct slot *s, int64_t now, bool is_over)
{
	if (s->session && s->is_unsent) {
		s->session->busy--;
		ask(s);
	} else if (s->session && s->is_deferred && s->due_ms <= now) {
		s->is_deferred = false;
		nghttp2_session_resume_data(s->session->h2, s->id);
		send_frames(s->session);
	} else if (s->session && now - s->asked.progress_ms > options->timeout_ms) {
		nghttp2_session_set_stream_user_data(s->session->h2, s->id, NULL);
		nghttp2_submit_rst_stream(s->session->h2, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
		end(s, OUTCOME_TIMEOUT);
	} else if (!s->session && !is_over && s->due_ms <= now) {
		asked_begin(&s->asked, s->is_stream, is_kept(*s->group));
		ask(s);
	}
}

/* --- the loop -------------------------------------------------------------------------------- */

/* The first of `streams` groups have a slot for long paced bodies besides. */
static struct session **make_groups(void)
{
	struct session **groups = calloc(options->keepalive, sizeof(struct session *));
	slots = calloc(options->keepalive * (options->multiplex + 1), sizeof(*slots));
	if (!groups || !slots)
		die("memory");
	for (unsigned i = 0; i < options->keepalive; i++) {
		unsigned count = options->multiplex + (i < options->streams);
		for (unsigned j = 0; j < count; j++)
			slots[slots_n++] = (struct slot){
				.group = &groups[i],
				.is_stream = j == options->multiplex,
			};
	}
	return groups;
}

static void take_turn(bool is_over)
{
	int64_t now = now_ms();
	struct epoll_event events[64];
	for (unsigned i = 0; i < slots_n; i++)
		turn(&slots[i], now, is_over);
	for (struct session *session = sessions; session; session = session->next)
		if (session->is_leaving && session->busy == 0 && !session->is_over)
			end_session(session, OUTCOME_EOF);
	free_sessions();
	int n = epoll_wait(epoll_fd, events, 64, 1);
	for (int i = 0; i < n; i++)
		on_event(events[i].data.ptr, events[i].events);
	asked_tick();
}

void h2_load_run(const struct load_options *o)
{
	options = o;
	asked_open(o);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	target = wire_address(o->host, o->port);
	prepare_callbacks();
	struct session **groups = make_groups();
	while (!asked_is_enough())
		take_turn(false);
	int64_t end_ms = now_ms() + o->drain_ms;
	while (asked_busy() > 0 && now_ms() < end_ms)
		take_turn(true);
	for (unsigned i = 0; i < slots_n; i++)
		if (slots[i].session)
			end(&slots[i], OUTCOME_UNFINISHED);
	for (struct session *session = sessions; session; session = session->next)
		end_session(session, OUTCOME_EOF);
	free_sessions();
	nghttp2_session_callbacks_del(callbacks);
	free(slots);
	free(groups);
	asked_close();
}
