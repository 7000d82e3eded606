/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts in exchanges: what they see and do, and what becomes of those that do too much. */
#include "policy.h"

static void on_failure(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

/* `more` is YAML beside the script: "memoryBytes: 1048576\n". */
static struct sluice_test *scripted_with(const char *more, const char *script)
{
	static char config[20000];
	size_t n = (size_t)snprintf(config, sizeof(config), "%sscript: |\n  ", more);
	for (const char *p = script; *p && n + 4 < sizeof(config); p++) {
		config[n++] = *p;
		if (*p == '\n')
			n += (size_t)snprintf(config + n, sizeof(config) - n, "  ");
	}
	config[n] = '\0';
	sluice_test_on_failure(on_failure, NULL);
	struct sluice_test *t = sluice_test_new(PLUGINS "/lua-script.so");
	sluice_test_bind(t, "lua-script", config);
	return t;
}

static struct sluice_test *scripted(const char *script)
{
	return scripted_with("", script);
}

static struct sluice_test_exchange *get(struct sluice_test *t, const char *target)
{
	return sluice_test_request(t, "GET", target);
}

static void assert_log(struct sluice_test *t, const char *part)
{
	const char *log = sluice_test_log(t);
	ck_assert_msg(strstr(log, part) != NULL, "'%s' is not in the log: %s", part, log);
}

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

/* --- denying ---------------------------------------------------------------------------------- */
START_TEST(an_error_denies_and_names_its_line)
{
	static const struct {
		const char *line, *said;
	} rows[] = {
		{"local a = nil; a.b = 1", "script:2: attempt to index local 'a' (a nil value)"},
		{"error('so')", "script:2: so"},
		{"error({})", "script:2: an error that is no text"},
		{"fail('no way')", "no way"},
		{"request.headers:set('content-length', '1')",
			"script:2: headers:set: the gateway refuses this name or value"},
		{"request.nonsense = 1",
			"script:2: what can be set of request has no \"nonsense\""},
		{"return request.metod", "script:2: request has no \"metod\""},
		{"request:replace('x')", "script:2: replace: this cannot be done in request_head"},
		{"response.status = 201",
			"script:2: response.status: this cannot be done in request_head"},
		{"return response.status + nil",
			"script:2: attempt to perform arithmetic on field 'status'"},
		{"http.request{target = 'nobody'}",
			"script:2: http: no target is called \"nobody\""},
		{"http.request{}", "script:2: http: no target is called \"\""},
		{"metrics.counter('late')",
			"script:2: metrics are declared when the script is loaded"},
		{"('x'):rep(1e9)", "script:2: rep: the result is too long"},
		{"('x'):find('[')", "script:2: a pattern's [ has no ]"},
		{"return io.open('/etc/passwd')",
			"script:2: attempt to index global 'io' (a nil value)"},
		{"return os.time()", "script:2: attempt to index global 'os' (a nil value)"},
		{"return require('ffi')",
			"script:2: attempt to call global 'require' (a nil value)"},
		{"return loadstring('x')",
			"script:2: attempt to call global 'loadstring' (a nil value)"},
		{"return string.dump(all)", "script:2: attempt to call field 'dump' (a nil value)"},
		{"return debug.getinfo(1)",
			"script:2: attempt to index global 'debug' (a nil value)"},
		{"table.sort({2, 1}, function() sleep(1) end)",
			"script:2: attempt to yield across C-call"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char script[300];
		snprintf(script, sizeof(script), "function request_head(request)\n%s\nend",
			rows[i].line);
		struct sluice_test *t = scripted(script);
		ck_assert_int_eq(sluice_test_send(get(t, "/"), NULL), SLUICE_TEST_DENIED);
		assert_log(t, rows[i].said);
		sluice_test_free(t);
	}
}
END_TEST

/* A request with x-evil ends by `said`, also when the script would catch that; the next one passes,
 * in a state that knows nothing of it. */
static void assert_bounded_by(const char *bounds, const char *evil, const char *said)
{
	char script[1000];
	snprintf(script, sizeof(script),
		"local count, kept = 0, {}\n"
		"function request_head(request)\n"
		"count = count + 1\n"
		"if request.headers:get('x-evil') then\n"
		"for i = 1, 2 do pcall(function()\n"
		"%s\n"
		"end) end end\n"
		"request.headers:set('x-count', count)\n"
		"end",
		evil);
	struct sluice_test *t = scripted_with(bounds, script);
	for (int i = 0; i < 3; i++) {
		struct sluice_test_exchange *x = get(t, "/");
		sluice_test_add(x, SLUICE_REQUEST, "x-evil", "1");
		ck_assert_msg(sluice_test_send(x, NULL) == SLUICE_TEST_DENIED, "%s passed", evil);
		assert_log(t, said);
		sluice_test_end(x);
		x = get(t, "/");
		ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
		ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-count"), "1");
		sluice_test_end(x);
	}
	sluice_test_free(t);
}

static void assert_bounded(const char *evil, const char *said)
{
	assert_bounded_by("memoryBytes: 2097152\ninstructions: 200000\n", evil, said);
}

static void assert_memory_bounded(const char *evil, const char *said)
{
	assert_bounded_by("memoryBytes: 2097152\ninstructions: 20000000\n", evil, said);
}

START_TEST(what_has_no_end_is_ended)
{
	static const char steps[] = "script:6: it takes too many instructions";
	assert_bounded("while true do end", steps);
	assert_bounded("while true do pcall(error) end", steps);
	assert_bounded("for i = 1, 1e9 do local x = ('ab'):upper() end", steps);
	assert_bounded("('a'):rep(30):find(('.-'):rep(30) .. 'b')", steps);
	assert_bounded("local function f() return f() end f()", steps);
	assert_bounded("while true do ('x'):rep(1e6) end", steps);
	assert_bounded("while true do ('x'):rep(10):gsub('.', string.upper) end", steps);
	assert_bounded("local t = {} for i = 1, 1e9 do t[1] = i table.sort(t) end", steps);
	assert_bounded("while true do local t = json.decode('[1,2,3]') end", steps);
	assert_bounded("while true do state:get('k') end", steps);
	assert_bounded("all{ function() while true do end end }", steps);
	assert_bounded("while true do crypto.sha256(('x'):rep(1000)) end", steps);
	assert_bounded("setmetatable(kept, {__index = function(t, k) return t[k + 1] end}) "
		       "while true do pcall(function() return kept[1] end) end",
		steps);
	assert_bounded("while true do sleep(0) end", steps);
	assert_bounded("table.insert({}, -1e9, 1)", steps);
	assert_bounded("table.insert({}, 1e300, 1)", steps);
	assert_bounded("local a, t = ('x'):rep(5e5), {} for i = 1, 500 do t[i] = a end "
		       "table.sort(t)",
		steps);
	assert_bounded("('b'):rep(1000):find('[' .. ('a'):rep(1e5) .. ']')", steps);
	assert_bounded("('b'):rep(1000):find('%f[' .. ('a'):rep(1e5) .. ']')", steps);
	assert_bounded("local t = ('%1'):rep(1e5) while true do ('x'):gsub('(y?)x', t) end", steps);
	assert_bounded("local t = ('a'):rep(1e5) while true do ('x'):find(t) end", steps);
}
END_TEST

/* One instruction that looks at megabytes. */
START_TEST(what_nobody_counts_is_ended_by_the_clock)
{
	struct sluice_test *t = scripted_with("instructions: 50000000\n",
		"function request_head(request)\n"
		"  local a, b = ('x'):rep(4e6) .. 'a', ('x'):rep(4e6) .. 'b'\n"
		"  while true do pcall(function() while true do local c = a < b end end) end\n"
		"end");
	ck_assert_int_eq(sluice_test_send(get(t, "/"), NULL), SLUICE_TEST_DENIED);
	assert_log(t, "script:3: it takes too long");
	sluice_test_free(t);
}
END_TEST

START_TEST(what_takes_all_memory_is_ended)
{
	static const char memory[] = "it takes too much memory";
	assert_memory_bounded("local t = {} for i = 1, 1e9 do t[i] = {i} end", memory);
	assert_memory_bounded("local s = 'x' while true do s = s .. s end", "memory");
	assert_memory_bounded(
		"local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i end", memory);
	assert_memory_bounded("local t = {} while true do t = {t} end", memory);
	assert_memory_bounded("('x'):rep(1e6):gsub('.', ('y'):rep(100))", "memory");
	assert_memory_bounded("local t = {} for i = 1, 60 do t[i] = ('x'):rep(30000) end "
			      "while true do t[#t + 1] = table.concat(t) end",
		"memory");
}
END_TEST

START_TEST(deep_recursion_is_an_error_like_others)
{
	struct sluice_test *t = scripted(
		"local function f() return 1 + f() end\n"
		"local function g() return (('x'):gsub('x', g)) end\n"
		"local function h() return all{ h } end\n"
		"local function i() table.sort({2, 1}, i) end\n"
		"local function j() return tostring(setmetatable({}, {__tostring = j})) end\n"
		"function request_head(request)\n"
		"  for _, each in ipairs{ f, g, h, i, j } do\n"
		"    local ok, why = pcall(each)\n"
		"    request.headers:add('x-why', tostring(why):match('stack overflow') or\n"
		"      tostring(why):match('nested') or tostring(why))\n"
		"  end\n"
		"end");
	struct sluice_test_exchange *x = get(t, "/");
	sluice_test_send(x, NULL);
	ck_assert_str_eq(sluice_test_log(t), "");
	ck_assert_int_eq(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	ck_assert_str_eq(sluice_test_field(x, SLUICE_REQUEST, "x-why"), "stack overflow");
	ck_assert_uint_eq(sluice_test_field_count(x, SLUICE_REQUEST, "x-why"), 5);
	sluice_test_free(t);
}
END_TEST

START_TEST(garbage_is_no_offence)
{
	struct sluice_test *t = scripted_with("memoryBytes: 1048576\ninstructions: 5000000\n",
		"function request_head(request)\n"
		"  for i = 1, 1000 do local s = ('x'):rep(20000) .. i end\n"
		"end");
	for (int i = 0; i < 20; i++) {
		struct sluice_test_exchange *x = get(t, "/");
		ck_assert_int_eq(sluice_test_send(x, NULL), SLUICE_TEST_PASSED);
		sluice_test_end(x);
	}
	sluice_test_free(t);
}
END_TEST

/* Who waits in a state that is thrown away goes on in it; the second time his is closed. */
START_TEST(others_go_on_when_a_state_is_thrown_away)
{
	struct sluice_test *t = scripted_with("instructions: 10000\n",
		"function request_head(request)\n"
		"  if request.path == '/evil' then while true do end end\n"
		"  sleep(10)\n"
		"end");
	struct sluice_test_exchange *a = get(t, "/a"), *b = get(t, "/b"), *c = get(t, "/c");
	ck_assert_int_eq(sluice_test_send(a, NULL), SLUICE_TEST_PAUSED);
	ck_assert_int_eq(sluice_test_send(get(t, "/evil"), NULL), SLUICE_TEST_DENIED);
	sluice_test_advance(t, 11);
	ck_assert_int_eq(sluice_test_outcome(a), SLUICE_TEST_PASSED);
	ck_assert_int_eq(sluice_test_send(b, NULL), SLUICE_TEST_PAUSED);
	ck_assert_int_eq(sluice_test_send(get(t, "/evil"), NULL), SLUICE_TEST_DENIED);
	ck_assert_int_eq(sluice_test_send(c, NULL), SLUICE_TEST_PAUSED);
	ck_assert_int_eq(sluice_test_send(get(t, "/evil"), NULL), SLUICE_TEST_DENIED);
	sluice_test_log(t);
	sluice_test_advance(t, 11);
	ck_assert_int_eq(sluice_test_outcome(b), SLUICE_TEST_DENIED);
	assert_log(t, "the state that the exchange had begun in is gone");
	ck_assert_int_eq(sluice_test_outcome(c), SLUICE_TEST_PASSED);
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

/* --- faults ----------------------------------------------------------------------------------- */
static void denies_all_but_one(void *arg)
{
	struct sluice_test *t = scripted("function request_head(request)\n"
					 "  exchange.note = {('x'):rep(3000)}\n"
					 "  sleep(10)\n"
					 "  local a, b = all{ function() return state:count('k') "
					 "end, function() sleep(5) end }\n"
					 "  if request.headers:get('x-key') ~= 'sesame' then "
					 "respond(403, {['x-a'] = 'b'}, 'no') end\n"
					 "end\n"
					 "function response_head(request, response) exchange.more "
					 "= exchange.note[1] .. 'y' end\n"
					 "function log() exchange.last = {} end");
	(void)arg;
	if (!sluice_test_problems(t)[0]) {
		struct sluice_test_exchange *x = get(t, "/");
		if (sluice_test_send(x, NULL) == SLUICE_TEST_PAUSED)
			sluice_test_advance(t, 40);
		ck_assert_int_ne(sluice_test_outcome(x), SLUICE_TEST_PASSED);
	}
	sluice_test_free(t);
}

START_TEST(whatever_fails_denies)
{
	ck_assert_uint_gt(sluice_test_faults(denies_all_but_one, NULL), 10);
}
END_TEST

UNIT_SUITE(lua_script, reads_two_fields_and_decides, handlers_come_from_a_table_too, sees_and_changes_both_messages, an_exchange_keeps_its_own_and_no_other, replaces_a_body_it_holds, changes_a_body_as_it_streams, counts_and_remembers, sleeps_beside_others, waits_for_several_at_once, an_answer_is_that_of_its_question, an_error_denies_and_names_its_line, what_has_no_end_is_ended, what_nobody_counts_is_ended_by_the_clock, what_takes_all_memory_is_ended, deep_recursion_is_an_error_like_others, garbage_is_no_offence, others_go_on_when_a_state_is_thrown_away, a_script_that_cannot_run_is_a_mistake_of_the_configuration, counts_in_metrics_of_its_own, worker_start_prepares, knows_digests_and_encodings, the_guides_tenants, the_guides_orders, the_guides_timing, the_guides_signatures, the_guides_locks, whatever_fails_denies)
