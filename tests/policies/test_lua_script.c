/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts in exchanges: what they see and do, and what of them is a mistake. */
#include "script.h"

/* --- what a script sees ----------------------------------------------------------------------- */
START_TEST(reads_two_fields_and_decides)
{
	struct sluice_test *t =
		scripted("function request_head(request)\n"
			 "  local tenant = request.headers:get('x-tenant')\n"
			 "  if request.method ~= 'GET' or tenant == nil then\n"
			 "    respond(400, {['x-why'] = 'tenant'}, 'which tenant?')\n"
			 "  end\n"
			 "  request.headers:set('x-seen', tenant)\n"
			 "end");
	struct sluice_test_exchange *x = get(t, "/");
	sluice_test_add(x, SLUICE_REQUEST, "X-Tenant", "blue");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-seen"), "blue");
	x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(x), 400);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "which tenant?");
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "x-why"), "tenant");
	ck_assert_str_eq(sluice_test_reason(x), "script");
	sluice_test_free(t);
}
END_TEST

START_TEST(handlers_come_from_a_table_too)
{
	struct sluice_test *t = scripted("return { request_head = function(request)\n"
					 "  request.path = '/v2' .. request.path\n"
					 "  request.query = 'a=' .. request.parameters:get('a')\n"
					 "end }");
	struct sluice_test_exchange *x = get(t, "/items?b=1&a=7");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_path(x), "/v2/items");
	ck_assert_str_eq(sluice_test_query(x), "a=7");
	sluice_test_free(t);
}
END_TEST

START_TEST(sees_and_changes_both_messages)
{
	struct sluice_test *t = scripted_with(
		"config: {zone: eu, ports: [1, 2], deep: {on: true}}\n"
		"expressions: {twice: \"#[attributes.method ++ 'x']\"}\n",
		"function request_head(request)\n"
		"  assert(config.zone == 'eu' and config.ports[2] == 2 and config.deep.on)\n"
		"  assert(request.client == '192.0.2.1', request.client)\n"
		"  assert(expr.twice:text() == 'GETx')\n"
		"  assert(request.cookies:get('c') == '3')\n"
		"  request.headers:add('x-many', '1')\n"
		"  request.headers:add('x-many', '2')\n"
		"  assert(table.concat(request.headers:all('x-many'), ',') == '1,2')\n"
		"  assert(request.headers:remove('x-gone') == 1)\n"
		"  vars.color = 'red'\n"
		"  auth.set{ principal = 'ann', client_id = 'c7' }\n"
		"  exchange.seen = request.path\n"
		"end\n"
		"function response_head(request, response)\n"
		"  assert(response.status == 200 and auth.principal == 'ann')\n"
		"  response.status = 202\n"
		"  response.headers:set('x-path', exchange.seen .. vars.color)\n"
		"end");
	struct sluice_test_exchange *x = get(t, "/items");
	sluice_test_add(x, SLUICE_REQUEST, "x-gone", "1");
	sluice_test_add(x, SLUICE_REQUEST, "cookie", "c=3");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_uint_eq(sluice_test_field_count(x, SLUICE_REQUEST, "x-many"), 2);
	ck_assert_int_eq(sluice_test_answer(x, 200, "ok"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "x-path"), "/itemsred");
	ck_assert_int_eq(sluice_test_status(x), 202);
	ck_assert_str_eq(sluice_test_property(x, "color"), "red");
	sluice_test_free(t);
}
END_TEST

