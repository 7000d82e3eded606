/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "prescan.h"

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

struct run {
	const struct xml_limits *limits;
	xmlParserCtxtPtr parser;
	enum xml_verdict verdict; /* the first that is not XML_FINE */
	long line;
	int64_t depth, text_length, namespaces;
	struct {
		int64_t children;
		int namespaces; /* that it declares */
	} open[CHECK_DEPTH_MAX];
};

static int exceeds(int64_t n, int64_t limit)
{
	return limit >= 0 && n > limit;
}

static void stop(struct run *r, enum xml_verdict verdict)
{
	if (r->verdict != XML_FINE)
		return;
	r->verdict = verdict;
	r->line = xmlSAX2GetLineNumber(r->parser);
	xmlStopParser(r->parser);
}

static int64_t characters_in(const xmlChar *p, const xmlChar *end)
{
	int64_t n = 0;
	for (; p < end; p++)
		n += (*p & 0xc0) != 0x80;
	return n;
}

/* --- events ---------------------------------------------------------------------------------- */
static enum xml_verdict judge_element(
	struct run *r, int namespaces, int attribute_count, const xmlChar **attributes)
{
	const struct xml_limits *limits = r->limits;
	if (r->depth == CHECK_DEPTH_MAX || exceeds(r->depth + 1, limits->depth))
		return XML_DEPTH;
	if (r->depth > 0 && exceeds(++r->open[r->depth - 1].children, limits->children))
		return XML_CHILDREN;
	if (r->namespaces + namespaces > CHECK_NAMESPACES_MAX)
		return XML_NAMESPACES;
	if (exceeds(attribute_count, limits->attributes))
		return XML_ATTRIBUTES;
	/* local name, prefix, URI, value, end of value */
	for (int i = 0; i < attribute_count; i++, attributes += 5)
		if (exceeds(characters_in(attributes[3], attributes[4]), limits->attribute_length))
			return XML_ATTRIBUTE_LENGTH;
	return XML_FINE;
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
	int namespace_count, const xmlChar **namespaces, int attribute_count, int defaulted_count,
	const xmlChar **attributes)
{
	struct run *r = arg;
	enum xml_verdict v = judge_element(r, namespace_count, attribute_count, attributes);
	if (r->verdict != XML_FINE)
		return;
	if (v != XML_FINE) {
		stop(r, v);
		return;
	}
	r->text_length = 0;
	r->namespaces += namespace_count;
	r->open[r->depth].children = 0;
	r->open[r->depth].namespaces = namespace_count;
	r->depth++;
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	struct run *r = arg;
	r->text_length = 0;
	if (r->verdict == XML_FINE && r->depth > 0)
		r->namespaces -= r->open[--r->depth].namespaces;
}

/* Comes in pieces. */
static void on_text(void *arg, const xmlChar *text, int n)
{
	struct run *r = arg;
	r->text_length += characters_in(text, text + n);
	if (exceeds(r->text_length, r->limits->text_length))
		stop(r, XML_TEXT_LENGTH);
}

static void on_comment(void *arg, const xmlChar *text)
{
	struct run *r = arg;
	if (exceeds(characters_in(text, text + xmlStrlen(text)), r->limits->comment_length))
		stop(r, XML_COMMENT_LENGTH);
}

/* Before anything of the declaration is read. */
static void on_doctype(
	void *arg, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	stop(arg, XML_DOCTYPE);
}

static void on_error(void *arg, xmlErrorPtr error)
{
	/* Tells nobody: wellFormed has it, and libxml2 would write to stderr. */
}

/* --- documents ------------------------------------------------------------------------------- */
static xmlParserCtxtPtr parser_new(struct run *r, struct sluice_str charset)
{
	xmlSAXHandler events = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.comment = on_comment,
		.internalSubset = on_doctype,
		.serror = on_error,
	};
	xmlParserCtxtPtr parser = xmlCreatePushParserCtxt(&events, r, NULL, 0, NULL);
	if (!parser)
		return NULL;
	/* NOENT: of the five entities that there are, the characters come. */
	int options = XML_PARSE_NOENT | XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
	if (charset.n) {
		/* The Content-Type is above the document's own word (RFC 7303). */
		options |= XML_PARSE_IGNORE_ENC;
		xmlSwitchEncoding(parser, xml_charset_is_latin1(charset) ? XML_CHAR_ENCODING_8859_1
									 : XML_CHAR_ENCODING_UTF8);
	}
	xmlCtxtUseOptions(parser, options);
	return parser;
}

enum xml_verdict xml_check(const struct xml_limits *limits, struct sluice_str document,
	struct sluice_str charset, long *line)
{
	struct run r = {.limits = limits, .line = 1};
	*line = 1;
	enum xml_verdict v = xml_prescan(document, charset);
	if (v != XML_FINE && v != XML_MALFORMED)
		return v;
	if (document.n > INT32_MAX || !(r.parser = parser_new(&r, charset)))
		return XML_MEMORY;
	/* What the prescan could not make out of has no end that libxml2 may look for. */
	if (v == XML_FINE)
		xmlParseChunk(r.parser, document.p, (int)document.n, 1);
	int is_well_formed = v == XML_FINE && r.parser->wellFormed && r.parser->nsWellFormed;
	if (r.verdict == XML_FINE && !is_well_formed) {
		r.verdict = r.parser->errNo == XML_ERR_NO_MEMORY ? XML_MEMORY : XML_MALFORMED;
		r.line = xmlSAX2GetLineNumber(r.parser);
	}
	*line = r.line > 0 ? r.line : 1;
	xmlFreeParserCtxt(r.parser);
	return r.verdict;
}
