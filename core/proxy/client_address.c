/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/client_address.h"

#include "base/limits.h"
#include "http/forwarded.h"

static bool is_header(const struct edge *edge, const struct field *f)
{
	switch (edge->header) {
	case EDGE_X_FORWARDED_FOR:
		return f->id == FIELD_X_FORWARDED_FOR;
	case EDGE_FORWARDED:
		return f->id == FIELD_FORWARDED;
	case EDGE_OTHER_HEADER:
		break;
	}
	return str_eq_nocase(f->name, edge->header_name);
}

/* Whether the proxy at out->address is believed, having told of `told` others. */
static bool is_believed(const struct edge *edge, const struct client_address *out, uint32_t told)
{
	if (told == LIMIT_FORWARDED_HOPS)
		return false;
	return edge->hops > 0 ? told < edge->hops : cidr_set_contains(&edge->proxies, &out->address);
}

/* One element; false when the walk ends before it. */
static bool step(const struct edge *edge, struct str *list, struct client_address *out)
{
	struct forwarded_hop hop;
	enum forwarded_step taken = edge->header == EDGE_FORWARDED ? forwarded_pop(list, &hop)
								   : forwarded_for_pop(list, &hop);
	struct address address;
	if (taken != FORWARDED_HOP || address_from_ip(hop.node, 0, &address) != RC_OK)
		return false;
	*out = (struct client_address){address, hop.proto, hop.host};
	return true;
}

void client_address_find(const struct edge *edge, const struct address *peer,
	const struct fields *fields, struct client_address *out)
{
	uint32_t told = 0;
	*out = (struct client_address){0};
	address_copy(&out->address, peer);
	for (uint32_t i = fields->count; i-- > 0;) {
		if (!is_header(edge, &fields->items[i]))
			continue;
		struct str list = fields->items[i].value;
		while (str_trim(list).n > 0) {
			if (!is_believed(edge, out, told++) || !step(edge, &list, out))
				return;
		}
	}
}