START_TEST(an_exchange_keeps_its_own_and_no_other)
{
	struct sluice_test *t = scripted("function request_head(request)\n"
					 "  assert(exchange.path == nil)\n"
					 "  exchange.path = request.path\n"
					 "end\n"
					 "function response_head(request, response)\n"
					 "  response.headers:set('x-path', exchange.path)\n"
					 "end");
	struct sluice_test_exchange *a = get(t, "/a"), *b = get(t, "/b");
	ck_assert_int_eq(sluice_test_send(a, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_send(b, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_answer(a, 200, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_answer(b, 200, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(a, SLUICE_RESPONSE, "x-path"), "/a");
	ck_assert_str_eq(sluice_test_field(b, SLUICE_RESPONSE, "x-path"), "/b");
	sluice_test_free(t);
}
END_TEST

/* --- bodies ----------------------------------------------------------------------------------- */
START_TEST(replaces_a_body_it_holds)
{
	struct sluice_test *t = scripted_with("requestBody: {mode: buffer, maxBytes: 40}\n",
		"function request_body(request, bytes, is_last)\n"
		"  assert(is_last)\n"
		"  local order, why = json.decode(bytes)\n"
		"  if not order then respond(400, nil, why) end\n"
		"  order.item = order.item + 1\n"
		"  return json.encode(order)\n"
		"end");
	struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/");
	ck_assert_int_eq(sluice_test_send(x, "{\"item\": 7}"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_REQUEST), "{\"item\":8}");
	x = sluice_test_request(t, "POST", "/");
	ck_assert_int_eq(sluice_test_send(x, "{\"item\": 7"), SLUICE_TEST_ANSWERED);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "byte 11: expected , or }");
	x = sluice_test_request(t, "POST", "/");
	ck_assert_int_eq(sluice_test_send(x, "\"0123456789012345678901234567890123456789\""),
		SLUICE_TEST_TOO_LARGE);
	sluice_test_free(t);
}
END_TEST

START_TEST(changes_a_body_as_it_streams)
{
	struct sluice_test *t = scripted_with("responseBody: {mode: stream}\n",
		"function response_body(request, response, bytes, is_last)\n"
		"  return bytes:upper() .. (is_last and '!' or '')\n"
		"end");
	sluice_test_split(t, 1);
	struct sluice_test_exchange *x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_answer(x, 200, "abc"), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "ABC!");
	sluice_test_free(t);
}
END_TEST

/* --- what waits ------------------------------------------------------------------------------- */
START_TEST(counts_and_remembers)
{
	struct sluice_test *t = scripted(
		"function request_head(request)\n"
		"  local n, left = state:count(request.client, {limit = 2, window_ms = 1000})\n"
		"  if not n then respond(429, {['retry-after'] = left}) end\n"
		"  local value, version = state:get('k')\n"
		"  assert(state:put('k', (value or '') .. 'x', {version = version or false}))\n"
		"  assert(not state:put('k', 'never', {version = false}))\n"
		"  request.headers:set('x-n', n .. ' ' .. state:get('k'))\n"
		"end");
	for (int i = 1; i <= 2; i++) {
		struct sluice_test_exchange *x = get(t, "/");
		ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
		ck_assert_str_eq(
			sluice_test_field(x, SLUICE_REQUEST, "x-n"), i == 1 ? "1 x" : "2 xx");
	}
	struct sluice_test_exchange *x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(x), 429);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "retry-after"), "1000");
	sluice_test_advance(t, 1000);
	ck_assert_int_eq(sluice_test_send(get(t, "/"), NULL), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}
END_TEST

START_TEST(sleeps_beside_others)
{
	struct sluice_test *t = scripted("function request_head(request)\n"
					 "  local ms = tonumber(request.headers:get('x-ms'))\n"
					 "  sleep(ms)\n"
					 "  request.headers:set('x-slept', ms)\n"
					 "end");
	struct sluice_test_exchange *a = get(t, "/"), *b = get(t, "/");
	sluice_test_add(a, SLUICE_REQUEST, "x-ms", "50");
	sluice_test_add(b, SLUICE_REQUEST, "x-ms", "20");
	ck_assert_int_eq(sluice_test_send(a, NULL), SLUICE_TEST_PAUSED);
	ck_assert_int_eq(sluice_test_send(b, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 30);
	ck_assert_int_eq(sluice_test_outcome(a), SLUICE_TEST_PAUSED);
	ck_assert_int_eq(sluice_test_outcome(b), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(b, SLUICE_REQUEST, "x-slept"), "20");
	sluice_test_advance(t, 30);
	ck_assert_int_eq(sluice_test_outcome(a), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(a, SLUICE_REQUEST, "x-slept"), "50");
	/* One whose client goes away leaves nothing. */
	struct sluice_test_exchange *c = get(t, "/");
	sluice_test_add(c, SLUICE_REQUEST, "x-ms", "50");
	ck_assert_int_eq(sluice_test_send(c, NULL), SLUICE_TEST_PAUSED);
	sluice_test_cancel(c);
	sluice_test_free(t);
}
END_TEST

START_TEST(waits_for_several_at_once)
{
	struct sluice_test *t =
		scripted("function request_head(request)\n"
			 "  local a, b, c = all{\n"
			 "    function() sleep(10) return 'a' end,\n"
			 "    function() sleep(30) return 'b' end,\n"
			 "    function() return state:count('c') end }\n"
			 "  request.headers:set('x-all', a .. b .. c)\n"
			 "  local ok, why = pcall(all, { function() sleep(5) error('no', 0) end,\n"
			 "    function() sleep(1) end })\n"
			 "  request.headers:set('x-why', tostring(ok) .. why)\n"
			 "  all{ function() sleep(5) end, function() sleep(1) respond(418) end }\n"
			 "end");
	struct sluice_test_exchange *x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 31);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PAUSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-all"), "ab1");
	sluice_test_advance(t, 6);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-why"), "falseno");
	sluice_test_advance(t, 6);
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(x), 418);
	sluice_test_free(t);
}
END_TEST

