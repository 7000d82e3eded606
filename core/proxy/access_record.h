/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/access_record.h - one JSON line for every request, also for those that never became one.
 *
 * Written into the worker's record ring: when the writer is behind, lines are dropped and counted,
 * and nobody waits. docs/observability.md lists the fields. */
#pragma once

#include "connection/http_stream.h"

struct exchange;
struct proxy_worker;

/* Why the exchange ended as it did, or is about to: "ok", a fault's reason, or the word of the
 * policy that answered. */
struct str access_record_reason(const struct exchange *e);
/* Who answered in the upstream's place, or failed; NULL: the gateway. */
struct chain_binding;
const struct chain_binding *access_record_answerer(const struct exchange *e);

/* The reason of a head that was refused with that status. */
struct str access_record_refusal_reason(uint16_t status);
/* Counts the exchange and writes its record. */
void access_record_write(struct exchange *e);
/* Appends the record to `out`, without values of the query. */
struct buffer;
void access_record_tell(const struct exchange *e, struct buffer *out);
/* Of a client: nothing else comes of its connection. */
void access_record_handshake_failed(
	struct proxy_worker *w, const struct http_stream *s, const char *detail);
/* A head that the codec refused, or that came too slowly. status 0: closed without an answer. */
void access_record_refused(
	struct proxy_worker *w, const struct http_stream *s, uint16_t status, const char *detail);
