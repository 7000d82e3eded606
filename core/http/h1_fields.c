/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a head mean for the connection, by the table of their roles, and which ones a
 * trailer section may hold.
 *
 * What belongs to one hop is taken out here (RFC 9110 7.6.1); the writer writes it anew. A name
 * that reads like one of ours once '_' is taken for '-' is refused, since some servers make the two
 * one (CGI variables); so is a Connection field that would have us remove what others rely on. */
#include "http/h1_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "http/field_role.h"

static enum progress append(
	struct h1_parser *p, struct str name, enum field_id id, struct str value)
{
	if (LIKELY(fields_append(p->fields, name, id, value) == RC_OK))
		return LINE_NEXT;
	bool are_many = p->fields->count >= p->fields->max;
	return line_fail(p, are_many ? H1_ERROR_HEAD_TOO_LARGE : H1_ERROR_MEMORY);
}

/* --- Connection ------------------------------------------------------------------------------ */

/* Bounds the work that one head can ask for: each nominated name is looked for in all fields. */
#define NOMINATED_MAX 32

/* Everything that the gateway knows by name decides who is served, or how; only what means
 * something to this hop alone may be nominated. */
static bool is_protected(struct str name)
{
	enum field_id id = field_id_of(name);
	if (id == FIELD_OTHER)
		return field_is_owned(name);
	return field_roles[id] != ROLE_HOP && field_roles[id] != ROLE_UPGRADE;
}

/* The next option of a Connection list; false at the end. */
static bool next_option(struct str *list, struct str *option)
{
	while (list->p) {
		*option = str_trim(str_cut(list, ','));
		if (option->n > 0)
			return true;
	}
	return false;
}

enum option { OPTION_CLOSE, OPTION_KEEP_ALIVE, OPTION_UPGRADE, OPTION_FIELD };

static enum option option_of(struct str option)
{
	if (str_eq_nocase(option, STR("keep-alive")))
		return OPTION_KEEP_ALIVE;
	if (str_eq_nocase(option, STR("close")))
		return OPTION_CLOSE;
	return str_eq_nocase(option, STR("upgrade")) ? OPTION_UPGRADE : OPTION_FIELD;
}

static enum h1_error take_option(struct h1_parser *p, struct str option)
{
	switch (option_of(option)) {
	case OPTION_CLOSE:
		p->m.is_close = true;
		return H1_ERROR_NONE;
	case OPTION_KEEP_ALIVE:
		p->m.is_keep_alive = true;
		return H1_ERROR_NONE;
	case OPTION_UPGRADE:
		p->m.names_upgrade = true;
		return H1_ERROR_NONE;
	case OPTION_FIELD:
		break;
	}
	if (!field_name_is_valid(option))
		return H1_ERROR_SYNTAX;
	if (is_protected(option) || p->m.nominated++ == NOMINATED_MAX)
		return H1_ERROR_HOP_BY_HOP;
	return H1_ERROR_NONE;
}

/* Nominated fields may still come: a Connection that has any stays in `fields` until the end. */
static enum progress take_connection(struct h1_parser *p, struct str name, struct str value)
{
	if (LIKELY(str_eq(value, STR("keep-alive")))) {
		p->m.is_keep_alive = true;
		return LINE_NEXT;
	}
	struct str list = value, option;
	unsigned nominated = p->m.nominated;
	while (next_option(&list, &option)) {
		enum h1_error error = take_option(p, option);
		if (error != H1_ERROR_NONE)
			return line_fail(p, error);
	}
	return p->m.nominated > nominated ? append(p, name, FIELD_CONNECTION, value) : LINE_NEXT;
}

/* Takes the first Connection out of the fields; STR_EMPTY with p == NULL when there is none. */
static struct str take_out_connection(struct fields *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->items[i].id != FIELD_CONNECTION)
			continue;
		struct str value = f->items[i].value;
		memmove(&f->items[i], &f->items[i + 1], (f->count - i - 1) * sizeof(struct field));
		f->count--;
		return value;
	}
	return STR_EMPTY;
}

bool head_drop_nominated(struct h1_parser *p)
{
	if (LIKELY(p->m.nominated == 0))
		return false;
	struct str list, option;
	size_t dropped = 0;
	while ((list = take_out_connection(p->fields)).p)
		while (next_option(&list, &option))
			if (option_of(option) == OPTION_FIELD)
				dropped += fields_remove(p->fields, option);
	return dropped > 0;
}

/* --- framing --------------------------------------------------------------------------------- */

