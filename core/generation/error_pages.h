/* SPDX-License-Identifier: Apache-2.0 */
/* generation/error_pages.h - bodies of the gateway's own errors, as an operator worded them.
 *
 * A page is a template with {placeholders}, one for each media type that it is offered in; which one
 * a client gets is for its Accept to say. What is put in is escaped as the media type asks.
 *
 * Ownership    owns its texts: an API outlives its plan.
 * Threads      immutable once made; read by all workers.
 */
#pragma once

#include "base/buffer.h"
#include "http/message.h"
#include "plan/plan.h"

/* X(id, text between the braces) */
#define ERROR_PLACEHOLDERS(X)                                                                      \
	X(STATUS, "status")                                                                        \
	X(REASON_PHRASE, "reasonPhrase")                                                           \
	X(MESSAGE, "message")                                                                      \
	X(REASON, "reason")                                                                        \
	X(REQUEST_ID, "requestId")

struct error_values {
	uint16_t status;
	struct str message; /* for the client; cut at 1 KiB */
	struct str reason;  /* the word of the access record */
	struct str request_id;
};

struct error_pages;

/* Of a plan's `errors`; NULL when there are none. */
struct error_pages *error_pages_new(const struct plan_node *errors);
/* NULL is harmless. */
void error_pages_free(struct error_pages *p);
/* Appends the body for that status and what the request's fields accept (NULL: anything). False:
 * there is no page for it. `out` may have failed. `content_type` is static; `varies`: another Accept
 * might get another one. */
bool error_pages_render(const struct error_pages *p, const struct fields *accept,
	const struct error_values *v, struct buffer *out, struct str *content_type, bool *varies);
