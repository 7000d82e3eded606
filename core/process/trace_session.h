/* SPDX-License-Identifier: Apache-2.0 */
/* process/trace_session.h - somebody follows requests: from the question on the admin socket to the
 * last line of the answer.
 *
 * One at a time. It ends when so many stories were told, when its time is over, when its client
 * goes, or when the gateway stops; stories under way then are told as far as they are.
 *
 *   BEGINNING -> every worker has the tracer -> ON -> ENDING -> every worker has let it go -> gone
 *
 * Threads      the main thread. */
#pragma once

#include "admin/admin.h"

struct gateway;
struct trace_session;

/* POST /trace?api=NAME&path=REGEX&client=CIDR&header=NAME[:VALUE]&count=N&seconds=N */
void trace_session_answer(void *gateway, struct admin_answer *a);
/* No worker is to be asked any more. NULL is harmless. */
void trace_session_stop(struct trace_session *s);
