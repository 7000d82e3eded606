/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

static struct visit *protected(const char *config)
{
	return visit_policy("xml-threat-protection", "xml-threat-protection", config);
}

/* What came of an XML body: 200 when it passed, whole. */
static int status_of_bytes(struct visit *v, const char *type, const char *p, size_t n)
{
	visit_begin(v, "POST", "/");
	visit_field(v, REQ, "Content-Type", type);
	enum sluice_test_outcome r = sluice_test_send_bytes(v->x, p, n);
	if (r == SLUICE_TEST_ANSWERED)
		return sluice_test_status(v->x);
	ck_assert_int_eq(r, SLUICE_TEST_PASSED);
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, REQ), n);
	return 200;
}

static int status_of(struct visit *v, const char *type, const char *text)
{
	return status_of_bytes(v, type, text, strlen(text));
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
		struct visit *v = protected(rows[i].config);
		ck_assert_msg(status_of(v, "application/xml", rows[i].passes) == 200, "%s: %s",
			rows[i].config, rows[i].passes);
		ck_assert_msg(status_of(v, "application/xml", rows[i].refused) == 400, "%s: %s",
			rows[i].config, rows[i].refused);
		ck_assert_str_eq(sluice_test_reason(v->x), "xml_threat");
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "xml_threats"), 1);
		visit_leave(v);
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
	struct visit *v = protected("{}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(status_of(v, "text/xml", rows[i]) == 400, "%s", rows[i]);
		ck_assert_str_eq(sluice_test_reason(v->x), "xml_invalid");
	}
	ck_assert_int_eq(status_of(v, "text/xml", ("<a>\n<b>\n</a>")), 400);
	ck_assert_str_eq(sluice_test_body(v->x, RSP),
		"{\"error\":\"The body is no well-formed XML: line 3\"}");
	visit_leave(v);
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
	struct visit *v = protected("{}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(status_of(v, "application/soap+xml", rows[i]) == 400, "%s", rows[i]);
		ck_assert_str_eq(sluice_test_reason(v->x), "xml_doctype");
	}
	/* Text that looks like one is none. */
	ck_assert_int_eq(status_of(v, "application/soap+xml", ("<a b='<!DOCTYPE'/>")), 400);
	ck_assert_str_eq(sluice_test_reason(v->x), "xml_invalid");
	ck_assert_int_eq(status_of(v, "application/soap+xml",
				 ("<a><![CDATA[<!DOCTYPE z>]]><!-- <!ENTITY --></a>")),
		200);
	visit_leave(v);
}
END_TEST

START_TEST(xinclude_is_text_like_any_other)
{
	struct visit *v = protected("{\"maxTextLength\":0}");
	ck_assert_int_eq(status_of(v, "text/xml",
				 ("<a xmlns:xi='http://www.w3.org/2001/XInclude'>"
				  "<xi:include href='file:///etc/passwd' parse='text'/></a>")),
		200);
	visit_leave(v);
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
	struct visit *v = protected("{}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].text);
		ck_assert_msg(status_of_bytes(v, rows[i].type, rows[i].text, n) == rows[i].status,
			"row %zu", i);
	}
	visit_leave(v);
}
END_TEST

/* What a buffered body may have, filled with `piece`, which has a %d. */
static char filled[1 << 20];

static const char *fill(const char *before, const char *piece, const char *after)
{
	size_t n = (size_t)snprintf(filled, sizeof(filled), "%s", before);
	for (int i = 0; n < 1000000; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		n += (size_t)snprintf(filled + n, sizeof(filled) - n, piece, i);
#pragma GCC diagnostic pop
	}
	snprintf(filled + n, sizeof(filled) - n, "%s", after);
	return filled;
}

/* Each is a million bytes, and would cost a parser that is quadratic many seconds. */
START_TEST(nothing_takes_quadratic_time)
{
	struct visit *v = protected("{}");
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a ", "a%d='' ", "/>")), 400);
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a b='>' ", "xmlns:n%d='u' ", "/>")), 400);
	ck_assert_int_eq(status_of(v, "text/xml", fill("", "<a xmlns:n%d='u:x'>", "")), 400);
	ck_assert_int_eq(status_of(v, "text/xml", fill("", "<a%d>", "")), 400);
	ck_assert_str_eq(sluice_test_reason(v->x), "xml_threat");
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a>", "<b%d/>", "</a>")), 200);
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a>", "&#x%d1;", "</a>")), 400);
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a>", "&amp;%d", "</a>")), 200);
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a><!--", " x%d", "--></a>")), 200);
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a b='", " x%d", "'/>")), 200);
	ck_assert_int_eq(status_of(v, "text/xml", fill("<a>", "<![CDATA[%d]]>", "</a>")), 200);
	ck_assert_int_eq(status_of(v, "text/xml", fill("", "<%d", "")), 400);
	visit_leave(v);
}
END_TEST

START_TEST(what_is_not_xml_passes_unseen)
{
	struct visit *v = protected("{}");
	ck_assert_int_eq(status_of(v, "application/json", ("<a>")), 200);
	ck_assert_int_eq(status_of(v, "image/svg+xml; q=1", ("<a>")), 400);
	ck_assert_int_eq(status_of(v, "text/xml", ("")), 200);
	visit_begin(v, "POST", "/");
	visit_field(v, REQ, "Content-Type", "text/xml");
	visit_field(v, REQ, "Content-Encoding", "deflate");
	ck_assert_int_eq(visit_send(v, "<a/>"), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(v->x), 415);
	visit_leave(v);
	v = protected("{\"checkAllContentTypes\":true}");
	ck_assert_int_eq(status_of(v, "text/plain", ("<a>")), 400);
	ck_assert_int_eq(status_of(v, "text/plain", ("<a/>")), 200);
	visit_leave(v);
}
END_TEST

static enum sluice_test_outcome visit_xml(struct visit *v, const char *text)
{
	visit_begin(v, "POST", "/");
	visit_field(v, REQ, "content-type", "text/xml");
	return visit_send(v, text);
}

/* What is too deep, or brings a document type, never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v =
		visit_try("xml-threat-protection", "xml-threat-protection", "{maxNodeDepth: 2}");
	if (!sluice_test_problems(v->t)[0]) {
		ck_assert_int_ne(visit_xml(v, "<a><b><c/></b></a>"), PASSED);
		ck_assert_int_ne(visit_xml(v, "<!DOCTYPE a><a/>"), PASSED);
		visit_xml(v, "<a xmlns:p='u'><p:b c='d'/></a>");
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(xml_threat_protection, each_limit_is_the_largest_that_passes,
	what_is_not_well_formed_is_refused, a_document_type_declaration_is_refused,
	xinclude_is_text_like_any_other, only_encodings_that_are_what_they_seem_pass,
	nothing_takes_quadratic_time, what_is_not_xml_passes_unseen, never_fails_open)
