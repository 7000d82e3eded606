/* SPDX-License-Identifier: Apache-2.0 */
/* Folders in which one file says what becomes of others: each is composed apart, and as a whole, to
 * the same plan. */
#include "apart_folder.h"
#include "apart_ways.h"
#include "base/check.h"

#include <stdio.h>

/* --- bindings -------------------------------------------------------------------------------- */

/* A binding behind an API in one file, so written that a look at its lines does not tell; and then
 * the record of that is used, too. */
START_TEST(a_binding_that_hides_in_a_file_of_apis_is_bound)
{
	static const char *const forms[] = {
		"\"apiVersion\": gateway.sluice.dev/v1\n\"kind\": PolicyBinding\nmetadata: {name: "
		"p}\n"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"{apiVersion: gateway.sluice.dev/v1, kind: PolicyBinding, metadata: {name: p},\n"
		" spec: {targetRef: {name: a}, policyRef: {name: access-block}}}\n",
		"  apiVersion: gateway.sluice.dev/v1\n  kind: PolicyBinding\n  metadata: {name: "
		"p}\n"
		"  spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"apiVersion: gateway.sluice.dev/v1\n? kind\n: PolicyBinding\nmetadata: {name: p}\n"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"apiVersion: gateway.sluice.dev/v1\n!!str kind: PolicyBinding\nmetadata: {name: "
		"p}\n"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"apiVersion: gateway.sluice.dev/v1\nmetadata: {name: p}\n"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"apiVersion: gateway.sluice.dev/v1\rkind: PolicyBinding\rmetadata: {name: p}\r"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"apiVersion: gateway.sluice.dev/v1\u2028kind: PolicyBinding\u2028metadata: {name: "
		"p}\u2028"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
		"apiVersion: gateway.sluice.dev/v1\xc2\x85kind: PolicyBinding\xc2\x85metadata: "
		"{name: p}\xc2\x85"
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n",
	};
	char text[1200];
	struct outcome whole, made;
	buffer_init(&record, SIZE_MAX / 2);
	open_empty_folder(0);
	plain_api(text, sizeof(text), "a");
	write_text("a.yaml", text);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		int n = plain_api(text, sizeof(text), "b");
		snprintf(text + n, sizeof(text) - (size_t)n, "---\n%s", forms[i]);
		remove_text("b.yaml");
		compose(&made, REUSING, -2); /* a record of the API alone */
		forget(&made);
		write_text("b.yaml", text);
		compose(&whole, WHOLE, 0);
		ck_assert_msg(
			memmem(whole.plan.p, whole.plan.n, "blocked", 7) != NULL ||
				memmem(whole.findings.p, whole.findings.n, "error", 5) != NULL,
			"form %zu binds nothing:\n%.*s", i, STR_ARG(buffer_str(&whole.findings)));
		for (int times = 0; times < 2; times++) {
			compose(&made, times ? REUSING : APART, -2);
			compare(&whole, &made, times ? "reusing" : "apart", i);
			forget(&made);
		}
		compose(&made, REUSING, -2);
		compare(&whole, &made, "reusing", i);
		forget(&made);
		forget(&whole);
	}
	buffer_deinit(&record);
	remove_text("a.yaml");
	remove_text("b.yaml");
	close_folder();
}
END_TEST

/* What is wrong with its text leaves the binding where it is. */
START_TEST(a_binding_beside_a_mistake_is_bound)
{
	static const char head[] =
		"apiVersion: gateway.sluice.dev/v1\nkind: PolicyBinding\nmetadata: {name: p}\n";
	static const char *const forms[] = {
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}, order: 1, order: "
		"1}\n",
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n---\n[]\n",
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n---\na: *b\n",
		"spec: {targetRef: {name: a}, policyRef: {name: access-block}}\n---\na: [\n",
	};
	char text[1200];
	struct outcome whole, made;
	buffer_init(&record, SIZE_MAX / 2);
	open_empty_folder(0);
	plain_api(text, sizeof(text), "a");
	write_text("a.yaml", text);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		snprintf(text, sizeof(text), "%s%s", head, forms[i]);
		write_text("p.yaml", text);
		compose(&whole, WHOLE, 0);
		ck_assert_msg(whole.findings.n > 0, "form %zu is right", i);
		for (int times = 0; times < 3; times++) {
			compose(&made, times ? REUSING : APART, -2);
			compare(&whole, &made, times ? "reusing" : "apart", i);
			forget(&made);
		}
		forget(&whole);
	}
	buffer_deinit(&record);
	remove_text("a.yaml");
	remove_text("p.yaml");
	close_folder();
}
END_TEST

/* --- ports ----------------------------------------------------------------------------------- */

#define MANY 80

static void write_api_at(unsigned i, const char *host)
{
	char name[32], text[400];
	snprintf(name, sizeof(name), "%02u.yaml", i);
	snprintf(text, sizeof(text),
		"apiVersion: gateway.sluice.dev/v1\nkind: ApiInstance\nmetadata: {name: n%u}\n"
		"spec:\n  address: http://%s:8081/n%u\n"
		"  services: {up: {address: \"http://h:1\"}}\n",
		i, host, i);
	write_text(name, text);
}

