/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

/* --- the policy ------------------------------------------------------------------------------ */
static struct visit *protected(const char *config)
{
	return visit_policy("injection-protection", "injection-protection", config);
}

struct ask {
	const char *target, *name, *value, *body;
	const char *reason; /* NULL: it passes */
};

static void expect(struct visit *v, const struct ask *a)
{
	visit_begin(v, "POST", a->target ? a->target : "/");
	if (a->name)
		visit_field(v, REQ, a->name, a->value);
	enum sluice_test_outcome r = visit_send(v, a->body);
	ck_assert_msg(r == (a->reason ? SLUICE_TEST_ANSWERED : SLUICE_TEST_PASSED), "%s %s %s",
		a->target ? a->target : "", a->value ? a->value : "", a->body ? a->body : "");
	if (!a->reason)
		return;
	ck_assert_int_eq(sluice_test_status(v->x), 400);
	ck_assert_str_eq(sluice_test_reason(v->x), a->reason);
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "{\"error\":\"The request was blocked\"}");
	ck_assert_str_eq(visit_answered(v, "x-injection-protection"), "blocked");
}

#define TYPE  "Content-Type"
#define FORM  "application/x-www-form-urlencoded"
#define JSON  "application/json"
#define XML   "application/xml"
#define PARTS "multipart/form-data; boundary=\"b\""
static const struct ask places[] = {
	{"/a/b?c=d%27&e=O%27Brien+or+so", NULL, NULL, NULL, NULL},
	{"/a/%27%20or%201=1--/b", NULL, NULL, NULL, "injection_sql"},
	{"/a?q=%27+or+1%3D1--", NULL, NULL, NULL, "injection_sql"},
	{"/a?q=1&%3Cscript%3E=1", NULL, NULL, NULL, "injection_xss"},
	/* decoded once: what reads like this is text */
	{"/a?q=%253Cscript%253E", NULL, NULL, NULL, NULL},
	{NULL, "X-Name", "' or 1=1--", NULL, "injection_sql"},
	{NULL, "Referer", "http://a/?q=<script>", NULL, "injection_xss"},
	{NULL, "Cookie", "a=b; c=%27%20or%201=1--", NULL, "injection_sql"},
	{NULL, "Authorization", "Basic ' or 1=1--", NULL, NULL},
	{NULL, "Accept", "text/html, */*;q=0.8", NULL, NULL},
	{NULL, "If-None-Match", "W/\"a--\"", NULL, NULL},
	{NULL, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", NULL, NULL},
	{NULL, "Sec-Ch-Ua", "\"Chromium\";v=\"110\", \"Not A(Brand\";v=\"24\"", NULL, NULL},
	{NULL, TYPE, FORM, "a=b&c=%27+or+1%3D1--", "injection_sql"},
	{NULL, TYPE, FORM, "a=b&c=O%27Brien", NULL},
	{NULL, TYPE, JSON, "{\"a\":[{\"b\":\"' or 1=1--\"}]}", "injection_sql"},
	{NULL, TYPE, JSON, "{\"<script>\":1}", "injection_xss"},
	{NULL, TYPE, JSON, "{\"a\":\"\\u003cscript\\u003e\"}", "injection_xss"},
	{NULL, TYPE, JSON, "{\"a\":\"\\\" onload=\\\"x()\"}", "injection_xss"},
	{NULL, TYPE, JSON, "{\"a\":\"O'Brien\",\"b\":\"' and then '\",\"c\":1}", NULL},
	{NULL, TYPE, "application/xml", "<a b='1'><script>x</script></a>", NULL},
	{NULL, TYPE, "application/xml", "<a>&lt;script>alert(1)</a>", "injection_xss"},
	{NULL, TYPE, "application/xml", "<a b=\"&#39; or 1=1--\"/>", "injection_sql"},
	{NULL, TYPE, "application/xml", "<a><![CDATA[' or 1=1--]]></a>", "injection_sql"},
	{NULL, TYPE, "text/plain", "<script>", "injection_xss"},
	{NULL, "X-None", "no type", "<script>", "injection_xss"},
	{NULL, TYPE, "application/octet-stream", "<script>", NULL},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n' or 1=1--\r\n--b--",
		"injection_sql"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x\"\r\n\r\n"
		"<script>\r\n--b--",
		NULL},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"; "
		"filename=\"<script>\"\r\n\r\n\r\n--b--",
		"injection_xss"},
	/* several media types, and one that is empty */
	{NULL, TYPE, "application/octet-stream, text/plain", "<script>", "injection_xss"},
	{NULL, TYPE, "", "<script>", "injection_xss"},
	/* as some servers decode */
	{"/a?q=%u0027+or+name+like+%u0027x", NULL, NULL, NULL, "injection_sql"},
	{"/a?q=%u27&r=100%u", NULL, NULL, NULL, NULL},
	/* no JSON, but taken for it */
	{NULL, TYPE, JSON, "{/*\"*/\"a\":\"it's so\",\"q\":\"' or 1=1--\"}", "injection_sql"},
	{NULL, TYPE, JSON, "{'a':'it\\'s so','q':'\\' or 1=1--'}", "injection_sql"},
	{NULL, TYPE, JSON, "{\"a\":1 // don't \"\n,\"q\":\"' or 1=1--\"}", "injection_sql"},
	{NULL, TYPE, JSON, "\xef\xbb\xbf{\"a\":\"O'Brien\",\"b\":\"'s -- and '\"}", NULL},
	{NULL, TYPE, "text/plain", "{\"q\":\"\\u0027 or 1=1--\"}", "injection_sql"},
	{NULL, "X-None", "no type", " [\"\\u003cscript>\"]", "injection_xss"},
	/* one text, in pieces; quotes where they are none */
	{NULL, TYPE, XML, "<a>' o<![CDATA[r 1=1]]>--</a>", "injection_sql"},
	{NULL, TYPE, XML, "<a>' o<!-- -->r 1<?p?>=1--</a>", "injection_sql"},
	{NULL, TYPE, XML, "<a><!-- \" --><b>it's so</b><q>' or 1=1--</q><z c=\"\"/></a>",
		"injection_sql"},
	{NULL, TYPE, XML, "<a><?p \"?><b>it's so</b><q>' or name like 'a%</q><z c=\"\"/></a>",
		"injection_sql"},
	{NULL, TYPE, XML,
		"<!DOCTYPE a [<!-- \" -->]><a><b>it's so</b><q>' or 1=1--</q><z c=\"\"/></a>",
		"injection_sql"},
	{NULL, TYPE, XML, "<!DOCTYPE a [<!ENTITY e \"' or 1=1--\">]><a>&e;</a>", "injection_sql"},
	{NULL, TYPE, XML, "<?xml version='1.0' encoding='utf-8'?><a><!-- it's --><b>don't</b></a>",
		NULL},
	/* boundaries that stand in what they bound */
	{NULL, TYPE, "multipart/form-data; boundary=or",
		"--or\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n' or 1=1--\r\n--or--",
		"injection_sql"},
	{NULL, TYPE, "multipart/form-data; boundary=x",
		"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
		"' /*\n--x*/ or 1=1 #\r\n--x--",
		"injection_sql"},
	{NULL, TYPE, "multipart/form-data; boundary=x",
		"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nit's so\r\n"
		"--xy\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n' or 1=1--\r\n--x--",
		"injection_sql"},
	/* lines that end otherwise */
	{NULL, TYPE, PARTS,
		"--b\nContent-Disposition: form-data; name=\"a\"\n\n' or 1=1--\n--b--\n",
		"injection_sql"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nX: a\n\nY: it's so\r\n\r\n"
		"' or 1=1--\r\n--b--",
		"injection_sql"},
	/* no file, to some */
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"; x-filename=\"x\"\r\n\r\n"
		"<script>\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"; filename*=utf-8''x\r\n\r\n"
		"<script>\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nX: y; filename=\"x\"\r\n\r\n"
		"<script>\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
		"Content-Disposition: form-data; name=\"a\"; "
		"filename=\"x\"\r\n\r\n<script>\r\n--b--",
		"injection_xss"},
	/* parts that are JSON, XML, or parts themselves; names without quotes, or encoded */
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
		"Content-Type: application/json\r\n\r\n{\"q\":\"\\u0027 or 1=1--\"}\r\n--b--",
		"injection_sql"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
		"{\"q\":\"\\u003cscript>\"}\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: "
		"text/xml\r\n\r\n"
		"<a>&lt;script></a>\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n"
		"Content-Type: multipart/mixed; boundary=c\r\n\r\n"
		"--c\r\nContent-Type: text/plain\r\n\r\nit's so\r\n"
		"--c\r\nContent-Type: text/plain\r\n\r\n1 or id>0\r\n--c--\r\n--b--",
		"injection_sql"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=1=1; "
		"filename=<script>\r\n\r\nx\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"; "
		"filename*=utf-8''%3Cscript%3E\r\n"
		"\r\nx\r\n--b--",
		"injection_xss"},
	{NULL, TYPE, PARTS,
		"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"O'Brien's.json\"\r\n"
		"Content-Type: application/json\r\n\r\n{\"q\":\"\\u0027 or 1=1--\"}\r\n--b--",
		NULL},
	/* where a number stands */
	{"/a?id=1+OR+1%3D1", NULL, NULL, NULL, "injection_sql"},
	{"/a?id=1;DROP+TABLE+users", NULL, NULL, NULL, "injection_sql"},
	{"/a?id=1+UNION+SELECT+1", NULL, NULL, NULL, "injection_sql"},
	{NULL, TYPE, JSON, "{\"id\":\"1 or id>0\"}", "injection_sql"},
	{NULL, TYPE, JSON, "{\"id\":12,\"n\":-1.5e3,\"or\":[1,2],\"and\":true}", NULL},
	{NULL, TYPE, FORM, "id=1%20union%20select%20a&n=12", "injection_sql"},
};

