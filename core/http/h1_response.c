/* SPDX-License-Identifier: Apache-2.0 */
/* The policy on a response head (RFC 9112 6.3): which content follows, if any. */
#include "http/h1_priv.h"

#include "base/check.h"
#include "base/limits.h"

static bool is_tunnel(const struct h1_parser *p)
{
	return p->m.status == 101 ||
	       (p->method == METHOD_CONNECT && p->m.status >= 200 && p->m.status < 300);
}

/* RFC 9110 6.4.1 */
static bool has_content(const struct h1_parser *p)
{
	return p->m.status >= 200 && p->m.status != 204 && p->m.status != 304 &&
	       p->method != METHOD_HEAD;
}

/* Interim responses, 204 and what opens a tunnel must declare nothing. A length of 0 is common with
 * 204 and harmless: it is left out. */
static bool declares_what_cannot_be(const struct h1_parser *p)
{
	bool is_bare = p->m.status < 200 || p->m.status == 204 || is_tunnel(p);
	return is_bare && (p->m.is_chunked || p->m.length > 0);
}

/* A switch has to be asked for, and said in full. */
static bool is_bad_switch(const struct h1_parser *p)
{
	return p->m.status == 101 && (!p->upgrade_asked || !p->m.names_upgrade ||
					     p->m.upgrade.n == 0 || p->m.version_minor == 0);
}

static enum h1_error check(const struct h1_parser *p)
{
	enum h1_error error = head_check_framing(p);
	if (error != H1_ERROR_NONE)
		return error;
	if (declares_what_cannot_be(p) || is_bad_switch(p))
		return H1_ERROR_FRAMING;
	return H1_ERROR_NONE;
}

static int64_t content_length_of(const struct h1_parser *p)
{
	if (p->m.status < 200 || p->m.status == 204 || is_tunnel(p))
		return CONTENT_LENGTH_NONE;
	return p->m.length_line.n > 0 ? (int64_t)p->m.length : CONTENT_LENGTH_UNKNOWN;
}

static void fill(struct h1_parser *p, const char *section)
{
	struct http_response *r = p->response;
	r->status = p->m.status;
	r->reason = span_view(section, p->m.reason);
	r->version_major = 1;
	r->version_minor = p->m.version_minor;
	r->content_length = content_length_of(p);
	r->has_content = has_content(p) && !is_tunnel(p) && r->content_length != 0;
	if (p->m.names_upgrade)
		r->upgrade = span_view(section, p->m.upgrade);
}

static enum h1_state state_of_content(const struct h1_parser *p)
{
	if (!p->response->has_content)
		return STATE_DONE;
	if (p->m.is_chunked)
		return STATE_CHUNK_LINE;
	return p->m.length_line.n > 0 ? STATE_LENGTH : STATE_UNTIL_CLOSE;
}

enum h1_event response_finish(struct h1_parser *p, const char *section)
{
	bool is_interim = p->m.status < 200 && p->m.status != 101;
	enum h1_error error = check(p);
	if (error == H1_ERROR_NONE && is_interim && p->interims++ >= p->limits->interim_responses)
		error = H1_ERROR_INTERIM;
	if (error != H1_ERROR_NONE)
		return parser_fail(p, error);
	bool reads_chunks = p->m.is_chunked && has_content(p);
	if (!judge_head(p, section, reads_chunks))
		return parser_fail(p, H1_ERROR_SYNTAX);
	fill(p, section);
	head_drop_nominated(p);
	if (is_tunnel(p)) {
		p->state = STATE_TUNNEL;
		return H1_UPGRADED;
	}
	p->m.left = p->m.length;
	p->state = is_interim ? STATE_INTERIM : state_of_content(p);
	return H1_HEAD;
}
