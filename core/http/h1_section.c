/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: reads the lines of a head or of a trailer section, each byte once.
 *
 * A section that came in one piece is read where it was received, and copied to the arena when it
 * is whole; one that came in pieces is gathered in the arena line by line. Both give the same
 * verdict, because it depends on positions alone: the first byte that breaks a rule decides, and a
 * limit is broken by the byte behind it. So a bad byte is refused as soon as it is there, and not
 * only when its line is whole.
 *
 * Refused here: anything but CRLF at the end of a line, control bytes, folded lines, names that are
 * no tokens, white space before the colon, and every excess of size.
 */
#include "http/h1_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "http/field_id.h"
#include "http/field_role.h"
#include "http/scan.h"

/* "HTTP/1.1" */
#define VERSION_BYTES 8
/* What a field costs beside its bytes (RFC 9113 6.5.2), so that many small ones are bounded. */
#define FIELD_OVERHEAD_BYTES 32
/* A section grows by one line at a time; this much more than its limit it may hold. */
#define HELD_SLACK_BYTES 64

void section_begin(struct h1_parser *p, struct fields *fields, uint32_t bytes_max)
{
	p->fields = fields;
	p->held = NULL;
	p->held_n = 0;
	p->held_capacity = 0;
	p->at = 0;
	p->clean = 0;
	p->bytes_max = bytes_max;
}

/* Where reading has to stop: at the end of what is there, or n bytes behind `from`. */
static const char *bounded(const char *from, size_t n, const char *end)
{
	return (size_t)(end - from) < n ? end : from + n;
}

/* A scan stopped at `stop` inside its run: at the limit, or only at the end of what is there. */
static enum progress line_stopped(
	struct h1_parser *p, const char *stop, const char *end, enum h1_error excess)
{
	return stop == end ? LINE_MORE : line_fail(p, excess);
}

/* The CRLF at `at`, which is below `end`. */
static enum progress read_crlf(struct h1_parser *p, const char *at, const char *end)
{
	if (*at != '\r')
		return line_fail(p, H1_ERROR_SYNTAX);
	if (at + 1 == end)
		return LINE_MORE;
	return at[1] == '\n' ? LINE_NEXT : line_fail(p, H1_ERROR_SYNTAX);
}

static void advance(struct h1_parser *p, uint32_t line_bytes)
{
	p->at += line_bytes;
	p->clean = 0;
}

/* --- start lines ----------------------------------------------------------------------------- */

/* Where no version of HTTP stands. A method that everybody knows says that it was meant to be one;
 * of a line that has neither, nothing does. */
static enum h1_error error_of_version(const struct h1_parser *p, const char *section, size_t same)
{
	bool can_be = p->is_response || same >= 5 /* "HTTP/" */ ||
		      http_method_of(span_view(section, p->m.method)) != METHOD_OTHER;
	return can_be ? H1_ERROR_SYNTAX : H1_ERROR_NOT_HTTP;
}

/* "HTTP/d.d" at `at`, as far as it is there; LINE_NEXT when it is whole. */
static enum progress read_any_version(
	struct h1_parser *p, const char *section, const char *at, const char *end)
{
	static const char form[VERSION_BYTES + 1] = "HTTP/d.d";
	for (size_t i = 0; i < VERSION_BYTES; i++) {
		if (at + i == end)
			return LINE_MORE;
		bool is_fine = form[i] == 'd' ? at[i] >= '0' && at[i] <= '9' : at[i] == form[i];
		if (!is_fine)
			return line_fail(p, error_of_version(p, section, i));
	}
	p->m.version_minor = (uint8_t)(at[7] - '0');
	return LINE_NEXT;
}

static inline enum progress read_version(
	struct h1_parser *p, const char *section, const char *at, const char *end)
{
	if (UNLIKELY(end - at < VERSION_BYTES || memcmp(at, "HTTP/1.1", VERSION_BYTES) != 0))
		return read_any_version(p, section, at, end);
	p->m.version_minor = 1;
	return LINE_NEXT;
}

static bool is_version_known(const char *version)
{
	return version[5] == '1' && (version[7] == '0' || version[7] == '1');
}

static enum progress read_request_line(struct h1_parser *p, const char *section, const char *end)
{
	const char *line = section + p->at;
	const char *stop = bounded(line, LIMIT_METHOD_BYTES, end);
	const char *space = scan_token(line, stop);
	if (space == end)
		return LINE_MORE;
	if (*space != ' ' || space == line)
		return line_fail(p, H1_ERROR_SYNTAX);
	p->m.method = span_of(section, line, space);

