/* SPDX-License-Identifier: Apache-2.0 */
/* policy/local_stream.h - the body of a local answer that is written while it is sent.
 *
 *   written by a policy -> queue -> taken by the proxy, through the response walk -> the client
 *
 * Invariants   L1  what a policy writes never lets queue.bytes exceed SLUICE_STREAM_CREDIT_BYTES: a client
 *                  that does not read stops its policy. (A body that lies elsewhere, services/cache.c,
 *                  stands in the queue as a whole, and holds no memory of its own.)
 *              L2  after `ended` or `aborted` nothing more is written.
 * Ownership    in the exchange's arena, with the local answer; its owner (an operation of the
 *              exchange) clears the queue before the arena goes.
 * Threads      the worker of the exchange.
 */
#pragma once

#include "base/chunk.h"
#include "policy/chain.h"

struct sluice_str;

enum local_stream_loss {
	LOCAL_STREAM_KEPT,
	LOCAL_STREAM_CLIENT_GONE,
	LOCAL_STREAM_CUT,
	LOCAL_STREAM_REPLACED
};

struct local_stream {
	struct chunk_queue queue; /* written, not taken */
	uint64_t length;          /* declared; 0: not known */
	uint64_t written;
	struct fields *trailers; /* with `ended`; NULL: none */
	bool lies_elsewhere;     /* the queue is of bytes that stay when it goes */
	bool discards;           /* the answer has no content: what is written is dropped */
	bool ended;              /* nothing follows what the queue holds */
	bool aborted;            /* what was written is not the whole */
	uint8_t loss;            /* enum local_stream_loss */
	/* The owner is told, in the middle of a run, that bytes were taken or the stream is lost: it only
	 * notes it. */
	void (*changed)(struct local_stream *s);
};

/* For the callback that runs: as host->respond, with `s` in the place of a body. `s` is set up; *out is
 * the local answer that it belongs to, without fields, which is the callback's once it is given. SLUICE_E_*. */
int32_t local_stream_make(struct sluice_exchange *x, int32_t status, struct str reason,
	struct local_stream *s, struct local_response **out);
void local_stream_give(struct sluice_exchange *x, struct local_response *local);
/* Both at once, with those fields. */
int32_t local_stream_answer(struct sluice_exchange *x, int32_t status,
	const struct sluice_str *fields, size_t field_count, struct str reason,
	struct local_stream *s, struct local_response **out);

/* Fields of an answer, checked as host->respond has it and copied. SLUICE_E_*. */
int32_t answer_field_add(struct fields *to, struct str name, struct str value);
/* Room for so many, and for those of others behind. */
void answer_fields_reserve(struct fields *to, size_t count);

/* How many bytes are taken now. */
size_t local_stream_room(const struct local_stream *s);
/* Takes as much as there is room for. */
size_t local_stream_write(struct local_stream *s, struct str bytes);

/* --- for the proxy --------------------------------------------------------------------------- */
/* The first loss counts. Harmless for one that is lost, or NULL. */
void local_stream_lose(struct local_stream *s, enum local_stream_loss loss);
/* The stream that the answer at hand is written to; NULL: none. */
static inline struct local_stream *local_stream_of(const struct sluice_exchange *x)
{
	return x->local ? x->local->stream : NULL;
}
