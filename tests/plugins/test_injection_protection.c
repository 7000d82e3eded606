/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"

#include "injection-protection/sql.h"
#include "injection-protection/xss.h"

#include <stdio.h>
#include <stdlib.h>

#define REQ        CHAIN_REQUEST
#define TEXT_BYTES ((size_t)1 << 20)

static const char *const sql_attacks[] = {
	"' or 1=1--",
	"' OR '1'='1",
	"' or ''='",
	"\" or \"\"=\"",
	"\" or \"a\"=\"a",
	"') or ('1'='1",
	"')) or (('1'='1'))--",
	"1 or 1=1",
	"1 or 2>1",
	"1) or (1=1",
	"1 and 1=2",
	"1 AND 1=1-- -",
	"1' and '1'='1",
	"1' and '1'='2",
	"admin'--",
	"admin' -- ",
	"admin' #",
	"admin'#",
	"admin'/*",
	"admin'-- all the rest is cut",
	"admin') --",
	"' or true--",
	"' or 1--",
	"' or '1",
	"' || 1=1 --",
	"' or username like '%a%",
	"' or username is not null --",
	"x' and email is null; --",
	"x' and 1=(select count(*) from tablenames); --",
	"' and ascii(substring((select password from users limit 1),1,1))>64--",
	"1 and ascii(substr(user(),1,1))>96",
	"1 and length(database())=5",
	"1 union select 1,2,3",
	"1 UNION ALL SELECT NULL,NULL,NULL--",
	"' union select username, password from users--",
	"-1 union select * from users",
	"1/**/union/**/select/**/password/**/from/**/users",
	"1'/**/or/**/1=1#",
	"1 UnIoN SeLeCt @@version",
	"') union (select 1",
	"' union select null, version() --",
	"1;drop table users",
	"1; DROP TABLE users--",
	"'; drop table users; --",
	"1; delete from users where 1=1",
	"1; insert into users values (1,'x')",
	"1; update users set role='admin' where id=1",
	"1; exec xp_cmdshell('dir')",
	"'; exec master..xp_cmdshell 'ping 10.0.0.1'--",
	"1; shutdown --",
	"1; declare @a varchar(100); exec(@a)",
	"1; waitfor delay '0:0:5'--",
	"' waitfor delay '0:0:5'--",
	"1 and sleep(5)",
	"1' and sleep(5) and '1'='1",
	"sleep(5)",
	"if(now()=sysdate(),sleep(15),0)",
	"1 or benchmark(10000000,md5(1))",
	"'; select pg_sleep(10); --",
	"1 and (select 1 from (select count(*),concat(version(),floor(rand(0)*2))x from "
	"information_schema.tables group by x)a)",
	"1 and extractvalue(1,concat(0x7e,version()))",
	"1 and updatexml(1,concat(0x7e,user()),1)",
	"' union select load_file('/etc/passwd')--",
	"' into outfile '/var/www/x.php'--",
	"(select(0)from(select(sleep(15)))v)",
	"'+(select(0)from(select(sleep(15)))v)+'",
	"'||(select 1 from dual)||'",
	"'||'x",
	"'||user||'",
	"1 order by 10--",
	"' order by 5--",
	"' having 1=1--",
	"' group by 1 having 1=1--",
	"1 /*!50000union*/ /*!50000select*/ 1",
	"(case when (1=1) then 1 else 0 end)",
	"1 and 1 in (select 1)",
	"' or exists(select 1 from users)--",
	"select * from users",
	"select count(*) from users",
	"' or 1 limit 1 --",
	"' or not 1=2 --",
	"' xor 1=1 --",
	"' or 0x1=0x1--",
	"' and 1=utl_inaddr.get_host_address('x')--",
	"'-sleep(5)-'",
	"' procedure analyse()--",
	"1 or 'a'='a'",
	"' or 1 like 1--",
	"' or 1 between 0 and 2--",
	"' or (1)=(1)--",
	"'='",
	"'-'",
	"'^'",
	"\"=\"",
	"' like '%",
	"' or 1 or '",
	"1 or 1-- -",
	"1 or true#",
};