	const char *target = space + 1;
	stop = bounded(target, p->limits->target_bytes + 1, end);
	const char *from = p->clean > target - line ? line + p->clean : target;
	space = from < stop ? scan_target(from, stop) : stop;
	p->clean = (uint32_t)(space - line);
	if (space == stop)
		return line_stopped(p, stop, end, H1_ERROR_TARGET_TOO_LONG);
	if (*space != ' ')
		return line_fail(
			p, *space == '\r' || *space == '\n' ? H1_ERROR_SYNTAX : H1_ERROR_TARGET);
	if (space == target)
		return line_fail(p, H1_ERROR_TARGET);
	p->m.target = span_of(section, target, space);

	const char *version = space + 1;
	enum progress progress = read_version(p, section, version, end);
	if (progress != LINE_NEXT)
		return progress;
	const char *crlf = version + VERSION_BYTES;
	progress = crlf == end ? LINE_MORE : read_crlf(p, crlf, end);
	if (progress != LINE_NEXT)
		return progress;
	if (!is_version_known(version))
		return line_fail(p, H1_ERROR_VERSION);
	p->m.start_line = span_of(section, line, crlf + 2);
	return LINE_NEXT;
}

/* " ddd" at `at`, as far as it is there. */
static enum progress read_status(struct h1_parser *p, const char *at, const char *end)
{
	unsigned status = 0;
	for (size_t i = 0; i < 4; i++) {
		if (at + i == end)
			return LINE_MORE;
		bool is_digit = at[i] >= '0' && at[i] <= '9';
		if (i == 0 ? at[i] != ' ' : !is_digit)
			return line_fail(p, H1_ERROR_SYNTAX);
		if (i > 0)
			status = status * 10 + (unsigned)(at[i] - '0');
	}
	if (status < 100 || status > 599)
		return line_fail(p, H1_ERROR_SYNTAX);
	p->m.status = (uint16_t)status;
	return LINE_NEXT;
}

static enum progress read_status_line(struct h1_parser *p, const char *section, const char *end)
{
	const char *line = section + p->at;
	enum progress progress = read_version(p, section, line, end);
	if (progress == LINE_NEXT)
		progress = read_status(p, line + VERSION_BYTES, end);
	if (progress != LINE_NEXT)
		return progress;

	/* The space before an empty reason may be missing. */
	const char *after = line + VERSION_BYTES + 4;
	if (after == end)
		return LINE_MORE;
	if (*after != ' ' && *after != '\r')
		return line_fail(p, H1_ERROR_SYNTAX);
	const char *reason = *after == ' ' ? after + 1 : after;
	const char *stop = bounded(reason, p->limits->field_value_bytes + 1, end);
	const char *from = p->clean > reason - line ? line + p->clean : reason;
	const char *crlf = from < stop ? scan_text(from, stop) : stop;
	p->clean = (uint32_t)(crlf - line);
	if (crlf == stop)
		return line_stopped(p, stop, end, H1_ERROR_HEAD_TOO_LARGE);
	progress = read_crlf(p, crlf, end);
	if (progress != LINE_NEXT)
		return progress;
	if (!is_version_known(line))
		return line_fail(p, H1_ERROR_VERSION);
	p->m.reason = span_of(section, reason, crlf);
	p->m.start_line = span_of(section, line, crlf + 2);
	return LINE_NEXT;
}

/* The start line, behind at most one empty line before a request (RFC 9112 2.2). */
static enum progress read_start_line(struct h1_parser *p, const char *section, const char *end)
{
	while (!p->is_response && section + p->at < end && section[p->at] == '\r') {
		enum progress progress = read_crlf(p, section + p->at, end);
		if (progress != LINE_NEXT)
			return progress;
		if (p->m.empty_lines++ > 0)
			return line_fail(p, H1_ERROR_SYNTAX);
		advance(p, 2);
	}
	enum progress progress = p->is_response ? read_status_line(p, section, end)
						: read_request_line(p, section, end);
	if (progress == LINE_NEXT) {
		p->m.has_start_line = true;
		advance(p, p->m.start_line.n);
	}
	return progress;
}

/* --- fields ---------------------------------------------------------------------------------- */

/* Between a colon and a CRLF, both of which stand there: they end the loops. Below SP, text holds
 * HTAB alone. */