/* What cannot be read as its head says, or not in one way alone. */
#define BYTES(text) text, sizeof(text) - 1
static const struct {
	const char *type, *body;
	size_t n;
	bool passes;
} unclear[] = {
	{FORM "; charset=ibm037", BYTES("q=%7D%40%96%99%40%F1%7E%F1"), false},
	{JSON "; charset=utf-16", BYTES("{}"), false},
	{JSON "; charset=utf-8; charset=utf-7", BYTES("{}"), false},
	{JSON, BYTES("[\0\"\0'\0 \0o\0r\0 \0001\0=\0001\0\"\0]\0"), false},
	{XML, BYTES("<\0a\0/\0>\0"), false},
	{XML, BYTES("<?xml version=\"1.0\" encoding=\"utf-7\"?><a/>"), false},
	{XML, BYTES("Lo\xa7\x94\x93"), false},
	{"text/plain", BYTES("\xff\xfe<\0"), false},
	{"multipart/form-data; boundary=a; boundary=b", BYTES("--b--"), false},
	{"multipart/form-data; boundary=\"a\\b\"", BYTES("--ab--"), false},
	{"multipart/form-data; boundary=a,b", BYTES("--a--"), false},
	{JSON "; charset=\"UTF-8\"", BYTES("{}"), true},
	{XML, BYTES("\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><a/>"), true},
	{"multipart/form-data; boundary=----=_Part_0.1", BYTES("------=_Part_0.1--"), true},
	{"application/octet-stream", BYTES("\xff\xfe\0"), true},
};

