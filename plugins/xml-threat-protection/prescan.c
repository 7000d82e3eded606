/* SPDX-License-Identifier: Apache-2.0 */
#include "prescan.h"

#include "util/content.h"

#include <string.h>

struct reader {
	const char *p, *end;
};

static int starts(const struct reader *r, struct sluice_str text)
{
	return (size_t)(r->end - r->p) >= text.n && memcmp(r->p, text.p, text.n) == 0;
}

/* Behind the next `text`; 0 when there is none. */
static int skip_past(struct reader *r, struct sluice_str text)
{
	const char *at = memmem(r->p, (size_t)(r->end - r->p), text.p, text.n);
	if (!at)
		return 0;
	r->p = at + text.n;
	return 1;
}

/* --- charsets -------------------------------------------------------------------------------- */
int xml_charset_is_latin1(struct sluice_str charset)
{
	return content_equal(charset, SLUICE_STR("iso-8859-1")) ||
	       content_equal(charset, SLUICE_STR("latin1"));
}

static int is_known_charset(struct sluice_str charset)
{
	return content_equal(charset, SLUICE_STR("utf-8")) ||
	       content_equal(charset, SLUICE_STR("utf8")) ||
	       content_equal(charset, SLUICE_STR("us-ascii")) || xml_charset_is_latin1(charset);
}

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of `encoding` in an XML declaration; empty when it has none. */
static struct sluice_str declared_charset(struct sluice_str declaration)
{
	struct reader r = {declaration.p, declaration.p + declaration.n};
	if (!skip_past(&r, SLUICE_STR("encoding")))
		return SLUICE_STR("");
	while (r.p < r.end && (is_space(*r.p) || *r.p == '='))
		r.p++;
	const char *to = r.p < r.end ? memchr(r.p + 1, *r.p, (size_t)(r.end - r.p - 1)) : NULL;
	return to ? (struct sluice_str){r.p + 1, (size_t)(to - r.p - 1)} : SLUICE_STR("?");
}

/* A document that is read in another encoding than it seems to be in may hide anything. */
static int charset_is_sure(struct reader *r, struct sluice_str charset)
{
	if (charset.n && !is_known_charset(charset))
		return 0;
	if (memchr(r->p, 0, (size_t)(r->end - r->p)))
		return 0;
	if (starts(r, SLUICE_STR("\xef\xbb\xbf")))
		r->p += 3;
	if (!starts(r, SLUICE_STR("<?xml")))
		return 1;
	const char *from = r->p;
	if (!skip_past(r, SLUICE_STR("?>")))
		return 1;
	struct sluice_str declared =
		declared_charset((struct sluice_str){from, (size_t)(r->p - from)});
	return declared.n == 0 || is_known_charset(declared);
}

/* --- tags ------------------------------------------------------------------------------------ */
/* Behind the tag at r->p (a '<'); how many attributes it has. -1: it does not end. */
static int64_t skip_tag(struct reader *r)
{
	int64_t attributes = 0;
	for (r->p++; r->p < r->end; r->p++) {
		char c = *r->p;
		if (c == '>') {
			r->p++;
			return attributes;
		}
		if (c == '=')
			attributes++;
		if (c != '"' && c != '\'')
			continue;
		const char *to = memchr(r->p + 1, c, (size_t)(r->end - r->p - 1));
		if (!to)
			return -1;
		r->p = to;
	}
	return -1;
}

static enum xml_verdict skip_markup(struct reader *r)
{
	static const struct {
		struct sluice_str opening, closing;
	} spans[] = {
		{{"<!--", 4}, {"-->", 3}}, {{"<![CDATA[", 9}, {"]]>", 3}}, {{"<?", 2}, {"?>", 2}}};
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		if (!starts(r, spans[i].opening))
			continue;
		r->p += spans[i].opening.n;
		return skip_past(r, spans[i].closing) ? XML_FINE : XML_MALFORMED;
	}
	if (starts(r, SLUICE_STR("<!")))
		return XML_DOCTYPE;
	int64_t attributes = skip_tag(r);
	if (attributes < 0)
		return XML_MALFORMED;
	return attributes > PRESCAN_ATTRIBUTES_MAX ? XML_ATTRIBUTES : XML_FINE;
}

enum xml_verdict xml_prescan(struct sluice_str document, struct sluice_str charset)
{
	struct reader r = {document.p, document.p + document.n};
	if (!charset_is_sure(&r, charset))
		return XML_CHARSET;
	while (r.p < r.end && is_space(*r.p))
		r.p++;
	if (r.p < r.end && *r.p != '<')
		return XML_MALFORMED;
	enum xml_verdict v = XML_FINE;
	while (v == XML_FINE) {
		r.p = memchr(r.p, '<', (size_t)(r.end - r.p));
		if (!r.p)
			return XML_FINE;
		v = skip_markup(&r);
	}
	return v;
}