static inline struct str trimmed(const char *from, const char *crlf)
{
	const char *to = crlf;
	from += *from == ' ';
	while (UNLIKELY((unsigned char)*from <= ' ' && from < crlf))
		from++;
	while (UNLIKELY((unsigned char)to[-1] <= ' ' && to > from))
		to--;
	return (struct str){from, (size_t)(to - from)};
}

/* The last line of the section, when it is there. */
static enum progress read_end(struct h1_parser *p, const char *section, const char *end)
{
	const char *line = section + p->at;
	if (line == end)
		return LINE_MORE;
	if (*line != '\r')
		return line_fail(p, H1_ERROR_HEAD_TOO_LARGE);
	enum progress progress = read_crlf(p, line, end);
	if (progress != LINE_NEXT)
		return progress;
	p->at += 2;
	if (p->at + p->fields->count * FIELD_OVERHEAD_BYTES > p->bytes_max)
		return line_fail(p, H1_ERROR_HEAD_TOO_LARGE);
	return LINE_LAST;
}

/* Why no whole line begins at `at`: the first byte that breaks a rule, or there is more to come. */
static enum progress judge_line(
	struct h1_parser *p, const char *at, const char *stop, const char *end)
{
	const char *colon = scan_token(at, stop);
	if (colon - at > p->limits->field_name_bytes)
		return line_fail(p, H1_ERROR_HEAD_TOO_LARGE);
	if (colon == stop)
		return line_stopped(p, stop, end, H1_ERROR_HEAD_TOO_LARGE);
	if (*colon != ':' || colon == at)
		return line_fail(p, H1_ERROR_SYNTAX);
	const char *value = colon + 1;
	const char *crlf = scan_text(p->clean > colon - at ? at + p->clean : value, stop);
	p->clean = (uint32_t)(crlf - at);
	if (crlf - value > p->limits->field_value_bytes)
		return line_fail(p, H1_ERROR_HEAD_TOO_LARGE);
	if (crlf == stop)
		return line_stopped(p, stop, end, H1_ERROR_HEAD_TOO_LARGE);
	return read_crlf(p, crlf, end);
}

/* Cuts the field line at `at`, of which `clean` bytes hold no control; false when it is not whole,
 * or bad. */
static inline bool cut_line(const struct message_limits *limits, const char *at, size_t clean,
	const char *stop, const char *end, struct field_line *line)
{
	const char *colon = scan_word(at, stop);
	line->is_plain = true;
	if (UNLIKELY(colon == stop || *colon != ':')) {
		line->is_plain = false;
		colon = scan_token(colon, stop);
		if (colon == stop || *colon != ':')
			return false;
	}
	const char *value = colon + 1;
	const char *crlf = scan_text(UNLIKELY(at + clean > value) ? at + clean : value, stop);
	/* One comparison for nearly all: the longest value is allowed more than a name. */
	bool is_long =
		UNLIKELY(crlf - at > limits->field_name_bytes) &&
		(colon - at > limits->field_name_bytes || crlf - value > limits->field_value_bytes);
	if (UNLIKELY(is_long || colon == at || end - crlf < 2 || memcmp(crlf, "\r\n", 2) != 0))
		return false;
	line->name = (struct str){at, (size_t)(colon - at)};
	line->value = trimmed(value, crlf);
	line->end = crlf + 2;
	return true;
}

static inline enum progress take_line(
	struct h1_parser *p, const char *section, const struct field_line *line)
{
	enum field_id id = field_id_find(line->name);
	struct fields *f = p->fields;
	if (UNLIKELY(field_roles[id] != 0 || !line->is_plain || f->count == f->capacity))
		return head_take_field(p, section, line, id);
	fields_place(f, line->name, id, line->value);
	return LINE_NEXT;
}

static enum progress read_fields(struct h1_parser *p, const char *section, const char *end)
{
	const bool is_head = p->state == STATE_HEAD;
	const struct message_limits *limits = p->limits;
	const char *at = section + p->at;
	const char *stop = bounded(section, p->bytes_max, end);
	size_t clean = p->clean;
	enum progress progress = LINE_NEXT;
	struct field_line line;
	while (at < stop && *at != '\r') {
		if (UNLIKELY(!cut_line(limits, at, clean, stop, end, &line))) {
			progress = judge_line(p, at, stop, end);
			break;
		}
		progress = LIKELY(is_head) ? take_line(p, section, &line)
					   : trailer_take_field(p, &line);
		if (UNLIKELY(progress != LINE_NEXT))
			break;
		clean = p->clean = 0;
		at = line.end;
	}
	p->at = (uint32_t)(at - section);
	return progress == LINE_NEXT ? read_end(p, section, end) : progress;
}

