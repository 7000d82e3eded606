/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/client_address.h - who the client is, when the peer is a proxy that is believed. */
#pragma once

#include "generation/edge.h"
#include "http/message.h"

struct client_address {
	struct address address;
	/* What the proxy that the client spoke to tells of it (RFC 7239); "" when it does not. */
	struct str proto, host;
};

/* `peer` is in edge->proxies. Walks the list in the configured header from the right: with hops for
 * so many elements, else until an address that is no believed proxy. A malformed element ends the
 * walk at the one behind it; without any element the client is the peer. Views into the fields. */
void client_address_find(const struct edge *edge, const struct address *peer,
	const struct fields *fields, struct client_address *out);
