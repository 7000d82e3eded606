/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts with a store whose answers come later, as from another machine. What scripts do otherwise
 * is tested in tests/policies. */
#include "unit.h"

#include "rig.h"

#include "services/services.h"

static enum services_store store_late(void)
{
	return STORE_LATE;
}

#define REQ CHAIN_REQUEST

static struct visit *scripted(const char *config)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/lua-script.so"), "lua-script", config);
	services_store_by(store_late);
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	services_store_by(NULL);
	visit_free(v);
	rig_free(r);
}

static struct str requested(struct visit *v, const char *name)
{
	const struct field *f = fields_get(&v->request.fields, str_of(name));
	return f ? f->value : STR_EMPTY;
}

/* Until it waits for nothing more; how often it waited. */
static int step_through(struct visit *v, enum chain_result expected)
{
	int waits = 0;
	enum chain_result r;
	while ((r = chain_step(&v->x, REQ)) == CHAIN_PAUSED && waits < 20) {
		waits++;
		loop_turn(v->loop, 0);
		loop_turn(v->loop, 0);
	}
	ck_assert_int_eq(r, expected);
	return waits;
}

START_TEST(answers_come_to_those_who_asked)
{
	struct visit *v =
		scripted("{\"script\":\"function request_head(request)\\n"
			 "  state:put('b', 'of b') state:put('a', 'of a')\\n"
			 "  local a, n, b = all{ function() return state:get('a') end,\\n"
			 "    function() return state:count('n') + state:count('n') end,\\n"
			 "    function() return (state:get('b')) end }\\n"
			 "  request.headers:set('x-all', a .. ',' .. n .. ',' .. b)\\n"
			 "end\"}");
	ck_assert_int_eq(step_through(v, CHAIN_MORE), 4);
	assert_str(requested(v, "x-all"), "of a,3,of b");
	end(v);
}
END_TEST

/* Nobody takes the answer of one that failed: the next handler must not get it for its own. */
START_TEST(an_error_leaves_no_answer_behind)
{
	struct visit *v = scripted("{\"script\":\"function request_head(request)\\n"
				   "  state:put('a', 'of a') state:put('b', 'of b')\\n"
				   "  pcall(all, { function() return state:get('a') end, "
				   "function() error('no') end })\\n"
				   "  request.headers:set('x-b', (state:get('b')))\\n"
				   "end\"}");
	step_through(v, CHAIN_MORE);
	assert_str(requested(v, "x-b"), "of b");
	end(v);
}
END_TEST

START_TEST(an_exchange_that_ends_takes_its_question_with_it)
{
	struct visit *v = scripted("{\"script\":\"function request_head(request)\\n"
				   "  exchange.a = state:get('a')\\n"
				   "end\"}");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_PAUSED);
	visit_end(v);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(v->wakes, 0);
	end(v);
}
END_TEST

UNIT_SUITE(lua_script, answers_come_to_those_who_asked, an_error_leaves_no_answer_behind,
	an_exchange_that_ends_takes_its_question_with_it)
