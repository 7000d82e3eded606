/* SPDX-License-Identifier: Apache-2.0 */
/* net/stream.h - one connected byte stream, plain or TLS.
 *
 * Receiving   the worker receives into its current 64 KiB counted block and hands the bytes up.
 *             Whoever wants to keep some takes a slice of that block (chunk_queue_add_slice).
 * Sending     output is queued and leaves at the end of the turn in one writev; early when
 *             LIMIT_DIRTY_STREAM_BYTES wait. Nothing is ever sent from inside parsing.
 * TLS         is a filter inside the stream: an own BIO over the wire buffer; upper layers see
 *             plain bytes and the same calls.
 *
 * Invariants  N1  on_close is the last callback, comes exactly once, at the end of a turn, and the
 *                 stream's memory is freed right after it.
 *             N2  no callback comes from inside stream_close, stream_send_* or stream_receive.
 *             N3  an idle stream holds no buffer.
 * Fairness    at most LIMIT_TURN_BYTES per turn; then it goes on from the ready list.
 * Threads     one: its loop's.
 */
#pragma once

#include "base/chunk.h"
#include "loop/loop.h"
#include "net/address.h"

struct stream;

/* A receive block with less room than this is left behind for a fresh one. */
#define RECEIVE_ROOM_MIN 16384

struct stream_events {
	/* `n` new bytes at `p` inside `block`. Returns how many were consumed. Whoever leaves some
	 * switches receiving off (or closes): the rest is kept, copied out of the block at the end
	 * of the turn, and offered again, before anything new is read, once stream_receive(true) is
	 * called. Left while receiving is on, it is offered again by the ready list. */
	size_t (*on_data)(struct stream *s, struct block *block, const char *p, size_t n);
	/* How much on_data can pass on: asked before each receive after stream_ask_room(true). Of
	 * less than RECEIVE_ROOM_MIN a page is received, which pins nothing else; 0: nothing is, and
	 * receiving has been switched off. May be NULL. */
	size_t (*room)(struct stream *s);
	/* The peer will send no more (FIN, or close_notify); sending may go on. Where the end of
	 * the stream is what ends a message, ask stream_is_truncated. */
	void (*on_end)(struct stream *s);
	/* Dialled streams only: connected, and the TLS handshake is done. Server streams: TLS only.
	 * What is queued before that waits for it. */
	void (*on_open)(struct stream *s);
	/* Queued output fell below LIMIT_QUEUE_LOW_BYTES after it had been above
	 * LIMIT_QUEUE_HIGH_BYTES. */
	void (*on_drained)(struct stream *s);
	/* Output that is made only when it is due: the flush of the turn calls it after
	 * stream_want_produce, again whenever there is room, and until it returns false, for there
	 * is no more. It queues some, up to LIMIT_QUEUE_HIGH_BYTES, and may close. May be NULL. */
	bool (*on_produce)(struct stream *s);
	/* `rc` RC_OK after stream_close; else why it broke: RC_CLOSED reset (what had come before
	 * it was handed up), RC_TIMEOUT, RC_REFUSED, RC_INVALID TLS failure, RC_IO;
	 * stream_error_text says more. */
	void (*on_close)(struct stream *s, enum rc rc);
};

/* The worker's side of all its streams: its receive block and dirty list. One per loop. */
struct stream_group;
struct stream_group *stream_group_new(struct loop *loop);
void stream_group_free(struct stream_group *g);
/* Dials fail (EMFILE) rather than have a descriptor of that number or above: the last ones are for
 * others. 0: no limit. */
void stream_group_set_descriptors_max(struct stream_group *g, int max);
struct loop *stream_group_loop(const struct stream_group *g);
/* How long a TLS handshake that begins from now on may take; LIMIT_TLS_HANDSHAKE_MS at first. */
void stream_group_set_handshake_ms(struct stream_group *g, int ms);

struct tls_context; /* net/tls.h */

/* Takes over an accepted, non-blocking descriptor. `tls` NULL: plain. */
struct stream *stream_accept(struct stream_group *g, int fd, const struct address *peer,
	struct tls_context *tls, const struct stream_events *events, void *owner);
/* Starts connecting. `tls` NULL: plain; `server_name` is for SNI and verification (may be an IP; a
 * context that verifies refuses to go on without one). A failure also comes by on_close. */
struct stream *stream_dial(struct stream_group *g, const struct address *to, int connect_timeout_ms,
	struct tls_context *tls, struct str server_name, const struct stream_events *events,
	void *owner);