static enum progress read_lines(struct h1_parser *p, const char *section, const char *end)
{
	if (p->state == STATE_HEAD && !p->m.has_start_line) {
		enum progress progress = read_start_line(p, section, end);
		if (progress != LINE_NEXT)
			return progress;
	}
	return read_fields(p, section, end);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* The section's bytes have moved: the fields read so far follow. */
static void move_fields(struct h1_parser *p, const char *from, const char *to)
{
	uintptr_t distance = (uintptr_t)to - (uintptr_t)from;
	struct field *end = p->fields->items + p->fields->count;
	for (struct field *field = p->fields->items; field != end; field++) {
		field->name.p = (const char *)((uintptr_t)field->name.p + distance);
		field->value.p = (const char *)((uintptr_t)field->value.p + distance);
	}
}

/* Room for n more held bytes. */
static bool reserve(struct h1_parser *p, uint32_t n)
{
	if (p->held_capacity - p->held_n >= n)
		return true;
	uint32_t capacity = p->held_capacity < 512 ? 1024 : p->held_capacity * 2;
	while (capacity - p->held_n < n)
		capacity *= 2;
	char *held = arena_realloc(p->arena, p->held, p->held_capacity, capacity);
	if (!held)
		return false;
	if (p->held && held != p->held)
		move_fields(p, p->held, held);
	p->held = held;
	p->held_capacity = capacity;
	return true;
}

/* Keeps all of `in`, of which some lines are read already. */
static enum progress hold(struct h1_parser *p, struct str in)
{
	if (!reserve(p, (uint32_t)in.n))
		return line_fail(p, H1_ERROR_MEMORY);
	memcpy(p->held, in.p, in.n);
	p->held_n = (uint32_t)in.n;
	move_fields(p, in.p, p->held);
	return LINE_MORE;
}

/* A stray empty line between requests is forgotten, so that the connection counts as idle. */
static void forget_empty_line(struct h1_parser *p)
{
	if (p->state == STATE_HEAD && !p->m.has_start_line && p->at == p->held_n)
		p->at = p->held_n = 0;
}

static enum progress read_in_place(
	struct h1_parser *p, struct str in, size_t *consumed, const char **section)
{
	enum progress progress = read_lines(p, in.p, in.p + in.n);
	if (progress == LINE_BAD)
		return progress;
	if (progress == LINE_MORE) {
		*consumed = in.n;
		progress = hold(p, in);
		forget_empty_line(p);
		return progress;
	}
	*consumed = p->at;
	char *copy = arena_alloc(p->arena, p->at);
	if (!copy)
		return line_fail(p, H1_ERROR_MEMORY);
	memcpy(copy, in.p, p->at);
	move_fields(p, in.p, copy);
	*section = copy;
	return LINE_LAST;
}

/* Through the next LF, and never far beyond what a section may hold. */
static size_t next_piece(const struct h1_parser *p, struct str in)
{
	const char *lf = memchr(in.p, '\n', in.n);
	size_t n = lf ? (size_t)(lf + 1 - in.p) : in.n;
	size_t most = p->bytes_max + HELD_SLACK_BYTES - p->held_n;
	return n < most ? n : most;
}

static enum progress read_held(
	struct h1_parser *p, struct str in, size_t *consumed, const char **section)
{
	while (*consumed < in.n) {
		struct str rest = str_from(in, *consumed);
		size_t n = next_piece(p, rest);
		if (!reserve(p, (uint32_t)n))
			return line_fail(p, H1_ERROR_MEMORY);
		memcpy(p->held + p->held_n, rest.p, n);
		p->held_n += (uint32_t)n;
		*consumed += n;
		enum progress progress = read_lines(p, p->held, p->held + p->held_n);
		if (progress != LINE_MORE) {
			*section = p->held;
			return progress;
		}
		forget_empty_line(p);
	}
	return LINE_MORE;
}

enum progress section_feed(
	struct h1_parser *p, struct str in, size_t *consumed, const char **section)
{
	if (in.n == 0)
		return LINE_MORE;
	return p->held_n == 0 ? read_in_place(p, in, consumed, section)
			      : read_held(p, in, consumed, section);
}
