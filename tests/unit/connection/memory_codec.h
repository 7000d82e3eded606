/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/connection/memory_codec.h - a second codec behind struct http_stream: both ends in
 * memory, many streams at a time, a window for each, resets that concern one stream alone.
 *
 * It is what HTTP/2 asks of the interface, without its bytes. Events come from memory_link_turn,
 * never from inside a call. */
#pragma once

#include "connection/http_stream.h"
#include "loop/loop.h"

struct memory_link;

/* Requests that arrive are given to `on_request`, as by struct http_server_events. */
struct memory_link *memory_link_new(
	struct loop *loop, void (*on_request)(void *owner, struct http_stream *s), void *owner);
/* All streams are released. */
void memory_link_free(struct memory_link *l);
struct http_stream *memory_link_open(struct memory_link *l, struct arena *arena,
	const struct http_stream_events *events, void *owner);
/* Delivers everything that is due. */
void memory_link_turn(struct memory_link *l);
/* As a peer that refuses new streams (REFUSED_STREAM): the next one is reset unprocessed. */
void memory_link_refuse_next(struct memory_link *l);
