/* SPDX-License-Identifier: Apache-2.0 */
/* Fields to be sent. The library copies them, names in lower case. */
#include "http/h2_priv.h"

#include "base/check.h"

#include <stdio.h>

/* Pseudo fields, length, date, te. */
#define EXTRA_FIELDS 8

static bool make_room(struct h2_list *l, struct arena *arena, uint32_t fields)
{
	size_t n = (size_t)fields + EXTRA_FIELDS;
	l->count = l->bytes = 0;
	l->items = n <= H2_FIELDS_ROOM ? l->room : arena_alloc(arena, n * sizeof(nghttp2_nv));
	return l->items != NULL;
}

static void add(struct h2_list *l, struct str name, struct str value)
{
	l->bytes += name.n + value.n;
	l->items[l->count++] = (nghttp2_nv){
		.name = (uint8_t *)name.p,
		.namelen = name.n,
		.value = (uint8_t *)value.p,
		.valuelen = value.n,
		.flags = NGHTTP2_NV_FLAG_NONE,
	};
}

static void add_fields(struct h2_list *l, const struct fields *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		add(l, f->items[i].name, f->items[i].value);
}

/* RFC 8441 5: what HTTP/1.1 proves by them, the settings say here. */
static void add_switch_fields(struct h2_list *l, const struct fields *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (!str_eq_nocase(f->items[i].name, STR("sec-websocket-key")) &&
			!str_eq_nocase(f->items[i].name, STR("sec-websocket-accept")))
			add(l, f->items[i].name, f->items[i].value);
}

static void add_length(struct h2_list *l, int64_t length)
{
	if (length < 0)
		return;
	int n = snprintf(l->length, sizeof(l->length), "%lld", (long long)length);
	add(l, STR("content-length"), str_n(l->length, (size_t)n));
}

/* --- requests -------------------------------------------------------------------------------- */

static bool path_of(struct arena *arena, const struct http_request *r, struct str *path)
{
	*path = r->path;
	if (!r->has_query)
		return true;
	*path = arena_printf(arena, "%.*s?%.*s", STR_ARG(r->path), STR_ARG(r->query));
	return path->p != NULL;
}

/* RFC 9110 10.1.4: we pass trailers on, and gRPC's servers insist on being told. */
static bool takes_trailers(const struct http_request *r)
{
	const struct field *type = fields_get_id(&r->fields, FIELD_CONTENT_TYPE);
	return r->takes_trailers ||
	       (type && str_eq_nocase(str_slice(type->value, 0, 16), STR("application/grpc")));
}

bool h2_list_request(
	struct h2_list *l, struct arena *arena, const struct http_request *r, bool has_content)
{
	struct str path;
	if (!make_room(l, arena, r->fields.count) || !path_of(arena, r, &path))
		return false;
	bool extends = r->upgrade.n > 0;
	add(l, STR(":method"), extends ? STR("CONNECT") : r->method_name);
	if (extends)
		add(l, STR(":protocol"), r->upgrade);
	if (extends || r->method != METHOD_CONNECT) {
		add(l, STR(":scheme"), r->scheme.n > 0 ? r->scheme : STR("http"));
		add(l, STR(":path"), path);
	}
	if (r->authority.n > 0)
		add(l, STR(":authority"), r->authority);
	if (extends)
		add_switch_fields(l, &r->fields);
	else
		add_fields(l, &r->fields);
	if (has_content || r->content_length == 0)
		add_length(l, r->content_length);
	if (takes_trailers(r))
		add(l, STR("te"), STR("trailers"));
	return true;
}

/* --- responses ------------------------------------------------------------------------------- */

bool h2_list_response(
	struct h2_list *l, struct arena *arena, const struct http_response *r, struct str date)
{
	if (!make_room(l, arena, r->fields.count))
		return false;
	unsigned status = r->status;
	l->status[0] = (char)('0' + status / 100 % 10);
	l->status[1] = (char)('0' + status / 10 % 10);
	l->status[2] = (char)('0' + status % 10);
	add(l, STR(":status"), str_n(l->status, 3));
	add_fields(l, &r->fields);
	if (status < 200)
		return true;
	if (date.n > 0 && !fields_get_id(&r->fields, FIELD_DATE))
		add(l, STR("date"), date);
	if (status != 204)
		add_length(l, r->content_length);
	return true;
}

bool h2_list_trailers(struct h2_list *l, struct arena *arena, const struct fields *f)
{
	if (!make_room(l, arena, f->count))
		return false;
	add_fields(l, f);
	return true;
}
