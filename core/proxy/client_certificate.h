/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/client_certificate.h - X-Forwarded-Client-Cert: what upstreams are told of a client's
 * certificate.
 *
 * The form is Envoy's: elements with commas between them, the last one of the last hop; in an
 * element key=value pairs with semicolons between them. What has one of these characters stands in
 * double quotes, in which a double quote is written with a backslash before it. */
#pragma once

#include "connection/http_stream.h"
#include "generation/generation.h"

/* The field's value for the request of `s` on that port, from what the client sent (`received`, or
 * STR_EMPTY); STR_EMPTY: the request has none. In the arena, which may be spent by it. */
struct str client_certificate_field(const struct generation_listener *port,
	const struct http_stream *s, struct str received, struct arena *arena);