static const char *const xss_attacks[] = {
	"<script>alert(1)</script>",
	"<SCRIPT SRC=http://evil.example/x.js></SCRIPT>",
	"<script/src=//x.example>",
	"\"><script>alert(1)</script>",
	"'><script >alert(1)</script >",
	"<scr<script>ipt>alert(1)</script>",
	"<img src=x onerror=alert(1)>",
	"<img src=\"x\" onerror=\"alert(1)\">",
	"<IMG SRC=x oNeRrOr=alert(1)>",
	"<img/src=x/onerror=alert(1)>",
	"<img src=x onerror = alert(1)",
	"<svg onload=alert(1)>",
	"<svg/onload=alert(1)>",
	"<svg><script>alert(1)</script></svg>",
	"<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
	"<body onload=alert(1)>",
	"<body/onpageshow=alert(1)>",
	"<input autofocus onfocus=alert(1)>",
	"<details open ontoggle=alert(1)>",
	"<video><source onerror=\"alert(1)\">",
	"<audio src=x onerror=alert(1)>",
	"<marquee onstart=alert(1)>",
	"<select autofocus onfocus=alert(1)>",
	"<a href=\"javascript:alert(1)\">x</a>",
	"<a href=javascript:alert(1)>x</a>",
	"<a href=\" javascript:alert(1)\">x</a>",
	"<a href=\"JaVaScRiPt:alert(1)\">x</a>",
	"<a href=\"java&#115;cript:alert(1)\">x</a>",
	"<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
	"<a href=\"jav\tascript:alert(1)\">x</a>",
	"<a href=\"javascript&colon;alert(1)\">x</a>",
	"<a href=\"&#106;&#97;vascript:alert(1)\">x</a>",
	"<a href=\"vbscript:msgbox(1)\">x</a>",
	"<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
	"<a href=\"data:text/html;base64,PHNjcmlwdD4=\">x</a>",
	"<form action=\"javascript:alert(1)\"><input type=submit>",
	"<button formaction=javascript:alert(1)>x",
	"<iframe src=\"javascript:alert(1)\">",
	"<iframe srcdoc=\"&lt;script>alert(1)&lt;/script>\">",
	"<iframe>",
	"<object data=\"javascript:alert(1)\">",
	"<object data=//evil.example/x.swf>",
	"<embed src=//evil.example/x.swf>",
	"<base href=//evil.example/>",
	"<meta http-equiv=\"refresh\" content=\"0;url=javascript:alert(1)\">",
	"<link rel=stylesheet href=//evil.example/x.css>",
	"<link rel=\"import\" href=\"x\">",
	"javascript:alert(1)",
	" javascript:alert(document.cookie)",
	"javascript://%0aalert(1)",
	"JavaScript:void(0)",
	"data:text/html,<b>x",
	"\" onmouseover=\"alert(1)",
	"\" onfocus=alert(1) autofocus x=\"",
	"' onclick='alert(1)",
	"\"/onmouseover=alert(1)//",
	"\" autofocus onfocus=alert(1) x=\"",
	"';alert(1);//",
	"';alert(1)//",
	"\"-alert(1)-\"",
	"'-alert(1)-'",
	"\"+document.cookie+\"",
	"');alert(1);//",
	"';window.location='//evil.example'",
	"`;alert(1)//",
	"'};alert(1);{'",
	"[x](javascript:alert(1))",
	"[x](<javascript:alert(1)>)",
	"url(javascript:alert(1))",
	"{{constructor.constructor('alert(1)')()}}",
	"<math href=\"javascript:alert(1)\">x</math>",
	"<isindex action=javascript:alert(1)>",
	"<x onclick=alert(1)>",
	"<img title=\"<\" onerror=alert(1)>",
	"<img title=\">\" onerror=alert(1)>",
	"\"onclick=alert(1) x=\"",
	"'onerror=alert(1) '",
};

