/* SPDX-License-Identifier: Apache-2.0 */
/* The policy on a request head: version, target and Host, framing, what the connection needs. */
#include "http/h1_priv.h"

#include "base/check.h"
#include "http/uri.h"

static enum h1_error error_of(enum rc rc, enum h1_error invalid)
{
	if (LIKELY(rc == RC_OK))
		return H1_ERROR_NONE;
	return rc == RC_FULL ? H1_ERROR_MEMORY : invalid;
}

static enum h1_error take_path(struct http_request *r, struct str target)
{
	enum rc rc = uri_parse_origin_form(target, r->fields.arena, &r->path, &r->query,
		&r->has_query, &r->path_holds);
	return error_of(rc, H1_ERROR_TARGET);
}

/* RFC 9112 3.2.2: the authority of the target counts, and Host has to be the same. */
static enum h1_error take_target_authority(struct http_request *r, struct str authority)
{
	struct str checked;
	enum rc rc = uri_check_authority(authority, r->fields.arena, &checked);
	if (rc != RC_OK)
		return error_of(rc, H1_ERROR_TARGET);
	if (r->authority.n > 0 && !str_eq(checked, r->authority))
		return H1_ERROR_HOST;
	r->authority = checked;
	return H1_ERROR_NONE;
}

/* "http://authority[/path][?query]" */
static enum h1_error take_absolute_form(struct http_request *r)
{
	size_t scheme = str_eq_nocase(str_slice(r->target, 0, 7), STR("http://"))    ? 7
			: str_eq_nocase(str_slice(r->target, 0, 8), STR("https://")) ? 8
										     : 0;
	if (scheme == 0)
		return H1_ERROR_TARGET;
	struct str rest = str_from(r->target, scheme);
	size_t end = 0;
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
		end++;
	enum h1_error error = take_target_authority(r, str_slice(rest, 0, end));
	if (error != H1_ERROR_NONE)
		return error;
	rest = str_from(rest, end);
	if (rest.n > 0 && rest.p[0] == '/')
		return take_path(r, rest);
	/* An empty path: the server as a whole for OPTIONS (RFC 9112 3.2.4), else the root. */
	r->path = r->method == METHOD_OPTIONS && rest.n == 0 ? STR("*") : STR("/");
	r->has_query = rest.n > 0;
	r->query = str_from(rest, 1);
	return uri_query_is_valid(r->query) ? H1_ERROR_NONE : H1_ERROR_TARGET;
}

static enum h1_error take_target(struct http_request *r)
{
	if (UNLIKELY(r->method == METHOD_CONNECT)) {
		/* authority-form, with a port (RFC 9112 3.2.3); there is no path. */
		size_t last = r->target.n;
		while (last > 0 && r->target.p[last - 1] >= '0' && r->target.p[last - 1] <= '9')
			last--;
		bool has_port = last > 0 && last < r->target.n && r->target.p[last - 1] == ':';
		return has_port ? take_target_authority(r, r->target) : H1_ERROR_TARGET;
	}
	if (LIKELY(r->target.p[0] == '/'))
		return take_path(r, r->target);
	if (str_eq(r->target, STR("*"))) {
		r->path = r->target;
		return r->method == METHOD_OPTIONS ? H1_ERROR_NONE : H1_ERROR_TARGET;
	}
	return take_absolute_form(r);
}

static enum h1_error take_host(struct h1_parser *p, const char *section)
{
	bool has_host = p->m.seen & (uint64_t)1 << FIELD_HOST;
	if (!has_host)
		return p->m.version_minor == 0 ? H1_ERROR_NONE : H1_ERROR_HOST;
	struct http_request *r = p->request;
	return error_of(uri_check_authority(span_view(section, p->m.host), p->arena, &r->authority),
		H1_ERROR_HOST);
}

static enum h1_error take_framing(struct h1_parser *p)
{
	struct http_request *r = p->request;
	enum h1_error error = head_check_framing(p);
	if (error != H1_ERROR_NONE)
		return error;
	if (p->m.is_chunked)
		r->content_length = CONTENT_LENGTH_UNKNOWN;
	else if (p->m.length_line.n > 0)
		r->content_length = (int64_t)p->m.length;
	/* A tunnel has no content (RFC 9110 9.3.6): what such bytes would be is anybody's guess. */
	if (r->method == METHOD_CONNECT && r->content_length != CONTENT_LENGTH_NONE)
		return H1_ERROR_FRAMING;
	return H1_ERROR_NONE;
}

static void take_start_line(struct h1_parser *p, const char *section)
{
	struct http_request *r = p->request;
	r->method_name = span_view(section, p->m.method);
	r->method = http_method_of(r->method_name);
	r->target = span_view(section, p->m.target);
	r->version_major = 1;
	r->version_minor = p->m.version_minor;
}

/* HTTP/1.0 knows neither of the two. */
static void take_options(struct h1_parser *p, const char *section)
{
	struct http_request *r = p->request;
	if (p->m.version_minor == 0)
		return;
	if (p->m.names_upgrade)
		r->upgrade = span_view(section, p->m.upgrade);
	r->expects_continue = p->m.expects_continue && r->content_length != CONTENT_LENGTH_NONE &&
			      r->content_length != 0;
}

static enum h1_state state_of_content(const struct http_request *r)
{
	if (r->content_length == CONTENT_LENGTH_UNKNOWN)
		return STATE_CHUNK_LINE;
	return r->content_length > 0 ? STATE_LENGTH : STATE_DONE;
}

enum h1_event request_finish(struct h1_parser *p, const char *section)
{
	struct http_request *r = p->request;
	take_start_line(p, section);
	enum h1_error error = take_host(p, section);
	if (error == H1_ERROR_NONE)
		error = take_target(r);
	if (error == H1_ERROR_NONE)
		error = take_framing(p);
	if (error != H1_ERROR_NONE)
		return parser_fail(p, error);
	if (!judge_head(p, section, p->m.is_chunked))
		return parser_fail(p, H1_ERROR_SYNTAX);
	r->lost_fields = head_drop_nominated(p);
	take_options(p, section);
	p->m.left = p->m.length;
	p->state = state_of_content(r);
	return H1_HEAD;
}