/* What is asked where nobody can wait is not asked: its answer would be the next question's. */
START_TEST(an_answer_is_that_of_its_question)
{
	struct sluice_test *t = scripted(
		"local function set() return state:put('k', 'x') end\n"
		"local itself = setmetatable({}, {__index = function(t) http.request(t) end})\n"
		"function request_head(request)\n"
		"  for _, each in ipairs{ set, function() all{ set } end } do\n"
		"    local ok, why = pcall(string.gsub, 'x', 'x', each)\n"
		"    request.headers:add('x-why', tostring(ok) .. why)\n"
		"  end\n"
		"  assert(not pcall(http.request, itself))\n"
		"  request.headers:set('x-got', tostring((state:get('k'))))\n"
		"end");
	sluice_test_store(t, SLUICE_TEST_STORE_LATE);
	struct sluice_test_exchange *x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PAUSED);
	sluice_test_advance(t, 1);
	ck_assert_str_eq(sluice_test_log(t), "");
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-why"),
		"falsescript:5: attempt to yield across C-call boundary");
	ck_assert_uint_eq(sluice_test_field_count(x, SLUICE_REQUEST, "x-why"), 2);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-got"), "nil");
	sluice_test_free(t);
}
END_TEST

/* --- configuration ---------------------------------------------------------------------------- */
static void assert_problem(const char *more, const char *script, const char *expected)
{
	struct sluice_test *t = scripted_with(more, script);
	ck_assert_msg(strstr(sluice_test_problems(t), expected) != NULL, "%s: %s", script,
		sluice_test_problems(t));
	sluice_test_free(t);
}

START_TEST(a_script_that_cannot_run_is_a_mistake_of_the_configuration)
{
	assert_problem("", "x = = 1", "config.script: script:1: unexpected symbol near '='");
	assert_problem("", "\nfunction request_head(", "script:3: ");
	assert_problem("", "x = 1", "the script has no handler such as request_head");
	assert_problem(
		"", "local x = nil\nx()", "script:2: attempt to call local 'x' (a nil value)");
	assert_problem("", "while true do end", "script:1: it takes too many instructions");
	assert_problem("", "function request_heads() end", "no handler is called request_heads");
	assert_problem("", "return {request_heads = print}", "the script has no handler");
	assert_problem("", "return {req = all}", "no handler is called req");
	assert_problem("", "return {request_head = 'x', log = function() end}",
		"request_head is no function");
	assert_problem("", "return 7", "a script returns a table of handlers, or nothing");
	assert_problem("", "now()\nfunction log() end", "script:1: there is no exchange here");
	assert_problem("", "function request_body() end",
		"request_body is never called while requestBody.mode is none");
	assert_problem("expressions: {a: \"#[attributes.method]\"}\n",
		"function request_body() end",
		"request_body is never called while requestBody.mode is none");
	assert_problem("expressions: {a: \"#[nonsense(]\"}\n", "function log() end",
		"config.expressions.a: ");
	assert_problem("", "metrics.counter('A b')\nfunction log() end", "refuses this metric");
	assert_problem(
		"memoryBytes: 7\n", "function log() end", "config.memoryBytes: must be at least");
}
END_TEST