/* A dialled stream that is open goes on by TLS: what is queued leaves first, and has to fit into the
 * kernel's buffer; on_open comes again. One that has a session goes on by a second one inside of it,
 * and what is asked of its TLS is answered of that one. Not from inside on_data. */
void stream_start_tls(struct stream *s, struct tls_context *tls, struct str server_name);
/* Breaks it: on_close(rc). `text` is static, or lives until then. */
void stream_give_up(struct stream *s, enum rc rc, const char *text);

void *stream_owner(const struct stream *s);
/* Hands the stream to another layer: a tunnel after 101, a pooled connection's next owner. */
void stream_set_events(struct stream *s, const struct stream_events *events, void *owner);
struct loop *stream_loop(const struct stream *s);
/* For address_copy: it is not a whole one. */
const struct address *stream_peer(const struct stream *s);
const struct address *stream_local(const struct stream *s);
/* "TLSv1.3" etc., or NULL when plain. Static storage. */
const char *stream_tls_version(const struct stream *s);
/* The protocol ALPN chose, or STR_EMPTY. */
struct str stream_tls_alpn(const struct stream *s);
struct str stream_tls_server_name(const struct stream *s);
/* What the other side has proved itself with, as DER; STR_EMPTY: nothing. Lasts as long as the
 * stream.
 */
struct str stream_tls_certificate(const struct stream *s);
/* What came with it, as DER, one behind the other, once the certificate was asked for: of a context
 * that keeps it, and not of a session that was resumed. */
struct str stream_tls_chain(const struct stream *s);
/* Whether on_close is all that still comes. */
bool stream_is_closed(const struct stream *s);
/* After on_end: TLS ended without close_notify, so that bytes may be missing. */
bool stream_is_truncated(const struct stream *s);
/* From inside on_close: whoever is told next is told this. `text` outlives the callback. */
void stream_set_error_text(struct stream *s, const char *text);
/* One sentence about the last error, or "". */
const char *stream_error_text(const struct stream *s);

/* Back-pressure: off stops reading from the socket (bytes already received stay kept). */
void stream_receive(struct stream *s, bool on);

/* Whether the owner is asked for its room. */
void stream_ask_room(struct stream *s, bool on);

/* Formats in place: room for n <= 16 KiB bytes, valid until commit; then queued. What is queued
 * after stream_send_end or stream_close is dropped. */
char *stream_reserve(struct stream *s, size_t n);
void stream_commit(struct stream *s, size_t n);
void stream_send_copy(struct stream *s, struct str bytes);
/* Moves all chunks of q to the output. */
void stream_send_queue(struct stream *s, struct chunk_queue *q);
/* on_produce is due in this turn's flush. */
void stream_want_produce(struct stream *s);
/* Bytes queued and not yet taken by the kernel. */
size_t stream_pending(const struct stream *s);
/* How much of what was queued the peer's kernel has acknowledged, of plain text or (TLS) about as
 * much; *outstanding: how much it has not. A call to the kernel: not for every message. */
uint64_t stream_taken(const struct stream *s, size_t *outstanding);
/* The peer has sent its end, and nothing may be sent to it for long: from now on our kernel asks
 * its kernel whether it is still there (LIMIT_PEER_PROBE_S). One that only waits answers; one that
 * has gone resets, or is silent: on_close. Nothing for a UNIX socket. Calls to the kernel. */
void stream_probe_peer(struct stream *s);
/* Whether bytes have come that nobody was given yet. A call to the kernel. */
bool stream_has_input(const struct stream *s);
/* After what is queued: FIN (or close_notify). Receiving goes on. */
void stream_send_end(struct stream *s);

/* Bytes received from and sent to the peer so far (of plain text). */
uint64_t stream_bytes_received(const struct stream *s);
uint64_t stream_bytes_sent(const struct stream *s);

enum stream_close_how {
	/* Send what is queued for as long as the peer takes some within LIMIT_FLUSH_IDLE_MS, and
	 * LIMIT_FLUSH_MS in all, then FIN (or close_notify and FIN), read on for LIMIT_LINGER_MS,
	 * close. As NOW when it was never open. */
	STREAM_CLOSE_FLUSH,
	/* As FLUSH without reading on: for a peer that has taken everything and is silent. */
	STREAM_CLOSE_END,
	STREAM_CLOSE_NOW,   /* drop what is queued and close */
	STREAM_CLOSE_RESET, /* drop, and make the peer see a RST */
};
/* After this no callback but on_close comes. Calling it again only makes it harder. */
void stream_close(struct stream *s, enum stream_close_how how);