START_TEST(looks_at_all_that_a_client_can_choose)
{
	struct visit *v = protected("{}");
	size_t found = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		expect(v, &places[i]);
		found += places[i].reason != NULL;
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "injection_attempts"), found);
	visit_leave(v);
}
END_TEST

static void expect_unclear(const char *config, bool refuses)
{
	struct visit *v = protected(config);
	for (size_t i = 0; i < sizeof(unclear) / sizeof(unclear[0]); i++) {
		bool passes = unclear[i].passes || !refuses;
		visit_begin(v, "POST", "/");
		visit_field(v, REQ, TYPE, unclear[i].type);
		enum sluice_test_outcome got =
			sluice_test_send_bytes(v->x, unclear[i].body, unclear[i].n);
		ck_assert_msg(
			got == (passes ? SLUICE_TEST_PASSED : SLUICE_TEST_ANSWERED), "%zu", i);
		if (passes)
			continue;
		ck_assert_uint_eq(sluice_test_status(v->x), 415);
		ck_assert_str_eq(sluice_test_reason(v->x), "injection_unclear");
	}
	visit_leave(v);
}

START_TEST(refuses_what_can_be_read_in_two_ways)
{
	expect_unclear("{}", true);
	expect_unclear("{\"rejectRequests\":false}", false);
}
END_TEST

