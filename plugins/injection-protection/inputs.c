/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include "decode.h"

#include "util/content.h"

#include "sluice/text.h"

/* Of forms in parts within each other: RFC 7578 knew one within another once, and each may have to
 * be read in four ways. */
#define DEPTH_MAX 2

typedef size_t decode_fn(struct sluice_str in, char *out);

static int judge(struct inputs *in, enum input input, struct sluice_str value)
{
	return value.n ? in->judge(in->arg, input, value) : 0;
}

/* Room for each decoded value of a text: they are judged one after the other, in one place. */
static char *room(struct inputs *in, size_t n)
{
	const struct sluice_host *host = in->call->host;
	if (in->decoded_bytes > n)
		return in->decoded;
	host->instance_free(in->call->instance, in->decoded);
	in->decoded = host->instance_alloc(in->call->instance, n + 1);
	in->decoded_bytes = in->decoded ? n + 1 : 0;
	return in->decoded;
}

void inputs_deinit(struct inputs *in)
{
	in->call->host->instance_free(in->call->instance, in->decoded);
}

/* --- the target ------------------------------------------------------------------------------ */
static size_t percent_plus(struct sluice_str in, char *out)
{
	return decode_percent(in, 1, out);
}

static size_t percent(struct sluice_str in, char *out)
{
	return decode_percent(in, 0, out);
}

/* Each part between separators; with `pairs` its name and its value. */
static int judge_parts(struct inputs *in, enum input input, struct sluice_str text, char separator,
	int pairs, decode_fn *decode)
{
	char *decoded = room(in, text.n);
	if (!decoded)
		return -1;
	while (text.n) {
		struct sluice_str value = sluice_cut(&text, separator);
		struct sluice_str name = pairs ? sluice_cut(&value, '=') : value;
		int found = judge(in, input, (struct sluice_str){decoded, decode(name, decoded)});
		if (found == 0 && pairs && value.p)
			found = judge(
				in, input, (struct sluice_str){decoded, decode(value, decoded)});
		if (found)
			return found;
	}
	return 0;
}

int inputs_of_target(struct inputs *in)
{
	const struct sluice_host *host = in->call->host;
	struct sluice_str path = host->fact(in->exchange, SLUICE_FACT_TARGET);
	/* Not that of the target, in which secrets are masked. */
	struct sluice_str query = host->fact(in->exchange, SLUICE_FACT_QUERY);
	path = sluice_cut(&path, '?');
	char *decoded = room(in, path.n);
	if (!decoded)
		return -1;
	int found =
		judge(in, INPUT_WHOLE_PATH, (struct sluice_str){decoded, percent(path, decoded)});
	if (found == 0)
		found = judge_parts(in, INPUT_PATH, path, '/', 0, percent);
	return found ? found : judge_parts(in, INPUT_QUERY, query, '&', 1, percent_plus);
}

/* --- header fields --------------------------------------------------------------------------- */
static int equals(struct sluice_str name, const char *other)
{
	return content_equal(name, (struct sluice_str){other, strlen(other)});
}

