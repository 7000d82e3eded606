/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/origin.h - where a request came from, in the words of the fields that upstreams get. */
#pragma once

#include "generation/edge.h"
#include "proxy/exchange_priv.h"

struct origin {
	struct str forwarded_for, proto, host;
	struct str port, forwarded; /* "" for most */
	bool is_believed;           /* the peer is a proxy whose fields count */
};

/* `o` holds what the gateway sees itself: the peer, the connection's scheme, Host. From a believed
 * proxy it becomes what that one says, and the exchange's client address and the request's scheme
 * become the client's. In the arena, whose `failed` tells when there was no room. */
void origin_find(struct exchange *e, const struct edge *edge, struct origin *o);
