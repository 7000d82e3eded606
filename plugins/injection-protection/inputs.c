/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include "decode.h"

#include "util/content.h"

#include <string.h>

typedef size_t decode_fn(struct sluice_str in, char *out);

static struct sluice_str cut(struct sluice_str *s, char c)
{
	const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
	struct sluice_str part = {s->p, at ? (size_t)(at - s->p) : s->n};
	*s = at ? (struct sluice_str){at + 1, s->n - part.n - 1} : (struct sluice_str){NULL, 0};
	return part;
}

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
		struct sluice_str value = cut(&text, separator);
		struct sluice_str name = pairs ? cut(&value, '=') : value;
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
	struct sluice_str query = host->fact(in->exchange, SLUICE_FACT_TARGET);
	struct sluice_str path = cut(&query, '?');
	int found = judge_parts(in, INPUT_PATH, path, '/', 0, percent);
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

int inputs_of_headers(struct inputs *in)
{
	const struct sluice_host *host = in->call->host;
	struct sluice_str name, value;
	uint32_t at = 0;
	int found = 0;
	while (found == 0 && host->field_next(in->exchange, SLUICE_REQUEST, SLUICE_STR(""), &at,
				     &name, &value) == SLUICE_OK) {
		if (is_exempt(name))
			continue;
		found = equals(name, "cookie")
				? judge_parts(in, INPUT_HEADER, value, ';', 1, percent)
				: judge(in, INPUT_HEADER, value);
	}
	return found;
}

/* --- bodies ---------------------------------------------------------------------------------- */
/* Each string of a JSON text, names included; what else may be in it is of no use to anybody. */
static int judge_json(struct inputs *in, struct sluice_str text)
{
	char *decoded = room(in, text.n);
	const char *p = text.p, *end = text.p + text.n;
	if (!decoded)
		return -1;
	while ((p = memchr(p, '"', (size_t)(end - p)))) {
		const char *from = ++p;
		while (p < end && *p != '"')
			p += *p == '\\' && p + 1 < end ? 2 : 1;
		struct sluice_str inside = {from, (size_t)(p - from)};
		int found = judge(
			in, INPUT_BODY, (struct sluice_str){decoded, decode_json(inside, decoded)});
		if (found || p >= end)
			return found;
		p++;
	}
	return 0;
}

static int judge_xml_text(struct inputs *in, struct sluice_str text, char *decoded)
{
	return judge(in, INPUT_BODY, (struct sluice_str){decoded, decode_xml(text, decoded)});
}

/* The attributes' values of the tag at *p; *p goes behind it. */
static int judge_xml_tag(struct inputs *in, const char **p, const char *end, char *decoded)
{
	for (; *p < end && **p != '>'; (*p)++) {
		if (**p != '"' && **p != '\'')
			continue;
		const char *from = *p + 1;
		const char *to = memchr(from, **p, (size_t)(end - from));
		int found = judge_xml_text(
			in, (struct sluice_str){from, (size_t)((to ? to : end) - from)}, decoded);
		*p = to ? to : end;
		if (found || !to)
			return found;
	}
	*p += *p < end;
	return 0;
}

/* Texts, CDATA and the values of attributes. */
static int judge_xml(struct inputs *in, struct sluice_str text)
{
	static const char cdata[] = "<![CDATA[";
	const size_t n = sizeof(cdata) - 1;
	char *decoded = room(in, text.n);
	const char *p = text.p, *end = text.p + text.n;
	int found = decoded ? 0 : -1;
	while (found == 0 && p < end) {
		const char *tag = memchr(p, '<', (size_t)(end - p));
		found = judge_xml_text(
			in, (struct sluice_str){p, (size_t)((tag ? tag : end) - p)}, decoded);
		if (found || !tag)
			break;
		if ((size_t)(end - tag) < n || memcmp(tag, cdata, n) != 0) {
			p = tag + 1;
			found = judge_xml_tag(in, &p, end, decoded);
			continue;
		}
		const char *to = memmem(tag + n, (size_t)(end - tag) - n, "]]>", 3);
		found = judge(in, INPUT_BODY,
			(struct sluice_str){tag + n, (size_t)((to ? to : end) - tag) - n});
		p = to ? to + 3 : end;
	}
	return found;
}

static struct sluice_str boundary_of(struct inputs *in)
{
	struct sluice_str type = SLUICE_STR("");
	in->call->host->field_get(in->exchange, SLUICE_REQUEST, SLUICE_STR("content-type"), &type);
	return content_parameter(type, SLUICE_STR("boundary"));
}

static int has_filename(struct sluice_str head)
{
	for (size_t i = 0; i + 9 <= head.n; i++)
		if (content_equal((struct sluice_str){head.p + i, 9}, SLUICE_STR("filename=")) ||
			content_equal((struct sluice_str){head.p + i, 9}, SLUICE_STR("filename*")))
			return 1;
	return 0;
}

/* The names in a part's head, and what it holds, unless that is a file. */
static int judge_part(struct inputs *in, struct sluice_str part)
{
	const char *blank = memmem(part.p, part.n, "\r\n\r\n", 4);
	struct sluice_str head = {part.p, blank ? (size_t)(blank - part.p) : part.n};
	struct sluice_str rest = head;
	while (rest.n) {
		cut(&rest, '"');
		int found = judge(in, INPUT_BODY, cut(&rest, '"'));
		if (found)
			return found;
	}
	if (!blank || has_filename(head))
		return 0;
	return judge(in, INPUT_BODY,
		(struct sluice_str){blank + 4, part.n - (size_t)(blank + 4 - part.p)});
}

static int judge_multipart(struct inputs *in, struct sluice_str text)
{
	struct sluice_str boundary = boundary_of(in);
	if (boundary.n == 0)
		return judge(in, INPUT_BODY, text);
	while (text.n) {
		const char *to = memmem(text.p, text.n, boundary.p, boundary.n);
		struct sluice_str part = {text.p, to ? (size_t)(to - text.p) : text.n};
		if (to && part.n >= 4 && memcmp(to - 4, "\r\n--", 4) == 0)
			part.n -= 4;
		int found = judge_part(in, part);
		if (found || !to)
			return found;
		size_t taken = (size_t)(to - text.p) + boundary.n;
		text = (struct sluice_str){text.p + taken, text.n - taken};
	}
	return 0;
}

int inputs_of_body(struct inputs *in, uint32_t kinds, struct sluice_str body)
{
	int found = judge(in, INPUT_WHOLE_BODY, body);
	if (found == 0 && (kinds & CONTENT_JSON))
		found = judge_json(in, body);
	if (found == 0 && (kinds & CONTENT_FORM))
		found = judge_parts(in, INPUT_BODY, body, '&', 1, percent_plus);
	if (found == 0 && (kinds & CONTENT_XML))
		found = judge_xml(in, body);
	if (found == 0 && (kinds & CONTENT_MULTIPART))
		found = judge_multipart(in, body);
	if (found == 0 && ((kinds & CONTENT_TEXT) || kinds == 0))
		found = judge(in, INPUT_BODY, body);
	return found;
}
