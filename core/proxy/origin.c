/* SPDX-License-Identifier: Apache-2.0 */
/* Of what a believed proxy sends, only the configured header tells the client's address: from the
 * others a client's own inventions may come through, so they are written anew. */
#include "proxy/origin.h"

#include "http/uri.h"
#include "proxy/client_address.h"

/* --- what the proxy says --------------------------------------------------------------------- */

/* The value of a field that stands there once. */
static struct str single(const struct fields *f, enum field_id id)
{
	struct str found = STR_EMPTY;
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->items[i].id != id)
			continue;
		if (found.p)
			return STR_EMPTY;
		found = f->items[i].value;
	}
	return found;
}

/* All values of a field as one list. */
static struct str joined(struct exchange *e, enum field_id id)
{
	const struct fields *f = &e->down->request->fields;
	struct str list = STR_EMPTY;
	for (uint32_t i = 0; i < f->count; i++) {
		struct str value = f->items[i].value;
		if (f->items[i].id != id || value.n == 0)
			continue;
		list = list.n == 0 ? value
				   : arena_printf(e->x.arena, "%.*s, %.*s", STR_ARG(list),
					     STR_ARG(value));
	}
	return list;
}

/* "" unless it is one of the two that can be meant. */
static struct str scheme_of(struct str text)
{
	if (str_eq_nocase(text, STR("https")))
		return STR("https");
	return str_eq_nocase(text, STR("http")) ? STR("http") : STR_EMPTY;
}

static struct str host_of(struct exchange *e, struct str text)
{
	struct str host;
	return uri_check_authority(text, e->x.arena, &host) == RC_OK ? host : STR_EMPTY;
}

static struct str port_of(struct str text)
{
	uint64_t port;
	bool is_port = text.n <= 5 && str_to_u64(text, 65535, &port) == RC_OK && port > 0;
	return is_port ? text : STR_EMPTY;
}

static void take_told(struct exchange *e, const struct edge *edge,
	const struct client_address *client, struct origin *o)
{
	struct http_request *r = e->down->request;
	bool is_rfc7239 = edge->header == EDGE_FORWARDED;
	struct str proto = is_rfc7239 ? client->proto : single(&r->fields, FIELD_X_FORWARDED_PROTO);
	struct str host = is_rfc7239 ? client->host : single(&r->fields, FIELD_X_FORWARDED_HOST);
	proto = scheme_of(proto);
	host = host_of(e, host);
	if (proto.n > 0)
		r->scheme = o->proto = proto;
	if (host.n > 0)
		o->host = host;
	if (!is_rfc7239)
		o->port = port_of(single(&r->fields, FIELD_X_FORWARDED_PORT));
}

/* The client and the proxies, each as the one behind it saw it. */
static struct str chain_of(struct exchange *e, const struct edge *edge, struct str peer)
{
	struct str before = edge->header == EDGE_X_FORWARDED_FOR ? joined(e, FIELD_X_FORWARDED_FOR)
								 : e->x.client_address;
	if (before.n == 0 || (edge->header != EDGE_X_FORWARDED_FOR && str_eq(before, peer)))
		return arena_copy(e->x.arena, peer);
	return arena_printf(e->x.arena, "%.*s, %.*s", STR_ARG(before), STR_ARG(peer));
}

static void believe(struct exchange *e, const struct edge *edge, struct origin *o)
{
	char text[ADDRESS_TEXT_BYTES];
	struct client_address client;
	struct str peer = address_ip_text(e->down->peer, text);
	client_address_find(edge, e->down->peer, &e->down->request->fields, &client);
	e->x.client_address = address_ip_text(&client.address, e->client_text);
	e->is_proxied = true;
	o->is_believed = true;
	take_told(e, edge, &client, o);
	o->forwarded_for = chain_of(e, edge, peer);
}

/* --- RFC 7239 -------------------------------------------------------------------------------- */

/* An IPv6 literal as RFC 7239 6 has it. */
static struct str node_of(struct exchange *e, struct str ip)
{
	bool has_colon = str_index(ip, ':') < ip.n;
	return has_colon ? arena_printf(e->x.arena, "\"[%.*s]\"", STR_ARG(ip)) : ip;
}

/* The element of this hop, behind those that were believed. */
static struct str forwarded_of(
	struct exchange *e, const struct edge *edge, const struct origin *o, struct str proto)
{
	char text[ADDRESS_TEXT_BYTES];
	struct str peer = address_ip_text(e->down->peer, text);
	struct str host = e->down->request->authority, before = STR_EMPTY;
	if (o->is_believed && edge->header == EDGE_FORWARDED)
		before = joined(e, FIELD_FORWARDED);
	else if (o->is_believed && !str_eq(e->x.client_address, peer))
		before = arena_printf(
			e->x.arena, "for=%.*s", STR_ARG(node_of(e, e->x.client_address)));
	struct str own = arena_printf(e->x.arena, "for=%.*s;proto=%.*s%s%.*s%s",
		STR_ARG(node_of(e, peer)), STR_ARG(proto), host.n > 0 ? ";host=\"" : "",
		STR_ARG(host), host.n > 0 ? "\"" : "");
	if (before.n == 0)
		return own;
	return arena_printf(e->x.arena, "%.*s, %.*s", STR_ARG(before), STR_ARG(own));
}

void origin_find(struct exchange *e, const struct edge *edge, struct origin *o)
{
	struct str proto = e->down->request->scheme; /* of the connection */
	if (cidr_set_contains(&edge->proxies, e->down->peer))
		believe(e, edge, o);
	if (edge->emits_forwarded)
		o->forwarded = forwarded_of(e, edge, o, proto);
}