/* Every way gives the same, whose findings are these; and what is reused was there to be. */
static void ports_are(uint64_t n, const char *findings)
{
	struct outcome whole, made;
	compose(&whole, WHOLE, 0);
	ck_assert_msg(str_eq(buffer_str(&whole.findings), str_of(findings)), "%.*s",
		STR_ARG(buffer_str(&whole.findings)));
	compose(&made, APART, 0);
	compare(&whole, &made, "apart", n);
	forget(&made);
	size_t reused = reused_total, surveyed = surveyed_total;
	for (int times = 0; times < 2; times++) {
		compose(&made, REUSING, -2);
		compare(&whole, &made, "reusing", n);
		forget(&made);
	}
	ck_assert_uint_ge(reused_total - reused, MANY - 2);
	ck_assert_uint_eq(surveyed_total - surveyed, findings[0] ? 0 : 2);
	forget(&whole);
}

START_TEST(ports_that_hold_one_another_are_found_over_files_that_are_reused)
{
	static const char *const others[] = {"0.0.0.0", "[::]", "[::ffff:0.0.0.0]"};
	char findings[160];
	buffer_init(&record, SIZE_MAX / 2);
	open_empty_folder(0);
	for (unsigned i = 0; i < MANY; i++)
		write_api_at(i, "127.0.0.1");
	ports_are(0, "");
	for (unsigned i = 0; i < ARRAY_COUNT(others); i++) {
		const char *shown = i == 1 ? "[::]" : "0.0.0.0";
		write_api_at(MANY - 1, others[i]); /* behind all: it is the later one */
		snprintf(findings, sizeof(findings),
			"%u.yaml:5:12: spec.address: %s:8081 cannot be listened on beside "
			"127.0.0.1:8081, the port of default/n0 (00.yaml:5)\n",
			MANY - 1, shown);
		ports_are(1 + 2 * i, findings);
		write_api_at(MANY - 1, "127.0.0.1");
		ports_are(2 + 2 * i, "");
	}
	write_api_at(MANY - 1, "[::ffff:127.0.0.1]");
	ports_are(7, "");
	buffer_deinit(&record);
	for (unsigned i = 0; i < MANY; i++)
		remove_file(i);
	close_folder();
}
END_TEST

/* --- calls ----------------------------------------------------------------------------------- */

/* What all share: settings for calls, and a service that a binding of every API calls. */
static void write_common_calls(const char *address)
{
	char text[900];
	snprintf(text, sizeof(text),
		"apiVersion: gateway.sluice.dev/v1\nkind: Configuration\nmetadata: {name: s}\n"
		"spec: {defaultTLS: {outboundPolicyCalls: {minversion: \"1.3\"}}}\n---\n"
		"apiVersion: gateway.sluice.dev/v1\nkind: Service\nmetadata: {name: shared}\n"
		"spec: {address: \"%s\"}\n---\n"
		"apiVersion: gateway.sluice.dev/v1\nkind: PolicyBinding\nmetadata: {name: p}\n"
		"spec:\n  targetRef: {kind: Selector, selector: {kind: ApiInstance}}\n"
		"  policyRef: {name: callout}\n"
		"  config: {services: [shared], fallback: shared}\n",
		address);
	write_text("common.yaml", text);
}

/* Two APIs, of which the first one may route to the service that both call. */
static void write_callers(bool routes_to_it)
{
	char text[900];
	int n = plain_api(text, sizeof(text), "a");
	if (routes_to_it)
		snprintf(text + n, sizeof(text) - (size_t)n,
			"  policies:\n"
			"    - {policyRef: {name: route}, config: {destinationRef: {name: "
			"shared}}, "
			"rules: [{path: /x}]}\n");
	write_text("a.yaml", text);
	plain_api(text, sizeof(text), "b");
	write_text("b.yaml", text);
}

/* How many of the ways took no tree of an API, where all of them give one plan. */
static size_t surveyed_of_callers(uint64_t n)
{
	static const enum way ways[] = {APART, PARTS, REUSING, REUSING};
	struct outcome whole, made;
	size_t before;
	compose(&whole, WHOLE, 0);
	ck_assert_msg(whole.rc == RC_OK && whole.findings.n == 0, "%.*s",
		STR_ARG(buffer_str(&whole.findings)));
	before = surveyed_total;
	for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
		compose(&made, ways[i], -2);
		compare(&whole, &made, "calls", n);
		forget(&made);
	}
	forget(&whole);
	return surveyed_total - before;
}

/* A service that takes the settings is two where it is called and routed to, which only shows in
 * the whole; any other is one, whoever uses it. */
START_TEST(callers_are_composed_apart_unless_their_service_is_two)
{
	static const struct {
		const char *address;
		bool routes_to_it, is_apart;
	} cases[] = {
		{"http://shared:80", false, true},
		{"http://shared:80", true, true},
		{"h2://shared:80", true, true},
		{"https://shared:443", false, true},
		{"https://shared:443", true, false},
	};
	buffer_init(&record, SIZE_MAX / 2);
	open_empty_folder(0);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		write_common_calls(cases[i].address);
		write_callers(cases[i].routes_to_it);
		size_t surveyed = surveyed_of_callers(i);
		ck_assert_msg(
			(surveyed > 0) == cases[i].is_apart, "case %zu: %zu surveyed", i, surveyed);
	}
	buffer_deinit(&record);
	remove_text("common.yaml");
	remove_text("a.yaml");
	remove_text("b.yaml");
	close_folder();
}
END_TEST

UNIT_SUITE(apart_cases, a_binding_that_hides_in_a_file_of_apis_is_bound,
	a_binding_beside_a_mistake_is_bound,
	ports_that_hold_one_another_are_found_over_files_that_are_reused,
	callers_are_composed_apart_unless_their_service_is_two)