START_TEST(counts_in_metrics_of_its_own)
{
	struct sluice_test *t =
		scripted("local refused = metrics.counter('refused', 'What was refused',\n"
			 "  {why = {'age', 'tenant'}, who = {'a', 'b'}})\n"
			 "local seen = metrics.counter('seen')\n"
			 "local by = metrics.counter('by', 'By status', {status = {200, 404.5}})\n"
			 "local took = metrics.histogram('took_seconds', 'How long', {0.1, 1})\n"
			 "function request_head(request)\n"
			 "  seen:add()\n"
			 "  by:add(1, {status = 404.5})\n"
			 "  refused:add(2, {why = 'tenant', who = 'a'})\n"
			 "  took:observe(0.5)\n"
			 "  assert(not pcall(refused.add, refused, 1, {why = 'x', who = 'a'}))\n"
			 "end");
	ck_assert_int_eq(sluice_test_send(get(t, "/"), NULL), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}
END_TEST

START_TEST(worker_start_prepares)
{
	struct sluice_test *t = scripted("local table_of\n"
					 "function worker_start() table_of = {ready = 'yes'} end\n"
					 "function request_head(request)\n"
					 "  request.headers:set('x-ready', table_of.ready)\n"
					 "end");
	struct sluice_test_exchange *x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-ready"), "yes");
	sluice_test_free(t);
}
END_TEST

START_TEST(knows_digests_and_encodings)
{
	struct sluice_test *t = scripted(
		"function request_head(request)\n"
		"  assert(crypto.hex(crypto.sha256('abc')):sub(1, 16) == 'ba7816bf8f01cfea')\n"
		"  assert(crypto.hex(crypto.hmac_sha256('key',\n"
		"    'The quick brown fox jumps over the lazy dog')) ==\n"
		"    'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8')\n"
		"  assert(crypto.base64('ab?>') == 'YWI/Pg==' and crypto.base64_decode('YWI/Pg==') "
		"== 'ab?>')\n"
		"  assert(crypto.base64url('ab?>') == 'YWI_Pg' and "
		"crypto.base64url_decode('YWI_Pg') == 'ab?>')\n"
		"  assert(crypto.base64_decode('YWI_Pg==') == nil and "
		"crypto.base64url_decode('YWI/Pg') == nil)\n"
		"  assert(crypto.equal('a', 'a') and not crypto.equal('a', 'b') and "
		"#crypto.random(9) == 9)\n"
		"  local text = json.encode{a = {1, 2.5, true}, b = json.array{}, c = json.null}\n"
		"  local back = json.decode(text)\n"
		"  assert(back.a[2] == 2.5 and back.c == json.null and json.encode(back.b) == "
		"'[]')\n"
		"  assert(json.decode('\"\\\\u00e4\\\\ud83d\\\\ude00\\\\n\"') == "
		"'\\195\\164\\240\\159\\152\\128\\n')\n"
		"  for _, bad in ipairs{'', '{', '[1,]', '01', '{\"a\":1,\"a\":2}', '1 2', 'nul', "
		"'\"\\\\x\"',\n"
		"      '\"\\\\ud800\"', ('['):rep(70)} do\n"
		"    local value, why = json.decode(bad)\n"
		"    assert(value == nil and why, bad)\n"
		"  end\n"
		"  assert(('%s %d %q'):format({}, 3, 'x') == 'table 3 \"x\"' and tostring({}) == "
		"'table')\n"
		"  assert(('key = 7'):match('(%w+) = (%d+)') == 'key' and ('a.b'):find('.', 1, "
		"true) == 2)\n"
		"  local s = '' for w in ('one two'):gmatch('%a+') do s = s .. w end assert(s == "
		"'onetwo')\n"
		"  assert(('hello'):gsub('l', {l = 'L'}) == 'heLLo' and ('ab'):gsub('', '-') == "
		"'-a-b-')\n"
		"  assert(('a b'):gsub('(%w) (%w)', '%2 %1') == 'b a' and select(2, "
		"('xxx'):gsub('x', 'y', 2)) == 2)\n"
		"end");
	sluice_test_send(get(t, "/"), NULL);
	ck_assert_str_eq(sluice_test_log(t), "");
	sluice_test_free(t);
}
END_TEST

/* --- the guide -------------------------------------------------------------------------------- */
/* The nth Lua block of docs/sdk/lua.md. */
static const char *example(int n)
{
	static char page[65536];
	FILE *f = fopen(SOURCE_DIR "/docs/sdk/lua.md", "r");
	ck_assert_ptr_nonnull(f);
	size_t size = fread(page, 1, sizeof(page) - 1, f);
	fclose(f);
	page[size] = '\0';
	char *at = page;
	for (int i = 0; i <= n; i++) {
		at = strstr(at, "```lua\n");
		if (!at)
			return NULL;
		at += 7;
	}
	char *end = strstr(at, "```");
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	return at;
}

static struct sluice_test *guided(int n, const char *more)
{
	const char *script = example(n);
	ck_assert_ptr_nonnull(script);
	return scripted_with(more, script);
}

START_TEST(the_guides_tenants)
{
	struct sluice_test *t = guided(0, "");
	struct sluice_test_exchange *x = get(t, "/");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_ANSWERED);
	ck_assert_str_eq(sluice_test_body(x, SLUICE_RESPONSE), "{\"error\":\"Which tenant?\"}");
	x = get(t, "/");
	sluice_test_add(x, SLUICE_REQUEST, "x-tenant", "us-blue");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-zone"), "us");
	sluice_test_free(t);
}
END_TEST