/* What people write. */
static const char *const harmless[] = {
	"O'Brien",
	"Jack O'Neill and Sons",
	"D'Angelo's \"Best\" Pizza",
	"select a seat",
	"Please select a seat from row 5",
	"Select an option from the list",
	"Select all from the menu, then press OK",
	"select 2 from the menu",
	"student union select committee",
	"the union selects its members",
	"union and select are keywords",
	"drop the table at the door; thanks",
	"Please pack it; delete from the list the ones you sent",
	"Update your profile, set your status",
	"insert coin",
	"5' or 6' tall",
	"it is 5'11\" or 6'",
	"the 90s' and 80s' best",
	"rock 'n' roll",
	"'quoted' and 'quoted again'",
	"He said \"yes\" or \"no\"",
	"\"x\" and \"y\" = z",
	"x = 1 or y = 2",
	"status=1 or status=2",
	"price > 10 and price < 20",
	"a and b or c",
	"this or that",
	"1 or 2",
	"2 and 3 make 5",
	"5 and 6",
	"the boys' or girls' school",
	"the boys' -- and the girls' -- room",
	"Smiths' #1 fan",
	"C# and F# developers",
	"# Heading one",
	"## Markdown heading",
	"-- a dash at the start",
	"Hello -- world",
	"I think -- and so do you",
	"a--b",
	"foo; bar; baz",
	"AT&T",
	"Q&A: what's new?",
	"100% sure",
	"50% off (today only)",
	"(select one)",
	"choose (select one from below)",
	"call sleep(10) in your code",
	"I need sleep (8 hours)",
	"group by region, order by price",
	"please order by 5 pm",
	"order by 3",
	"having a good time",
	"if (this) then that",
	"length(cm) and width(cm)",
	"price and count(es)",
	"user@example.com",
	"https://example.com/a?b=c&d=e#frag",
	"{\"a\": \"b\"}",
	"[link](https://example.com)",
	"**bold** and *italic* and `code`",
	"| a | b |",
	"a || b",
	"x && y",
	"f(x) = x^2",
	"1 + 1 = 2",
	"3 * (4 + 5)",
	"a <= b",
	"<3",
	"1 < 2 and 2 > 1",
	"O'Reilly, \"Learning SQL\"; 2nd ed.",
	"Don't; can't; won't.",
	"Let's meet at 5; update me",
	"it's 'fine' -- really",
	"JSON's \"keys\" and 'values'",
	"can't order by phone",
	"she's having a baby",
	"they're in the union",
	"We're selecting, dropping and updating",
	"where is the table from?",
	"null and void",
	"true or false",
	"not null",
	"exec summary",
	"grant all wishes",
	"shutdown at noon",
	"declare victory",
	"The case when it rains",
	"2024-01-02T03:04:05Z",
	"550e8400-e29b-41d4-a716-446655440000",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc--def",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.0.0 "
	"Safari/537.36",
	"\"Chromium\";v=\"110\", \"Not A(Brand\";v=\"24\", \"Google Chrome\";v=\"110\"",
	"name eq 'x' or name eq 'y'",
	"Name='x' or Name='y'",
	"name:'x' OR name:'y'",
	"learn javascript: the good parts",
	"JavaScript: The Good Parts",
	"JavaScript: The Good Parts (2nd ed.)",
	"a < b and c > d",
	"Map<String, List<object>>",
	"vector<int> v;",
	"if (a<b) return;",
	"<b>bold</b> text",
	"<img src=\"cat.png\" alt=\"a cat\">",
	"<a href=\"https://example.com/?on=1\">x</a>",
	"<p class=\"one\">on = off</p>",
	"click \"on\" and wait",
	"turn it on = yes",
	"\"Come on\", he said",
	"'on load' is an event",
	"data:image/png;base64,iVBORw0KGgo=",
	"metadata: text/html",
	"x => alert",
	"an alert (red) was raised",
	";alert",
	"I'm on=time",
	"<meta name=\"x\">",
	"<link to docs>",
	"base href",
	"use <br/> to break",
	"constructor (noun)",
	"don't; alert the team (now)",
	"'-' is a dash",
	"'=' and '-'",
	"''",
	"':'",
	"5' or 6 or 7' tall",
	"1 or 2 -- maybe",
	"1 or 2 #3",
	"the 'onclick' event",
	"'online=yes'",
};

