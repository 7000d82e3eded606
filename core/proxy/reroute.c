/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/reroute.h"

#include "policy/target.h"
#include "proxy/exchange_priv.h"

enum rc reroute_choose(struct exchange *e)
{
	const struct exchange_way *way = e->x.way;
	const struct sluice_target *to = way->target;
	struct http_request *r = e->down->request;
	struct str rest = way->path.n > 0 ? way->path : exchange_path_rest(e);
	if (rest.n == 0 && to->path.n == 0)
		rest = STR("/");
	struct str path = rest;
	/* The server as a whole is asked, and nothing behind a path of it (RFC 9110 7.1). */
	if (to->path.n > 0 && !str_eq(rest, STR("*")))
		path = arena_printf(
			e->x.arena, "%.*s%.*s", STR_ARG(to->path), STR_ARG(rest));
	if (path.n == 0)
		return RC_FULL;
	e->service = to->service;
	e->rewrites_host = to->rewrites_host;
	r->path = path;
	return RC_OK;
}

void reroute_override(struct exchange *e)
{
	const struct exchange_way *way = e->x.way;
	struct http_request *r = e->down->request;
	if (way->path.n > 0 && !way->target)
		r->path = way->path;
	if (way->host.n > 0)
		r->authority = way->host;
}