/* What has a grammar of its own and reaches no database as it is. */
static int is_exempt(struct sluice_str name)
{
	static const char *const names[] = {"accept", "accept-encoding", "accept-language",
		"authorization", "content-type", "content-length", "host", "connection", "if-match",
		"if-none-match", "if-modified-since", "if-unmodified-since", "range", "te",
		"transfer-encoding", "upgrade", "traceparent"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (equals(name, names[i]))
			return 1;
	return 0;
}

/* Whether a list of names, separated by commas, has this one. */
static int is_listed(struct sluice_str list, struct sluice_str name)
{
	while (list.n)
		if (content_equal(sluice_trim(sluice_cut(&list, ',')), name))
			return 1;
	return 0;
}

int inputs_of_headers(struct inputs *in)
{
	const struct sluice_host *host = in->call->host;
	struct sluice_str name, value;
	uint32_t at = 0;
	int found = 0;
	while (found == 0 && host->field_next(in->exchange, SLUICE_REQUEST, SLUICE_STR(""), &at,
				     &name, &value) == SLUICE_OK) {
		if (in->headers.n ? !is_listed(in->headers, name) : is_exempt(name))
			continue;
		found = equals(name, "cookie")
				? judge_parts(in, INPUT_HEADER, value, ';', 1, percent)
				: judge(in, INPUT_HEADER, value);
	}
	return found;
}

/* --- JSON ------------------------------------------------------------------------------------ */
/* Behind the string at p (behind its quote): at the quote that ends it, or the end. */
static const char *string_end(const char *p, const char *end, char quote)
{
	while (p < end && *p != quote)
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return p;
}

/* Behind the byte order mark that a text may begin with. */
static const char *behind_mark(struct sluice_str text)
{
	return text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0 ? text.p + 3 : text.p;
}

/* What JSON has between its strings. */
static int is_between(char c)
{
	char l = (char)(c | 0x20);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("{}[]:,+-. \t\r\n", c));
}

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int looks_like_json(struct sluice_str text)
{
	const char *p = behind_mark(text), *end = text.p + text.n;
	while (p < end && is_space(*p))
		p++;
	return p < end && (*p == '{' || *p == '[');
}

static int judge_json_piece(struct inputs *in, const char *p, const char *to)
{
	struct sluice_str piece = {p, (size_t)(to - p)};
	return judge(
		in, INPUT_BODY, (struct sluice_str){in->decoded, decode_json(piece, in->decoded)});
}

/* What is no JSON some parsers take all the same, with comments and strings in single quotes: then
 * nobody knows what is within a string, and each piece between quotes may be. */
static int judge_json_pieces(struct inputs *in, struct sluice_str text, char quote)
{
	const char *p = text.p, *end = text.p + text.n;
	for (;;) {
		const char *to = string_end(p, end, quote);
		int found = judge_json_piece(in, p, to);
		if (found || to == end)
			return found;
		p = to + 1;
	}
}

/* Each string of a JSON text, names included; what else may be in it is of no use to anybody. */
static int judge_json(struct inputs *in, struct sluice_str text)
{
	const char *end = text.p + text.n, *p = behind_mark(text);
	int is_json = 1;
	if (!room(in, text.n))
		return -1;
	while (p < end) {
		if (*p != '"') {
			is_json &= is_between(*p++);
			continue;
		}
		const char *to = string_end(p + 1, end, '"');
		int found = judge_json_piece(in, p + 1, to);
		if (found)
			return found;
		p = to < end ? to + 1 : end;
	}
	if (is_json)
		return 0;
	int found = judge(in, INPUT_BODY, text);
	if (found == 0)
		found = judge_json_pieces(in, text, '"');
	return found ? found : judge_json_pieces(in, text, '\'');
}

/* --- XML ------------------------------------------------------------------------------------- */
struct xml {
	struct inputs *in;
	const char *p, *end;
	size_t n; /* of the text since the last tag, decoded */
};

static int starts(const struct xml *x, struct sluice_str text)
{
	return (size_t)(x->end - x->p) >= text.n && memcmp(x->p, text.p, text.n) == 0;
}

/* Up to the next `mark`, and behind it; all the rest when there is none. */
static struct sluice_str take_to(struct xml *x, struct sluice_str mark)
{
	const char *from = x->p, *to = memmem(from, (size_t)(x->end - from), mark.p, mark.n);
	x->p = to ? to + mark.n : x->end;
	return (struct sluice_str){from, (size_t)((to ? to : x->end) - from)};
}

/* Texts, and CDATA among them, are one to whoever reads them. */
static void add_text(struct xml *x, struct sluice_str text, int is_raw)
{
	char *at = x->in->decoded + x->n;
	if (is_raw && text.n)
		memcpy(at, text.p, text.n);
	x->n += is_raw ? text.n : decode_xml(text, at);
}

static int judge_text(struct xml *x)
{
	size_t n = x->n;
	x->n = 0;
	return judge(x->in, INPUT_BODY, (struct sluice_str){x->in->decoded, n});
}

