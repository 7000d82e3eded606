/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/stream.h - the service "sluice.stream/1": an answer that a policy writes piece by piece.
 *
 *	request_head:  struct sluice_stream_options o = {
 *	                       .size = sizeof(o), .ready = on_ready, .closed = on_closed, .arg = mine};
 *	               if (service->begin(x, 200, fields, 1, &o, &mine->stream) != SLUICE_OK)
 *	                       return SLUICE_FAIL;
 *	               return SLUICE_RESPONDED;
 *	a timer:       service->write(mine->stream, event, SLUICE_STREAM_WHOLE);
 *	later:         service->end(mine->stream, NULL, 0);
 *	closed:        free what belongs to `mine`
 *
 * The head and what is written walk back through the policies in front, as any answer does. A
 * stream lives on the worker of its exchange, and ends with it at the latest.
 */
#ifndef SLUICE_STREAM_H
#define SLUICE_STREAM_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_STREAM_SERVICE "sluice.stream/1"

/* What of a stream is written and not yet on its way to the client, in bytes, at most. */
#define SLUICE_STREAM_CREDIT_BYTES 65536

/* Checked by generation: never a pointer. 0 is none. */
typedef uint64_t sluice_stream;

/* Why a stream is over. A later version may give other numbers. */
enum sluice_stream_end {
	SLUICE_STREAM_SENT, /* whole: all of it was handed to the client's connection; also where an
			       answer has no content (HEAD, 204, 304) */
	SLUICE_STREAM_ABORTED,     /* by `abort` */
	SLUICE_STREAM_REPLACED,    /* it did not become the answer, or another took its place */
	SLUICE_STREAM_CLIENT_GONE, /* nobody reads it any more */
	SLUICE_STREAM_CUT          /* by the gateway: a limit of time, overload, shutdown, a policy in
				      front that failed */
};

/* For `write`. */
enum {
	SLUICE_STREAM_WHOLE = 1 /* all of the bytes or none */
};

typedef void sluice_stream_ready_fn(
	const struct sluice_call *call, sluice_stream stream, void *arg);
typedef void sluice_stream_closed_fn(
	const struct sluice_call *call, sluice_stream stream, uint32_t why, void *arg);

struct sluice_stream_options {
	uint32_t size;
	uint32_t reserved;
	/* A short word for the log and the metrics, as of host->respond; at most 64 bytes, copied. */
	struct sluice_str reason;
	/* How many bytes there will be, for Content-Length; 0: that is not known. Not one more is
	 * taken then, and `end` is refused before the last. */
	uint64_t length;
	/* There is room again: called once after a `write` that did not take all that it was given, on
	 * the stream's worker, never from inside one of these calls. May be NULL. */
	sluice_stream_ready_fn *ready;
	/* Called exactly once for each stream that `begin` gave, before `log` and `done` of the binding,
	 * never from inside one of these calls; `why` is an enum sluice_stream_end. `stream` is refused
	 * from here on. May be NULL. */
	sluice_stream_closed_fn *closed;
	void *arg; /* for both */
};

struct sluice_stream_service {
	uint32_t size;
	uint32_t reserved;

	/* Exchange callbacks up to response_end, until the response has been sent: begins an answer;
	 * then return SLUICE_RESPONDED from the same callback, else it is dropped (and closed).
	 * `status` and `fields` are as of host->respond. The options are copied, `arg` is given up
	 * with success. SLUICE_E_INVALID, SLUICE_E_FULL (memory of the exchange),
	 * SLUICE_E_WRONG_CALLBACK. */
	int32_t (*begin)(struct sluice_exchange *exchange, int32_t status,
		const struct sluice_str *fields, size_t field_count,
		const struct sluice_stream_options *options, sluice_stream *stream);

	/* The rest: on the worker of the stream, in any code of the instance that began it that runs
	 * there: exchange callbacks up to response_end, worker_start, and what services call (`ready`,
	 * timers, messages, jobs that are done, answers). SLUICE_E_STALE: it is over.
	 * SLUICE_E_WRONG_CALLBACK: another worker's, or another instance's. */

	/* Appends a copy of the bytes; how many were taken, from the first on. SLUICE_E_FULL: none,
	 * there is no room; `ready` tells when there is. SLUICE_E_INVALID: more than `length`, or than
	 * fit at all with SLUICE_STREAM_WHOLE; or behind the end. What an answer without content is
	 * given is taken and dropped. */
	int64_t (*write)(sluice_stream stream, struct sluice_str bytes, uint32_t flags);
	/* How many bytes `write` would take now. */
	int64_t (*room)(sluice_stream stream);
	/* Nothing follows. `trailers` are name, value, name, value, ...; NULL: none (a client of
	 * HTTP/1.0, or a length that is known, leaves no place for any: they are dropped).
	 * SLUICE_E_INVALID: ended already, less than `length`, or a trailer that cannot be one;
	 * SLUICE_E_FULL: no memory for the trailers. It then goes on as before. */
	int32_t (*end)(sluice_stream stream, const struct sluice_str *trailers, size_t trailer_count);
	/* What there is is not to be taken for whole: the client's stream is cut, or, when the head
	 * has not been sent, it is answered 503. SLUICE_E_INVALID: ended already. */
	int32_t (*abort)(sluice_stream stream);
};

#ifdef __cplusplus
}
#endif
#endif