static struct sluice_str view(const char *text)
{
	return (struct sluice_str){text, strlen(text)};
}

START_TEST(finds_what_changes_a_statement)
{
	for (size_t i = 0; i < sizeof(sql_attacks) / sizeof(sql_attacks[0]); i++)
		ck_assert_msg(sql_injection(view(sql_attacks[i])) != NULL, "%s", sql_attacks[i]);
}
END_TEST

START_TEST(finds_what_runs_a_script)
{
	for (size_t i = 0; i < sizeof(xss_attacks) / sizeof(xss_attacks[0]); i++)
		ck_assert_msg(xss_attack(view(xss_attacks[i])) != NULL, "%s", xss_attacks[i]);
}
END_TEST

START_TEST(lets_people_write)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		const char *sql = sql_injection(view(harmless[i]));
		const char *xss = xss_attack(view(harmless[i]));
		ck_assert_msg(!sql && !xss, "%s: %s", harmless[i], sql ? sql : xss);
	}
}
END_TEST

/* Each cut of everything, in memory of exactly that size, for the sanitizer. */
START_TEST(reads_nothing_beyond_a_value)
{
	const char *const *lists[] = {sql_attacks, xss_attacks, harmless};
	const size_t counts[] = {sizeof(sql_attacks) / sizeof(sql_attacks[0]),
		sizeof(xss_attacks) / sizeof(xss_attacks[0]),
		sizeof(harmless) / sizeof(harmless[0])};
	size_t found = 0;
	for (size_t l = 0; l < 3; l++)
		for (size_t i = 0; i < counts[l]; i++)
			for (size_t n = 1; n <= strlen(lists[l][i]); n++) {
				char *exact = malloc(n);
				ck_assert_ptr_nonnull(exact);
				memcpy(exact, lists[l][i], n);
				const struct sluice_str value = {exact, n};
				found += sql_injection(value) || xss_attack(value);
				free(exact);
			}
	ck_assert_uint_gt(found, counts[0] + counts[1] - 1);
}
END_TEST

/* A million bytes of what could be looked at again and again. */
START_TEST(nothing_takes_quadratic_time)
{
	static const char *const pieces[] = {"'", "\"", "(", "[", "/*\n", "<a ", "<a b='", "=",
		"a ", "--", "#\n", ";", "`", "&#0", "select (", "' or ", "javascript:", "= \t",
		"'/*", "(select ", "on", " onclic", "((((((((((((((((1", "<meta "};
	char *text = malloc(TEXT_BYTES);
	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t n = strlen(pieces[i]);
		for (size_t at = 0; at < TEXT_BYTES; at++)
			text[at] = pieces[i][at % n];
		const struct sluice_str value = {text, TEXT_BYTES};
		ck_assert_ptr_null(xss_attack(value));
		sql_injection(value);
	}
	free(text);
}
END_TEST

/* --- the policy ------------------------------------------------------------------------------ */
static struct rig *protected(const char *config)
{
	struct rig *r = rig_new(1);
	struct chain_binding_options *b = rig_bind(r,
		rig_plugin(r, PLUGINS "/injection-protection.so"), "injection-protection", config);
	b->body[REQ].mode = BODY_BUFFER;
	return r;
}