START_TEST(looks_where_it_is_told_and_for_what)
{
	static const struct {
		const char *config;
		struct ask ask;
	} rows[] = {
		{"{\"protectPathAndQuery\":false}", {"/?q=<script>", NULL, NULL, NULL, NULL}},
		{"{\"protectHeaders\":false}", {NULL, "X-A", "<script>", NULL, NULL}},
		{"{\"protectBody\":false}", {NULL, TYPE, "text/plain", "<script>", NULL}},
		{"{\"builtInProtections\":[\"sql\"]}", {"/?q=<script>", NULL, NULL, NULL, NULL}},
		{"{\"builtInProtections\":[\"sql\"]}",
			{"/?q='--", NULL, NULL, NULL, "injection_sql"}},
		{"{\"builtInProtections\":[]}", {"/?q='--<script>", NULL, NULL, NULL, NULL}},
		{"{\"customProtections\":[{\"name\":\"ssn\",\"regex\":\"\\\\d{3}-\\\\d{2}\"}]}",
			{NULL, TYPE, JSON, "{\"a\":\"123-45\"}", "injection_custom"}},
		{"{\"customProtections\":[{\"name\":\"braces\",\"regex\":\"^\\\\{\"}]}",
			{NULL, TYPE, JSON, "{\"a\":1}", "injection_custom"}},
		{"{\"customProtections\":[{\"name\":\"slow\",\"regex\":\"^(a+)+$\"}]}",
			{"/?q=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", NULL, NULL, NULL,
				"injection_custom"}},
		{"{\"customProtections\":[{\"name\":\"git\",\"regex\":\"/[.]git/\"}]}",
			{"/a/%2egit/config", NULL, NULL, NULL, "injection_custom"}},
		{"{\"rejectRequests\":false}", {"/?q=<script>", TYPE, JSON, "{}", NULL}},
		{"{\"headersToProtect\":\"x-a, X-B\"}",
			{NULL, "x-b", "<script>", NULL, "injection_xss"}},
		{"{\"headersToProtect\":\"x-a,x-b\"}", {NULL, "x-c", "<script>", NULL, NULL}},
		{"{\"headersToProtect\":\"authorization\"}",
			{NULL, "Authorization", "<script>", NULL, "injection_xss"}},
		{"{\"headersToProtect\":\"\"}", {NULL, "x-c", "<script>", NULL, "injection_xss"}},
		{"{\"checkAllContentTypes\":true}",
			{NULL, TYPE, "application/octet-stream", "<script>", "injection_xss"}},
		{"{\"checkAllContentTypes\":true}",
			{NULL, TYPE, "application/x-own", "{\"a\":\"\\u003cscript>\"}",
				"injection_xss"}},
		{"{\"checkAllContentTypes\":true}", {NULL, TYPE, "image/png", "\x89PNG\r\n", NULL}},
		{"{\"checkAllContentTypes\":true,\"protectBody\":false}",
			{NULL, TYPE, "image/png", "<script>", NULL}},
		{"{\"checkAllContentTypes\":true}",
			{NULL, TYPE, PARTS,
				"--b\r\nContent-Disposition: form-data; name=\"a\"; "
				"filename=\"x\"\r\n"
				"\r\n<script>\r\n--b--",
				"injection_xss"}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct visit *v = protected(rows[i].config);
		expect(v, &rows[i].ask);
		bool counts = rows[i].ask.reason || strstr(rows[i].config, "reject");
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "injection_attempts"), counts);
		visit_leave(v);
	}
}
END_TEST

START_TEST(a_wrong_expression_is_a_configuration_error)
{
	assert_refused("injection-protection", "injection-protection",
		"{\"customProtections\":[{\"name\":\"a\",\"regex\":\"a\"},"
		"{\"name\":\"b\",\"regex\":\"(\"}]}",
		"config.customProtections[1].regex", NULL);
}
END_TEST

/* No attack passes. */
static void scenario(void *arg)
{
	static const char *const attacks[] = {
		"/a?q=%27+or+1%3D1--", "/a?q=%3Cscript%3E", "/a/x-own"};
	(void)arg;
	struct visit *v = visit_try("injection-protection", "injection-protection",
		"{customProtections: [{name: own, regex: x-own}]}");
	if (!sluice_test_problems(v->t)[0]) {
		for (size_t i = 0; i < COUNT(attacks); i++) {
			visit_begin(v, "GET", attacks[i]);
			ck_assert_int_ne(visit_send(v, NULL), PASSED);
		}
		visit_begin(v, "POST", "/");
		visit_field(v, REQ, TYPE, JSON);
		ck_assert_int_ne(visit_send(v, "{\"a\": \"' or 1=1--\"}"), PASSED);
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(injection_protection, looks_at_all_that_a_client_can_choose,
	refuses_what_can_be_read_in_two_ways, looks_where_it_is_told_and_for_what,
	a_wrong_expression_is_a_configuration_error, never_fails_open)
