/* SPDX-License-Identifier: Apache-2.0 */
/* admin/stream.h - an answer that goes on: lines as they come, until one side ends it.
 *
 * Whoever fills an answer may take its stream instead of ending it there: then the body is what is
 * sent first, and `closed` is called when the client goes. It comes at most once, and not behind
 * admin_stream_end, which is the owner's last call unless `closed` came.
 *
 * Threads      the main loop. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

struct admin_stream;
struct admin_answer;

/* In the function that fills the answer. */
struct admin_stream *admin_stream_take(
	struct admin_answer *a, void (*closed)(void *owner), void *owner);
/* False: the client takes nothing more for now, and this is lost. */
bool admin_stream_send(struct admin_stream *s, struct str text);
void admin_stream_end(struct admin_stream *s);
