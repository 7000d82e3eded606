/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/xml-threat-protection/check.c plugins/xml-threat-protection/prescan.c */
/* fuzz: compiles sdk/util/content.c */
/* fuzz: packages libxml-2.0 */
/* The first byte chooses limits and a charset; the rest is a document. Wider limits never refuse
 * what narrower ones let pass; what passes is a document of that very depth, which passes within a
 * comment's or a space's distance as well. */
#include "plugin_host.h"

#include "xml-threat-protection/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *const charsets[] = {"", "utf-8", "latin1", "us-ascii"};

static enum xml_verdict check(
	const struct xml_limits *limits, const char *text, size_t n, const char *charset)
{
	long line = 0;
	char *exact = malloc(n ? n : 1);
	CHECK(exact);
	memcpy(exact, text, n);
	enum xml_verdict v = xml_check(limits, (struct sluice_str){exact, n},
		(struct sluice_str){charset, strlen(charset)}, &line);
	CHECK(line >= 1 && v <= XML_NAMESPACES);
	free(exact);
	return v;
}

/* Behind the document's end a comment may stand: the whole is judged as the document was. */
static void check_with_comment(
	const struct xml_limits *limits, const char *text, size_t n, const char *charset)
{
	char *longer = malloc(n + 8);
	CHECK(longer);
	memcpy(longer, text, n);
	memcpy(longer + n, "<!--c-->", 8);
	CHECK(check(limits, longer, n + 8, charset) == XML_FINE);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const struct xml_limits none = {-1, -1, -1, -1, -1, -1};
	static const struct xml_limits doctypes[] = {{-1, -1, -1, -1, -1, -1}, {3, 2, 4, 8, 6, 5},
		{1, 0, 0, 0, 0, 1}, {10, 10, 10, 40, 40, 40}};
	if (n < 1 || n > 4096)
		return 0;
	const char *text = (const char *)bytes + 1;
	const char *charset = charsets[bytes[0] % 4];
	const struct xml_limits *limits = &doctypes[bytes[0] / 4 % 4];
	enum xml_verdict narrow = check(limits, text, n - 1, charset);
	enum xml_verdict wide = check(&none, text, n - 1, charset);
	CHECK(check(limits, text, n - 1, charset) == narrow);
	if (narrow == XML_FINE)
		CHECK(wide == XML_FINE);
	if (wide == XML_FINE)
		check_with_comment(&none, text, n - 1, charset);
	return 0;
}