/* The attributes' values of the tag at x->p; of a document type those before its declarations. */
static int judge_tag(struct xml *x)
{
	int is_declaration = starts(x, SLUICE_STR("<!"));
	for (x->p++; x->p < x->end; x->p++) {
		if (*x->p == '>' || (is_declaration && *x->p == '[')) {
			x->p++;
			return 0;
		}
		if (*x->p != '"' && *x->p != '\'')
			continue;
		const char quote[] = {*x->p++};
		add_text(x, take_to(x, (struct sluice_str){quote, 1}), 0);
		x->p--;
		int found = judge_text(x);
		if (found)
			return found;
	}
	return 0;
}

static int judge_markup(struct xml *x)
{
	if (starts(x, SLUICE_STR("<!--")) || starts(x, SLUICE_STR("<?"))) {
		int is_comment = x->p[1] == '!';
		x->p += is_comment ? 4 : 2;
		take_to(x, is_comment ? SLUICE_STR("-->") : SLUICE_STR("?>"));
		return 0;
	}
	if (starts(x, SLUICE_STR("<![CDATA["))) {
		x->p += 9;
		add_text(x, take_to(x, SLUICE_STR("]]>")), 1);
		return 0;
	}
	int found = judge_text(x);
	return found ? found : judge_tag(x);
}

/* Texts, CDATA and the values of attributes. */
static int judge_xml(struct inputs *in, struct sluice_str text)
{
	struct xml x = {in, text.p, text.p + text.n, 0};
	if (!room(in, text.n))
		return -1;
	while (x.p < x.end) {
		const char *tag = memchr(x.p, '<', (size_t)(x.end - x.p));
		add_text(&x, (struct sluice_str){x.p, (size_t)((tag ? tag : x.end) - x.p)}, 0);
		x.p = tag ? tag : x.end;
		int found = tag ? judge_markup(&x) : 0;
		if (found)
			return found;
	}
	return judge_text(&x);
}

/* --- forms in parts -------------------------------------------------------------------------- */
static struct sluice_str content_type_of(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str type = SLUICE_STR("");
	host->field_get(x, SLUICE_REQUEST, SLUICE_STR("content-type"), &type);
	return type;
}