struct ask {
	const char *target, *name, *value, *body;
	const char *reason; /* NULL: it passes */
};

static void expect(struct visit *v, const struct ask *a)
{
	visit_begin(v);
	v->request.target = str_of(a->target ? a->target : "/");
	if (a->name)
		visit_field(v, REQ, a->name, a->value);
	enum chain_result r = visit_give(v, REQ, a->body ? a->body : "");
	ck_assert_msg(r == (a->reason ? CHAIN_RESPONDED : CHAIN_DONE), "%s %s %s",
		a->target ? a->target : "", a->value ? a->value : "", a->body ? a->body : "");
	if (!a->reason)
		return;
	ck_assert_uint_eq(v->x.local->head.status, 400);
	ck_assert_msg(str_eq(v->x.local->reason, str_of(a->reason)), "%.*s for %s",
		STR_ARG(v->x.local->reason), a->reason);
	assert_str(v->x.local->body, "{\"error\":\"The request was blocked\"}");
	ck_assert_int_eq(visit_answer(v), CHAIN_DONE);
	assert_str(visit_answered(v, "x-injection-protection"), "blocked");
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
	struct rig *r = protected("{}");
	struct visit *v = visit_new(r, 0);
	size_t found = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		expect(v, &places[i]);
		found += places[i].reason != NULL;
	}
	ck_assert_uint_eq(rig_counter(r, "injection_attempts", 0), found);
	visit_free(v);
	rig_free(r);
}
END_TEST

static enum chain_result give_bytes(struct visit *v, const char *p, size_t n)
{
	v->request.content_length = (int64_t)n;
	chunk_queue_add_copy(&v->x.run[REQ].in, str_n(p, n));
	v->x.run[REQ].in_ended = true;
	return chain_step(&v->x, REQ);
}

static void expect_unclear(const char *config, bool refuses)
{
	struct rig *r = protected(config);
	struct visit *v = visit_new(r, 0);
	for (size_t i = 0; i < sizeof(unclear) / sizeof(unclear[0]); i++) {
		bool passes = unclear[i].passes || !refuses;
		visit_begin(v);
		visit_field(v, REQ, TYPE, unclear[i].type);
		enum chain_result got = give_bytes(v, unclear[i].body, unclear[i].n);
		ck_assert_msg(got == (passes ? CHAIN_DONE : CHAIN_RESPONDED), "%zu", i);
		if (passes)
			continue;
		ck_assert_uint_eq(v->x.local->head.status, 415);
		assert_str(v->x.local->reason, "injection_unclear");
	}
	visit_free(v);
	rig_free(r);
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
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *r = protected(rows[i].config);
		struct visit *v = visit_new(r, 0);
		expect(v, &rows[i].ask);
		bool counts = rows[i].ask.reason || strstr(rows[i].config, "reject");
		ck_assert_uint_eq(rig_counter(r, "injection_attempts", 0), counts);
		visit_free(v);
		rig_free(r);
	}
}
END_TEST

START_TEST(a_wrong_expression_is_a_configuration_error)
{
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/injection-protection.so");
	ck_assert_ptr_null(rig_try_bind(r, p, "injection-protection",
		"{\"customProtections\":[{\"name\":\"a\",\"regex\":\"a\"},"
		"{\"name\":\"b\",\"regex\":\"(\"}]}"));
	ck_assert_str_eq(r->diagnostics.items[0].path, "config.customProtections[1].regex");
	rig_free(r);
}
END_TEST

UNIT_SUITE(injection_protection, finds_what_changes_a_statement, finds_what_runs_a_script,
	lets_people_write, reads_nothing_beyond_a_value, nothing_takes_quadratic_time,
	looks_at_all_that_a_client_can_choose, refuses_what_can_be_read_in_two_ways,
	looks_where_it_is_told_and_for_what, a_wrong_expression_is_a_configuration_error)