/* Digits alone. More than 19 cannot be meant, and 19 do not overflow 64 bits. */
static bool length_of(struct str value, uint64_t *length)
{
	uint64_t n = 0;
	if (value.n == 0 || value.n > 19)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		unsigned digit = (unsigned char)value.p[i] - '0';
		if (digit > 9)
			return false;
		n = n * 10 + digit;
	}
	*length = n;
	return n <= INT64_MAX;
}

/* A list of well-formed codings of which `chunked` is at most the last: we know none of the others.
 * All else could be read as two different framings. */
static bool is_coding_list(struct str value)
{
	if (value.n == 0)
		return false;
	struct str list = value;
	bool was_chunked = false;
	while (list.p) {
		struct str coding = str_trim(str_cut(&list, ','));
		if (was_chunked || !field_name_is_valid(coding))
			return false;
		was_chunked = str_eq_nocase(coding, STR("chunked"));
	}
	return true;
}

static enum progress take_coding(struct h1_parser *p, struct str value, struct span line)
{
	if (p->m.version_minor == 0)
		return line_fail(p, H1_ERROR_FRAMING);
	p->m.coding_line = line;
	if (LIKELY(str_eq_nocase(value, STR("chunked")))) {
		p->m.is_chunked = true;
		return LINE_NEXT;
	}
	if (!is_coding_list(value))
		return line_fail(p, H1_ERROR_FRAMING);
	p->m.has_unknown_coding = true;
	return LINE_NEXT;
}

enum h1_error head_check_framing(const struct h1_parser *p)
{
	if (UNLIKELY(p->m.coding_line.n > 0)) {
		if (p->m.length_line.n > 0)
			return H1_ERROR_FRAMING;
		if (p->m.has_unknown_coding)
			return H1_ERROR_CODING;
	}
	return H1_ERROR_NONE;
}

/* --- heads ----------------------------------------------------------------------------------- */

/* What a second field of a role is: some may be repeated. */
static const uint8_t error_of_second[] = {
	[ROLE_LENGTH] = H1_ERROR_FRAMING,
	[ROLE_CODING] = H1_ERROR_FRAMING,
	[ROLE_HOST] = H1_ERROR_HOST,
	[ROLE_EXPECT] = H1_ERROR_EXPECTATION,
	[ROLE_UPGRADE] = H1_ERROR_SYNTAX,
	[ROLE_SINGLE] = H1_ERROR_SYNTAX,
};

static enum progress take_role(struct h1_parser *p, const char *section,
	const struct field_line *line, enum field_id id, enum field_role role)
{
	struct str value = line->value;
	struct span value_span = span_of(section, value.p, value.p + value.n);
	struct span whole = span_of(section, line->name.p, line->end);
	switch (role) {
	case ROLE_HOST:
		p->m.host = value_span;
		return LINE_NEXT;
	case ROLE_CONNECTION:
		return take_connection(p, line->name, value);
	case ROLE_LENGTH:
		p->m.length_line = whole;
		return length_of(value, &p->m.length) ? LINE_NEXT : line_fail(p, H1_ERROR_FRAMING);
	case ROLE_CODING:
		return take_coding(p, value, whole);
	case ROLE_UPGRADE:
		p->m.upgrade = value_span;
		return LINE_NEXT;
	case ROLE_EXPECT:
		p->m.expects_continue = str_eq_nocase(value, STR("100-continue"));
		return p->m.expects_continue ? LINE_NEXT : line_fail(p, H1_ERROR_EXPECTATION);
	case ROLE_HOP:
		return LINE_NEXT;
	default:
		return append(p, line->name, id, value);
	}
}

enum progress head_take_field(
	struct h1_parser *p, const char *section, const struct field_line *line, enum field_id id)
{
	if (UNLIKELY(!line->is_plain && field_is_twin(line->name)))
		return line_fail(p, H1_ERROR_SYNTAX);
	enum field_role role = field_roles[id];
	if (role == ROLE_PASS || (p->is_response && role >= ROLE_HOST))
		return append(p, line->name, id, line->value);
	uint64_t bit = (uint64_t)1 << id;
	if (UNLIKELY(p->m.seen & bit && error_of_second[role] != H1_ERROR_NONE))
		return line_fail(p, error_of_second[role]);
	p->m.seen |= bit;
	return take_role(p, section, line, id, role);
}

/* --- trailers -------------------------------------------------------------------------------- */

enum progress trailer_take_field(struct h1_parser *p, const struct field_line *line)
{
	enum field_id id = field_id_of(line->name);
	if (!h1_may_trail(line->name, id) || p->fields->count >= p->limits->trailer_fields)
		return line_fail(p, H1_ERROR_TRAILERS);
	return append(p, line->name, id, line->value);
}