START_TEST(the_guides_orders)
{
	struct sluice_test *t = guided(1, "requestBody: {mode: buffer}\n");
	struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/orders");
	ck_assert_int_eq(sluice_test_send(x, "{\"item\": 7}"), SLUICE_TEST_PASSED);
	ck_assert_ptr_nonnull(strstr(sluice_test_body(x, SLUICE_REQUEST), "\"received\":"));
	ck_assert_int_eq(sluice_test_answer(x, 502, NULL), SLUICE_TEST_PASSED);
	sluice_test_end(x);
	assert_log(t, "warn: /orders failed with 502");
	x = sluice_test_request(t, "POST", "/orders");
	ck_assert_int_eq(sluice_test_send(x, "{item"), SLUICE_TEST_ANSWERED);
	ck_assert_str_eq(sluice_test_reason(x), "no_json");
	x = sluice_test_request(t, "PUT", "/orders");
	ck_assert_int_eq(sluice_test_send(x, "{item"), SLUICE_TEST_PASSED);
	sluice_test_free(t);
}
END_TEST

START_TEST(the_guides_timing)
{
	struct sluice_test *t = guided(2, "");
	struct sluice_test_exchange *x = get(t, "/old/a?partner=p&b=1");
	ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_path(x), "/new/a");
	ck_assert_str_eq(sluice_test_query(x), "b=1");
	ck_assert_str_eq(sluice_test_property(x, "partner"), "p");
	sluice_test_advance(t, 40);
	sluice_test_add(x, SLUICE_RESPONSE, "x-powered-by", "it");
	ck_assert_int_eq(sluice_test_answer(x, 200, NULL), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_RESPONSE, "server-timing"), "total;dur=40");
	ck_assert_ptr_null(sluice_test_field(x, SLUICE_RESPONSE, "x-powered-by"));
	sluice_test_free(t);
}
END_TEST

START_TEST(the_guides_signatures)
{
	struct sluice_test *t = guided(3, "requestBody: {mode: buffer}\nconfig: {key: key}\n");
	struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/");
	sluice_test_add(x, SLUICE_REQUEST, "x-signature",
		"sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
	ck_assert_int_eq(sluice_test_send(x, "The quick brown fox jumps over the lazy dog"),
		SLUICE_TEST_PASSED);
	x = sluice_test_request(t, "POST", "/");
	ck_assert_int_eq(sluice_test_send(x, "The quick"), SLUICE_TEST_ANSWERED);
	ck_assert_str_eq(sluice_test_reason(x), "bad_signature");
	sluice_test_free(t);
}
END_TEST

START_TEST(the_guides_locks)
{
	struct sluice_test *t = guided(4, "");
	struct sluice_test_exchange *a = get(t, "/"), *b = get(t, "/");
	ck_assert_int_eq(sluice_test_send(a, NULL), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_send(b, NULL), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(b), 429);
	ck_assert_int_eq(sluice_test_answer(a, 200, "ok"), SLUICE_TEST_PASSED);
	for (int i = 0; i < 9; i++) {
		struct sluice_test_exchange *x = get(t, "/");
		bool passes = sluice_test_send(x, NULL) == SLUICE_TEST_PASSED;
		ck_assert_int_eq(passes, i < 8);
		if (passes)
			ck_assert_int_eq(sluice_test_answer(x, 200, "ok"), SLUICE_TEST_PASSED);
	}
	sluice_test_free(t);
}
END_TEST

UNIT_SUITE(lua_script, reads_two_fields_and_decides, handlers_come_from_a_table_too,
	sees_and_changes_both_messages, an_exchange_keeps_its_own_and_no_other,
	replaces_a_body_it_holds, changes_a_body_as_it_streams, counts_and_remembers,
	sleeps_beside_others, waits_for_several_at_once, an_answer_is_that_of_its_question,
	a_script_that_cannot_run_is_a_mistake_of_the_configuration, counts_in_metrics_of_its_own,
	worker_start_prepares, knows_digests_and_encodings, the_guides_tenants, the_guides_orders,
	the_guides_timing, the_guides_signatures, the_guides_locks)
