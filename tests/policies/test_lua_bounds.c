/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts that fail, or do too much: what becomes of them, and of others meanwhile. */
#include "script.h"

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

UNIT_SUITE(lua_bounds, an_error_denies_and_names_its_line, what_has_no_end_is_ended,
	what_nobody_counts_is_ended_by_the_clock, what_takes_all_memory_is_ended,
	deep_recursion_is_an_error_like_others, garbage_is_no_offence,
	others_go_on_when_a_state_is_thrown_away, whatever_fails_denies)