static struct sluice_str next_line(struct sluice_str *text)
{
	struct sluice_str line = sluice_cut(text, '\n');
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* Whether everybody takes the part for a file: it has a name of one, in its one disposition. */
static int is_file(struct sluice_str head)
{
	const struct sluice_str name = SLUICE_STR("content-disposition");
	int dispositions = 0, has_filename = 0;
	while (head.n) {
		struct sluice_str value = next_line(&head);
		if (value.n && (*value.p == ' ' || *value.p == '\t'))
			return 0;
		if (!content_equal(content_essence(sluice_cut(&value, ':')), name))
			continue;
		dispositions++;
		has_filename |= content_parameter(value, SLUICE_STR("filename")).n > 0;
	}
	return dispositions == 1 && has_filename;
}

/* Behind the first blank line: one that everybody sees, or one of line feeds alone; NULL. */
static const char *behind_blank(struct sluice_str part, int is_strict)
{
	const char *end = part.p + part.n;
	for (const char *p = part.p; (p = memchr(p, '\n', (size_t)(end - p))); p++) {
		size_t left = (size_t)(end - p);
		int has_cr = p > part.p && p[-1] == '\r';
		if (left >= 3 && p[1] == '\r' && p[2] == '\n' && (has_cr || !is_strict))
			return p + 3;
		if (!is_strict && left >= 2 && p[1] == '\n')
			return p + 2;
	}
	return NULL;
}

static int judge_content(struct inputs *in, uint32_t kinds, struct sluice_str type,
	struct sluice_str body, int depth);

/* The parameters in a part's head: names of fields and files. */
static int judge_part_head(struct inputs *in, struct sluice_str head)
{
	while (head.n) {
		struct sluice_str line = next_line(&head);
		sluice_cut(&line, ':');
		int found = line.n ? judge_parts(in, INPUT_BODY, line, ';', 1, percent) : 0;
		if (found)
			return found;
	}
	return 0;
}

/* The media type of a part; an empty one: it is a text. */
static struct sluice_str part_type(struct sluice_str head)
{
	while (head.n) {
		struct sluice_str value = next_line(&head);
		if (content_equal(sluice_trim(sluice_cut(&value, ':')), SLUICE_STR("content-type")))
			return sluice_trim(value);
	}
	return SLUICE_STR("");
}

/* What it says to be, and a text: not everybody believes what a part says. */
static int judge_part_content(
	struct inputs *in, struct sluice_str head, struct sluice_str content, int depth)
{
	struct sluice_str type = part_type(head);
	uint32_t kinds = (type.n ? content_kind_of(type) : 0) | CONTENT_TEXT;
	return judge_content(in, kinds, type, content, depth + 1);
}

/* The names in a part's head, and what it holds, unless that is a file. */
static int judge_part(struct inputs *in, struct sluice_str part, int depth)
{
	const char *strict = behind_blank(part, 1), *loose = behind_blank(part, 0);
	const char *content[] = {strict, loose != strict ? loose : NULL};
	const char *head_end = strict ? strict : loose ? loose : part.p + part.n;
	struct sluice_str head = {part.p, (size_t)(head_end - part.p)};
	int found = judge_part_head(in, head);
	if (found)
		return found;
	if (!loose)
		return judge(in, INPUT_BODY, part);
	if (loose == strict && is_file(head) && !in->all_types)
		return 0;
	for (size_t i = 0; i < 2 && found == 0; i++) {
		size_t n = content[i] ? part.n - (size_t)(content[i] - part.p) : 0;
		if (n)
			found = judge_part_content(
				in, head, (struct sluice_str){content[i], n}, depth);
	}
	return found;
}

/* The delimiter that begins at p, "--" and the boundary: 1 when its line has nothing else, or "--";
 * -1 when it goes on otherwise, and parsers disagree; 0: there is none. */
static int is_delimiter(const char *p, const char *end, struct sluice_str boundary)
{
	if ((size_t)(end - p) < boundary.n + 2 || p[0] != '-' || p[1] != '-' ||
		memcmp(p + 2, boundary.p, boundary.n) != 0)
		return 0;
	p += 2 + boundary.n;
	if (end - p >= 2 && p[0] == '-' && p[1] == '-')
		return 1;
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p == end || *p == '\n' ? 1 : -1;
}

/* The parts between delimiters at the beginning of lines. Those on which parsers disagree count
 * when `is_loose`; *is_unsure says that there is one. */
static int judge_parts_between(struct inputs *in, struct sluice_str text,
	struct sluice_str boundary, int is_loose, int *is_unsure, int depth)
{
	const char *from = text.p, *end = text.p + text.n;
	for (const char *line = text.p; line;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		int delimits = is_delimiter(line, end, boundary);
		*is_unsure |= delimits < 0;
		if (delimits > 0 || (delimits && is_loose)) {
			const char *to = line;
			to -= to > from && to[-1] == '\n';
			to -= to > from && to[-1] == '\r';
			int found = judge_part(
				in, (struct sluice_str){from, (size_t)(to - from)}, depth);
			if (found)
				return found;
			from = delimits > 0 ? (next ? next + 1 : end) : line + 2 + boundary.n;
		}
		line = next ? next + 1 : NULL;
	}
	return judge_part(in, (struct sluice_str){from, (size_t)(end - from)}, depth);
}

/* `type` has the boundary. Parts within parts within parts are a text. */
static int judge_multipart(
	struct inputs *in, struct sluice_str type, struct sluice_str text, int depth)
{
	struct sluice_str boundary = content_parameter(type, SLUICE_STR("boundary"));
	int is_unsure = 0;
	if (boundary.n == 0 || depth >= DEPTH_MAX)
		return judge(in, INPUT_BODY, text);
	int found = judge_parts_between(in, text, boundary, 0, &is_unsure, depth);
	return found || !is_unsure ? found
				   : judge_parts_between(in, text, boundary, 1, &is_unsure, depth);
}

/* --- what can be read ------------------------------------------------------------------------ */
/* In which bytes below 128 are ASCII. */
static const char *const charsets[] = {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1",
	"iso-8859-15", "windows-1252", NULL};

/* Whether there is at most one boundary, of characters that need no quotes and no escapes. */
static int boundary_is_clear(struct sluice_str type)
{
	size_t count = 0;
	for (size_t i = 0; i + 9 <= type.n; i++)
		count += content_equal((struct sluice_str){type.p + i, 9}, SLUICE_STR("boundary="));
	struct sluice_str boundary = content_parameter(type, SLUICE_STR("boundary"));
	for (size_t i = 0; i < boundary.n; i++) {
		char c = boundary.p[i], l = (char)(c | 0x20);
		if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && !strchr("'()+_-./:=?", c))
			return 0;
	}
	return count == (boundary.n > 0);
}

