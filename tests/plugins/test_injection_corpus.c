/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks, and what people write: injection-protection tells one from the other. */
#include "unit.h"

#include "injection-protection/sql.h"
#include "injection-protection/xss.h"

#include <stdio.h>
#include <stdlib.h>

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

/* Where the statement has a number, and no quote to break out of. */
static const char *const number_attacks[] = {
	"1 OR 1=1",
	"1 or 1=1",
	"1) or (1)=(1",
	"(1)or(1)=(1)",
	"-1 or 1=1",
	"1 || 1=1",
	"1 && 1=1",
	"1\tor\n1=1",
	"1/**/or/**/1=1",
	"1 or 2 between 1 and 3",
	"1 or .5=.5",
	"1 or id>0",
	"1 or id=id",
	"1 or users.id=users.id",
	"1 or true",
	"1 and true",
	"1 or not id=5",
	"1 or name like '%'",
	"1 or name not like 'x'",
	"1 or name is not null",
	"1 or name is null --",
	"1 or id in (1,2,3)",
	"1 or id not in (select 1)",
	"1 or exists (select 1)",
	"1 or @@version like '5'",
	"1,2 or id>0",
	"1+1 or id>0",
	"null or 1=1",
	"0x31 or 1=1",
	"1;DROP TABLE users",
	"1;DROP TABLE",
	"1; drop schema public cascade",
	"1; drop index users_by_name",
	"1; create function f",
	"1; truncate users",
	"1; truncate table users",
	"1; copy users from program 'id'",
	"1; copy users to 'x.csv'",
	"1; call shut_down()",
	"1;select pg_sleep(5)",
	"1;select * from users",
	"1;exec xp_cmdshell 'dir'",
	"1;waitfor delay '0:0:5'",
	"1;delete from users",
	"1;update users set admin=1",
	"1;insert into users values (1)",
	"1 UNION SELECT 1",
	"1 union select password",
	"1 union select password from users",
	"1 union all select null, null",
	"-1 union distinct select 1,2",
	"1) union select 1,2 --",
	"1.union select 1,2",
	"1e0union select 1,2",
	"1.0union(select 1,2)",
	"1/**/union/**/select/**/name",
	"1,(select password from users)",
	"1-(select 1 from dual)",
	"1 in (select 1)",
	"1 order by 5",
	"1 group by 1 having 1=1",
	"1 and sleep(5)",
	"1 and (select count(*) from users) > 0",
	"1 procedure analyse()",
	"1 and ascii(mid(user(),1,1))>64",
	"case when 1=1 then 1 else 2 end",
	"1 xor 1=1",
	"1 rlike 1 or 1=1",
};

/* Numbers, and what people write behind them. */
static const char *const number_texts[] = {
	"1",
	"-1",
	"1.5",
	"1e5",
	"0x1f",
	"1,2,3",
	"1, 2 or 3",
	"(1) or (2)",
	"1 or 2",
	"1 or more",
	"1 and only",
	"1 and a half",
	"2 or 3 people",
	"1 in 10",
	"2 for 1",
	"5 or less = good",
	"2 and 2 make 4",
	"3 is null and void",
	"1; 2; 3",
	"1; drop by later",
	"1; call me (please)",
	"5; create a table, then sit",
	"1; copy the text from below",
	"2; update me",
	"3; select one",
	"4; delete this",
	"7; truncate the rest, please",
	"1 order by phone",
	"5 order by tomorrow",
	"2 union members",
	"1 union and 2 employers",
	"1.5kg or 2kg",
	"1.2.3-rc or later",
	"90s and 80s",
	"3 like the others",
	"4 having fun",
	"10 between friends",
	"1 true story",
	"1 - 2 - 3",
	"12 Union Street",
	"7 Select Avenue, Flat 3",
	"100 or so users where asked",
	"1st and 2nd",
	"+49 30 123456",
	"1/2 and 3/4",
	"10% or 20%",
	"24:00 or 0:00",
	"2 + 2 = 4",
	"3 > 2",
	"5 < x and x < 7",
	"4 8 15 16 23 42",
	"1'000'000",
	"6\" or 8\" pipes",
	"5'11\" and 6'",
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

START_TEST(finds_what_is_put_behind_a_number)
{
	for (size_t i = 0; i < sizeof(number_attacks) / sizeof(number_attacks[0]); i++)
		ck_assert_msg(
			sql_injection(view(number_attacks[i])) != NULL, "%s", number_attacks[i]);
	for (size_t i = 0; i < sizeof(number_texts) / sizeof(number_texts[0]); i++) {
		const char *shape = sql_injection(view(number_texts[i]));
		ck_assert_msg(!shape, "%s: %s", number_texts[i], shape);
	}
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

UNIT_SUITE(injection_corpus, finds_what_changes_a_statement, finds_what_is_put_behind_a_number,
	finds_what_runs_a_script, lets_people_write, reads_nothing_beyond_a_value,
	nothing_takes_quadratic_time)
