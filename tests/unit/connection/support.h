/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/connection/support.h - one connection of ours against a bare socket, on a real loop
 * with a fake clock.
 *
 *   struct rig *g = rig_new();
 *   rig_serve(g);                                  // our server role; g->fd is the client's end
 *   rig_send(g, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
 *   probe_answer(rig_taken(g, 0), 200, "hello");
 *   rig_expect(g, "hello");                        // what the bare socket received, so far
 *   rig_free(g);                                   // checks that nothing is left
 */
#pragma once

#include "base/buffer.h"
#include "connection/client.h"
#include "connection/server.h"

#define PROBES_MAX 32

/* An owner of a stream that takes notes. */
struct probe {
	struct http_stream *stream; /* NULL: released, or never there */
	struct loop *loop;
	struct arena arena; /* client role */
	struct buffer body;
	struct buffer interims; /* "103 " ... */
	bool has_head;
	bool is_lazy; /* takes nothing by itself */
	struct probe *also; /* released when this one is reset, and this one with it; or NULL */
	bool is_reset;
	enum http_reset why;
	char detail[128];
	unsigned data_events, writable_events;
};

/* Moves what stands in `in` to `body`, with credit for it. */
void probe_take(struct probe *p);
/* Everything that is needed of a stream's owner, for either role; `owner` is the probe. */
extern const struct http_stream_events probe_events;
void probe_init(struct probe *p, struct loop *loop);
/* Releases the stream when it is there. */
void probe_deinit(struct probe *p);
void probe_release(struct probe *p);

/* Server role. Answers with a length and releases; `body` NULL: without content. */
void probe_answer(struct probe *p, uint16_t status, const char *body);
void probe_send_head(struct probe *p, uint16_t status, int64_t content_length, bool end);
/* Client role. Path and length of "METHOD target". */
void probe_ask(struct probe *p, enum http_method method, const char *path, int64_t content_length,
	bool end);
void probe_send(struct probe *p, const char *text, bool end);
void probe_send_n(struct probe *p, size_t n, bool end);
void probe_send_trailer(struct probe *p, const char *name, const char *value);

struct rig {
	struct loop *loop;
	struct stream_group *group;
	struct http_server_options options;
	struct http_server *server; /* NULL once closed */
	struct http_client *client; /* likewise */
	struct address address;     /* where rig_dial finds the bare socket */
	enum http_client_protocol protocol; /* of what rig_dial makes */
	struct http2_options http2;
	struct str connect; /* asks the bare socket for the way */
	int listen_fd;
	bool is_tcp; /* else a UNIX socket, on which everything arrives at once */
	char folder[32];
	int fd; /* the bare end; -1: closed */
	int served_fd; /* our end, in the server role */
	struct probe probes[PROBES_MAX];
	unsigned taken; /* requests given to us, or streams opened by us */
	struct buffer received;
	bool has_ended; /* the bare end saw FIN or RST */
	bool was_reset;
	unsigned refused, idles;
	uint16_t refused_status;
	char refused_detail[128];
	bool is_open;
	enum rc closed_rc;
	char closed_text[128];
};

struct rig *rig_new(void);
/* Over TCP, for resets and full socket buffers; what is expected is waited for. */
struct rig *rig_new_tcp(void);
void rig_free(struct rig *g);
/* A client of ours is connected; its options are g->options, which may be changed before. */
void rig_serve(struct rig *g);
/* Our client role is connected to the bare socket. */
void rig_dial(struct rig *g);
/* The same without waiting for it. */
void rig_try_to_dial(struct rig *g);
/* Opens a stream on it. */
struct probe *rig_open(struct rig *g);
struct probe *rig_taken(struct rig *g, unsigned i);

void rig_turn(struct rig *g);
void rig_send(struct rig *g, const char *text);
void rig_send_n(struct rig *g, const char *p, size_t n);
/* The bare end sends FIN, or RST. */
void rig_half_close(struct rig *g);
void rig_reset(struct rig *g);
void rig_advance(struct rig *g, int64_t ms);
/* What the bare end received since the last rig_forget, NUL-terminated. */
const char *rig_text(struct rig *g);
void rig_forget(struct rig *g);
void rig_expect(struct rig *g, const char *part);
void rig_expect_not(struct rig *g, const char *part);
/* How often it stands there. */
unsigned rig_count(struct rig *g, const char *part);
void rig_expect_closed(struct rig *g);