int inputs_head_is_clear(const struct sluice_host *host, struct sluice_exchange *x, uint32_t kinds)
{
	return content_charset_is(host, x, SLUICE_REQUEST, charsets) &&
	       (!(kinds & CONTENT_MULTIPART) || boundary_is_clear(content_type_of(host, x)));
}

/* An XML document, by its first byte and what it declares. */
static int xml_is_clear(struct sluice_str text)
{
	struct xml x = {NULL, behind_mark(text), text.p + text.n, 0};
	while (x.p < x.end && is_space(*x.p))
		x.p++;
	if (x.p < x.end && *x.p != '<')
		return 0;
	if (!starts(&x, SLUICE_STR("<?xml")))
		return 1;
	struct sluice_str rest = take_to(&x, SLUICE_STR("?>"));
	const char *at = memmem(rest.p, rest.n, "encoding", 8);
	if (!at)
		return 1;
	rest.n -= (size_t)(at - rest.p);
	rest.p = at;
	char quote = memchr(rest.p, '"', rest.n) ? '"' : '\'';
	sluice_cut(&rest, quote);
	struct sluice_str charset = sluice_cut(&rest, quote);
	for (const char *const *c = charsets; *c; c++)
		if (equals(charset, *c))
			return 1;
	return 0;
}

int inputs_body_is_clear(uint32_t kinds, struct sluice_str body)
{
	if ((kinds & (CONTENT_JSON | CONTENT_XML)) && body.n && memchr(body.p, '\0', body.n))
		return 0; /* UTF-16, UTF-32 */
	if ((kinds & CONTENT_TEXT) && body.n >= 2 &&
		(memcmp(body.p, "\xff\xfe", 2) == 0 || memcmp(body.p, "\xfe\xff", 2) == 0))
		return 0;
	return kinds != CONTENT_XML || xml_is_clear(body);
}

static int judge_content(struct inputs *in, uint32_t kinds, struct sluice_str type,
	struct sluice_str body, int depth)
{
	int is_text =
		kinds == 0 || (kinds & CONTENT_TEXT) || (in->all_types && (kinds & CONTENT_OTHER));
	int is_json = (kinds & CONTENT_JSON) || (is_text && looks_like_json(body));
	int found = is_json ? judge_json(in, body) : 0;
	if (found == 0 && (kinds & CONTENT_FORM))
		found = judge_parts(in, INPUT_BODY, body, '&', 1, percent_plus);
	if (found == 0 && (kinds & CONTENT_XML))
		found = judge_xml(in, body);
	if (found == 0 && (kinds & CONTENT_MULTIPART))
		found = judge_multipart(in, type, body, depth);
	if (found == 0 && is_text)
		found = judge(in, INPUT_BODY, body);
	return found;
}

int inputs_of_body(struct inputs *in, uint32_t kinds, struct sluice_str body)
{
	if (body.n == 0)
		return 0;
	int found = judge(in, INPUT_WHOLE_BODY, body);
	struct sluice_str type = content_type_of(in->call->host, in->exchange);
	return found ? found : judge_content(in, kinds, type, body, 0);
}
