/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"

#include <stdio.h>

#define REQ CHAIN_REQUEST

static struct rig *protected(const char *config)
{
	struct rig *r = rig_new(1);
	struct chain_binding_options *b =
		rig_bind(r, rig_plugin(r, PLUGINS "/xml-threat-protection.so"),
			"xml-threat-protection", config);
	b->body[REQ].mode = BODY_BUFFER;
	return r;
}

/* What came of an XML body: 200 when it passed, whole. */
static int status_of(struct visit *v, const char *type, struct str text)
{
	visit_begin(v);
	visit_field(v, REQ, "Content-Type", type);
	v->request.content_length = (int64_t)text.n;
	chunk_queue_add_copy(&v->x.run[REQ].in, text);
	v->x.run[REQ].in_ended = true;
	enum chain_result r = chain_step(&v->x, REQ);
	if (r == CHAIN_RESPONDED)
		return v->x.local->head.status;
	ck_assert_int_eq(r, CHAIN_DONE);
	ck_assert_uint_eq(v->x.run[REQ].out.bytes, text.n);
	return 200;
}

START_TEST(each_limit_is_the_largest_that_passes)
{
	static const struct {
		const char *config, *passes, *refused;
	} rows[] = {
		{"{\"maxNodeDepth\":2}", "<a><b/><b/></a>", "<a><b><c/></b></a>"},
		{"{\"maxNodeDepth\":1}", "<a>x</a>", "<a><b/></a>"},
		{"{\"maxAttributeCountPerElement\":1}",
			"<a xmlns='u:1' xmlns:p='u:2' b='1'><c d='1'/></a>", "<a b='1' c='2'/>"},
		{"{\"maxAttributeCountPerElement\":0}", "<a xmlns:p='u:2'/>", "<a b=''/>"},
		{"{\"maxChildCount\":2}", "<a><b/>text<!-- c --><b><c/><c/></b></a>",
			"<a><b/><b/><b/></a>"},
		{"{\"maxTextLength\":3}", "<a>\xc3\xa9&lt;&#x1F600;<b>xyz</b>abc</a>",
			"<a>abcd</a>"},
		{"{\"maxTextLength\":3}", "<a>a<![CDATA[bc]]></a>", "<a>a<![CDATA[bcd]]></a>"},
		{"{\"maxTextLength\":3}", "<a>ab<b/>cd</a>", "<a>ab<!-- x -->cd</a>"},
		{"{\"maxAttributeLength\":3}", "<a b='\xc3\xa9&amp;&#x1F600;'/>", "<a b='1234'/>"},
		{"{\"maxCommentLength\":3}",
			"<a><!--\xc3\xa9"
			"bc--></a>",
			"<a><!--abcd--></a>"},
		{"{\"maxCommentLength\":3}", "<!--abc--><a/>", "<a/><!--abcd-->"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = protected(rows[i].config);
		struct visit *v = visit_new(r, 0);
		ck_assert_msg(status_of(v, "application/xml", str_of(rows[i].passes)) == 200,
			"%s: %s", rows[i].config, rows[i].passes);
		ck_assert_msg(status_of(v, "application/xml", str_of(rows[i].refused)) == 400,
			"%s: %s", rows[i].config, rows[i].refused);
		assert_str(v->x.local->reason, "xml_threat");
		ck_assert_uint_eq(rig_counter(r, "xml_threats", 0), 1);
		visit_free(v);
		rig_free(r);
	}
}
END_TEST

START_TEST(what_is_not_well_formed_is_refused)
{
	static const char *const rows[] = {"x", " ", "<a>", "<a></b>", "<a/><b/>", "<a b=1/>",
		"<a b='1' b='2'/>", "<a b='<'/>", "<a>&b;</a>", "<a>&lt</a>", "<a>&#0;</a>",
		"<a>&#x1;</a>", "<a>]]></a>", "<a><!-- -- --></a>", "<a><![CDATA[x</a>", "<a b='",
		"<p:a/>", "<a>\xff</a>", "<a/>x", "<?xml version='1.0'?>", "<a\x01/>", "{\"a\":1}",
		"<a><?x</a>", "<a", "<"};
	struct rig *r = protected("{}");
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(status_of(v, "text/xml", str_of(rows[i])) == 400, "%s", rows[i]);
		assert_str(v->x.local->reason, "xml_invalid");
	}
	ck_assert_int_eq(status_of(v, "text/xml", STR("<a>\n<b>\n</a>")), 400);
	assert_str(v->x.local->body, "{\"error\":\"The body is no well-formed XML: line 3\"}");
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(a_document_type_declaration_is_refused)
{
	static const char *const rows[] = {
		/* expansion */
		"<!DOCTYPE z [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c "
		"'&b;&b;&b;&b;'>]><z>&c;</z>",
		/* quadratic */
		"<!DOCTYPE z [<!ENTITY a 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa'>]><z>&a;&a;&a;&a;</z>",
		/* files, the network, parameter entities */
		"<!DOCTYPE z [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><z>&x;</z>",
		"<!DOCTYPE z SYSTEM 'http://127.0.0.1:1/x.dtd'><z/>",
		"<?xml version='1.0'?>\n<!DOCTYPE z [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/'> "
		"%p;]><z/>",
		"<!DOCTYPE z><z/>",
		"<!-- c --><!DOCTYPE z [<!ATTLIST z a CDATA 'x'>]><z/>",
		"<!doctype html><a/>",
	};
	struct rig *r = protected("{}");
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(status_of(v, "application/soap+xml", str_of(rows[i])) == 400, "%s",
			rows[i]);
		assert_str(v->x.local->reason, "xml_doctype");
	}
	/* Text that looks like one is none. */
	ck_assert_int_eq(status_of(v, "application/soap+xml", STR("<a b='<!DOCTYPE'/>")), 400);
	assert_str(v->x.local->reason, "xml_invalid");
	ck_assert_int_eq(status_of(v, "application/soap+xml",
				 STR("<a><![CDATA[<!DOCTYPE z>]]><!-- <!ENTITY --></a>")),
		200);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(xinclude_is_text_like_any_other)
{
	struct rig *r = protected("{\"maxTextLength\":0}");
	struct visit *v = visit_new(r, 0);
	ck_assert_int_eq(status_of(v, "text/xml",
				 STR("<a xmlns:xi='http://www.w3.org/2001/XInclude'>"
				     "<xi:include href='file:///etc/passwd' parse='text'/></a>")),
		200);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(only_encodings_that_are_what_they_seem_pass)
{
	static const struct {
		const char *type, *text;
		size_t n;
		int status;
	} rows[] = {
		{"text/xml", "<?xml version='1.0' encoding='utf-8'?><a>\xc3\xa9</a>", 0, 200},
		{"text/xml", "\xef\xbb\xbf<a/>", 0, 200},
		{"text/xml", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", 0, 200},
		{"text/xml", "<a>\xe9</a>", 0, 400},
		{"text/xml; charset=iso-8859-1", "<a>\xe9</a>", 0, 200},
		{"text/xml; charset=\"UTF-8\"",
			"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", 0, 400},
		{"text/xml", "<?xml version='1.0' encoding='utf-7'?><a>+ADw-b/+AD4-</a>", 0, 400},
		{"text/xml; charset=utf-7", "<a>+ADw-b/+AD4-</a>", 0, 400},
		{"text/xml", "<?xml version='1.0' encoding='cp037'?><a/>", 0, 400},
		{"text/xml", "\xff\xfe<\0a\0/\0>\0", 10, 400},
		{"text/xml; charset=utf-16", "<a/>", 0, 400},
		{"text/xml", "\x4c\x6f\xa7\x94", 0, 400},
	};
	struct rig *r = protected("{}");
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].text);
		ck_assert_msg(status_of(v, rows[i].type, str_n(rows[i].text, n)) == rows[i].status,
			"row %zu", i);
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

/* Fills what a buffered body may have with `piece`, which has a %d. */
static void fill(struct buffer *b, const char *before, const char *piece, const char *after)
{
	buffer_reset(b);
	buffer_add(b, str_of(before));
	for (int i = 0; b->n < 1000000; i++) {
		char text[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int n = snprintf(text, sizeof(text), piece, i);
#pragma GCC diagnostic pop
		buffer_add(b, str_n(text, (size_t)n));
	}
	buffer_add(b, str_of(after));
}

/* Each is a million bytes, and would cost a parser that is quadratic many seconds. */
START_TEST(nothing_takes_quadratic_time)
{
	struct rig *r = protected("{}");
	struct visit *v = visit_new(r, 0);
	struct buffer b;
	buffer_init(&b, 4 << 20);
	fill(&b, "<a ", "a%d='' ", "/>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 400);
	fill(&b, "<a b='>' ", "xmlns:n%d='u' ", "/>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 400);
	fill(&b, "", "<a xmlns:n%d='u:x'>", "");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 400);
	fill(&b, "", "<a%d>", "");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 400);
	assert_str(v->x.local->reason, "xml_threat");
	fill(&b, "<a>", "<b%d/>", "</a>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 200);
	fill(&b, "<a>", "&#x%d1;", "</a>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 400);
	fill(&b, "<a>", "&amp;%d", "</a>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 200);
	fill(&b, "<a><!--", " x%d", "--></a>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 200);
	fill(&b, "<a b='", " x%d", "'/>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 200);
	fill(&b, "<a>", "<![CDATA[%d]]>", "</a>");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 200);
	fill(&b, "", "<%d", "");
	ck_assert_int_eq(status_of(v, "text/xml", buffer_str(&b)), 400);
	buffer_deinit(&b);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(what_is_not_xml_passes_unseen)
{
	struct rig *r = protected("{}");
	struct visit *v = visit_new(r, 0);
	ck_assert_int_eq(status_of(v, "application/json", STR("<a>")), 200);
	ck_assert_int_eq(status_of(v, "image/svg+xml; q=1", STR("<a>")), 400);
	ck_assert_int_eq(status_of(v, "text/xml", STR("")), 200);
	visit_begin(v);
	visit_field(v, REQ, "Content-Type", "text/xml");
	visit_field(v, REQ, "Content-Encoding", "deflate");
	ck_assert_int_eq(visit_give(v, REQ, "<a/>"), CHAIN_RESPONDED);
	ck_assert_int_eq(v->x.local->head.status, 415);
	visit_free(v);
	rig_free(r);
	r = protected("{\"checkAllContentTypes\":true}");
	v = visit_new(r, 0);
	ck_assert_int_eq(status_of(v, "text/plain", STR("<a>")), 400);
	ck_assert_int_eq(status_of(v, "text/plain", STR("<a/>")), 200);
	visit_free(v);
	rig_free(r);
}
END_TEST

UNIT_SUITE(xml_threat_protection, each_limit_is_the_largest_that_passes,
	what_is_not_well_formed_is_refused, a_document_type_declaration_is_refused,
	xinclude_is_text_like_any_other, only_encodings_that_are_what_they_seem_pass,
	nothing_takes_quadratic_time, what_is_not_xml_passes_unseen)
