/* SPDX-License-Identifier: Apache-2.0 */
/* net/proxy_protocol.h - the header that a balancer puts before a connection's bytes, to tell from
 * whom they come: versions 1 and 2 of the PROXY protocol. Pure functions of bytes.
 *
 * What it holds beside the two addresses is checked for its length and passed over.
 */
#pragma once

#include "net/address.h"

enum proxy_header_event {
	PROXY_HEADER_MORE, /* every byte so far belongs to it, and more have to come */
	PROXY_HEADER_DONE,
	PROXY_HEADER_INVALID,
};

struct proxy_header {
	size_t bytes; /* of the header; what follows is the connection's */
	/* The client as the balancer saw it. n 0: it tells of none (LOCAL, UNKNOWN, a UNIX socket),
	 * and the connection is the peer's own. */
	struct address source;
	struct address destination;
};

/* All bytes of the connection so far; *out is set with PROXY_HEADER_DONE. What is longer than
 * LIMIT_PROXY_HEADER_BYTES is invalid. */
enum proxy_header_event proxy_header_parse(struct str in, struct proxy_header *out);

/* What is written is no longer. */
#define PROXY_HEADER_WRITTEN_BYTES 108

/* A header of version 1 or 2 into `to`; how long it is. Of a connection that nobody stands behind
 * (source.n 0), or whose addresses are of two families or of none that has a name there, it tells
 * nothing but that (UNKNOWN, LOCAL). */
size_t proxy_header_write(unsigned version, const struct address *source,
	const struct address *destination, char to[PROXY_HEADER_WRITTEN_BYTES]);
