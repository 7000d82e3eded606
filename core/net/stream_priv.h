/* SPDX-License-Identifier: Apache-2.0 */
/* net/stream_priv.h - the stream's insides, shared by stream.c, stream_read.c, stream_write.c and
 * stream_tls.c. */
#pragma once

#include "net/stream.h"

struct stream_tls; /* stream_tls.c */

/* What a connection costs while it idles, so it is kept small: one object of the pool's 400. */
struct stream {
	struct watch watch;
	const struct stream_events *events; /* borrowed */
	void *owner;
	struct stream_group *group;
	struct stream_tls *tls; /* owned; NULL: plain */
	struct link dirty;      /* of the group's, to be flushed */
	struct link unsure;     /* of the group's, to be read once more when it stays silent; or of
				 * its `line` */
	struct task task; /* goes on reading, or brings a callback that is due; then the last one */
	struct timer timer;     /* of connecting, the TLS handshake, flushing to close, lingering */
	struct chunk_queue out; /* plain: what the kernel gets; TLS: plain text not yet encrypted */
	struct block *residue;  /* ref: received, not consumed; NULL: none */
	const char *residue_p;
	uint32_t residue_n;
	uint32_t lingered;      /* bytes discarded while closing */
	int untaken;            /* of the kernel's queue when the flush timer was started */
	uint32_t flush_until_s; /* closing: by the loop's clock */
	int fd;                 /* -1 once closed */
	enum rc close_rc;
	const char *error_text; /* static, or owned by tls */
	uint64_t bytes_received, bytes_sent;
	struct address *local; /* owned; looked up when asked for */
	bool is_connecting : 1;
	bool is_open : 1;      /* on_open came, or was not due */
	bool open_is_due : 1;  /* on_open comes from the task */
	bool is_receiving : 1; /* the owner wants data */
	bool is_readable : 1;  /* the kernel may have some */
	bool is_writable : 1;
	bool saw_closed : 1;   /* FIN seen by epoll: read on to 0 */
	bool has_ended : 1;    /* 0 was read; on_end came */
	bool is_truncated : 1; /* TLS ended without close_notify */
	bool is_dialled : 1;
	bool is_in_line : 1; /* its handshake goes on in a later turn */
	bool is_broken : 1;  /* reset: what was received is read, then it fails */
	bool end_is_due : 1; /* FIN after what is queued */
	bool end_is_sent : 1;
	bool was_high : 1; /* pending went above high: on_drained is owed */
	bool drained_is_due : 1;
	bool wants_produce : 1; /* on_produce may have more */
	bool is_producing : 1;
	bool asks_room : 1;        /* of its owner, before it receives */
	bool is_tight : 1;         /* the last answer: little */
	bool flushes_to_close : 1; /* STREAM_CLOSE_FLUSH under way: what comes in is discarded */
	bool lingers_not : 1;      /* STREAM_CLOSE_END: it is over once the end is sent */
	bool is_closed : 1;        /* on_close is scheduled */
	struct address peer;       /* the last: no more of it is there than its `n` says */
};

struct stream_group {
	struct loop *loop;
	int handshake_ms;
	struct pool *pool;
	struct block *block; /* owned: what is received into */
	char *wire;          /* owned: TLS records as received; made when TLS is first used */
	struct bio_st *bio;  /* owned: OpenSSL's way to the records of all; made like `wire` */
	struct stream_tls *at_work; /* whose they are, while OpenSSL is called */
	struct link dirty;          /* streams with something to flush */
	size_t dirty_count;
	int descriptors_max; /* of dials; 0: no limit */
	struct task flush;
	/* A reset that came in one event with the last bytes makes no second edge, and libevent
	 * does not tell it from them. Whoever was read short is read once more after
	 * STREAM_UNSURE_MS to twice that, unless something came meanwhile. */
	struct link unsure, unsure_before; /* since the last tick, and before it */
	struct timer unsure_timer;
	/* Who has to wait with a handshake, first come, first served, and is not read meanwhile. */
	struct link line;
	unsigned handshakes; /* steps in this turn */
	struct task line_task, handshakes_end;
};
#define STREAM_UNSURE_MS 100

/* stream.c */
/* Broken: no callback but on_close(rc) comes. `text` is static or lives as long as the stream. */
void stream_fail(struct stream *s, enum rc rc, const char *text);
void stream_fail_errno(struct stream *s, int error);
void stream_finish_close(struct stream *s);
/* Reset by the peer: nothing is sent any more, what has come is handed up, then it fails. */
void stream_break(struct stream *s);
/* Fails when the kernel has an error for it that reading does not show (any more). */
void stream_look_for_reset(struct stream *s);
/* on_open, now. */
void stream_open_now(struct stream *s);

/* stream_read.c */
void stream_read(struct stream *s);
bool stream_may_read(const struct stream *s);
/* The last receive was short: nothing more is there, or an error that made no edge of its own. */
void stream_note_short(struct stream *s);
/* Reads those again that have been silent since. */
void stream_group_read_unsure(struct stream_group *g);
/* Where the next bytes go. */
struct room {
	struct block *block;
	char *p;
	size_t n;
	bool is_own; /* a reference, rather than the group's */
};
/* The owner's room, where it is asked; RECEIVE_ROOM_MAX else. */
size_t stream_room_bytes(struct stream *s);
#define RECEIVE_ROOM_MAX SIZE_MAX
/* At least RECEIVE_ROOM_MIN behind the bytes that slices may refer to, and at most `max`; a page where
 * it is tight. */
struct room stream_room(struct stream *s, size_t max);
void stream_room_end(const struct room *r);
/* Offers `n` fresh bytes that stand at the block's end; keeps what is not consumed. */
void stream_deliver(struct stream *s, struct block *block, char *p, size_t n);
void stream_deliver_end(struct stream *s);

/* stream_write.c */
void stream_mark_dirty(struct stream *s);
/* Closing, and the end is sent: reads on for a while, unless the peer has ended, too, or need not
 * be waited for. */
void stream_linger(struct stream *s);
/* Closing, the peer has LIMIT_FLUSH_IDLE_MS to take something of what is queued, and LIMIT_FLUSH_MS
 * for all of it. */
void stream_start_flush_timer(struct stream *s);
/* It took something of the kernel's queue since. */
bool stream_peer_takes(const struct stream *s);
void stream_group_flush(struct stream_group *g);
/* Sends what `q` holds; true when all of it is gone. */
bool stream_write_queue(struct stream *s, struct chunk_queue *q);

/* stream_tls.c: the filter. Each may end in stream_fail. */
/* Inside of the session that the stream has, if it has one. */
void stream_tls_start(
	struct stream *s, struct tls_context *context, bool is_server, struct str server_name);
void stream_tls_free(struct stream *s);
/* Its session is inside of another one. */
bool stream_tls_is_inner(const struct stream *s);
void stream_group_init_tls(struct stream_group *g);
/* What it has made for TLS; its streams are gone. */
void stream_group_free_tls(struct stream_group *g);
/* The socket may have bytes, or room. */
void stream_tls_read(struct stream *s);
void stream_tls_flush(struct stream *s);
size_t stream_tls_pending(const struct stream *s);
void stream_tls_drop_pending(struct stream *s);
