/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a folder, and whatever is done to it: composing APIs apart gives the plan and
 * the findings of composing the whole, byte by byte. SLUICE_EDITS: how many edits. */
#include "config/config.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 14
/* Of one folder; every second one is calm. */
#define FOLDER_EDITS 15
#ifdef SLUICE_SANITIZE
#define EDITS_QUICK 30
#else
#define EDITS_QUICK 100
#endif

static char folder[128];
static const char plugin_dir[] = BUILD_DIR "/lib/sluice/plugins";
static const char callout_dir[] = BUILD_DIR "/tests/callout"; /* its configuration names services */
static uint64_t seed;
static char variable[16];
static bool is_calm; /* in which there are few mistakes: most of the time nothing is to be said */

/* --- chance ---------------------------------------------------------------------------------- */

static unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

static bool one_in(unsigned n)
{
	return below(n) == 0;
}

/* What is mostly a mistake. */
static bool amiss(unsigned n)
{
	return !is_calm && one_in(n);
}

#define ANY(list) list[below(ARRAY_COUNT(list))]

/* --- documents ------------------------------------------------------------------------------- */

static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
static const char *const tiers[] = {"gold", "gold", "iron", "clay"};
/* What may be bound, with its configuration; the first SIMPLE of them to any API. */
#define SIMPLE 12
static const char *const policies[] = {
	"policyRef: {name: response-timeout}, config: {timeout: 2}",
	"policyRef: {name: response-timeout}, config: {timeout: $WAIT}",
	"policyRef: {name: header-injection}, config: {inboundHeaders: [{key: x, value: y}]}",
	"policyRef: {name: header-injection}, config: {inboundHeaders: [{key: x, value: "
	"\"${file:more.txt}\"}]}",
	"policyRef: {name: header-injection}, config: {inboundHeaders: [{key: x, value: "
	"\"${secret:a.word}\"}]}",
	"policyRef: {name: rate-limiting}, config: {rateLimits: [{maximumRequests: 7, "
	"timePeriodInMilliseconds: 1000}]}",
	"policyRef: {name: cors}, config: {}",
	"policyRef: {name: stream-idle-timeout}, config: {timeout: 3}",
	"policyRef: {name: access-block}",
	"policyRef: {name: header-removal}, config: {inboundHeaders: [x-a]}",
	"policyRef: {name: callout}, config: {services: [up, \"http://H3:1/q\"]}",
	"policyRef: {name: callout}, config: {services: [c-up, b], fallback: \"https://h4\"}",
	"policyRef: {name: route}, config: {destinationRef: {name: b}}",
	"policyRef: {name: route}, config: {destinationRef: {name: c-up}}, rules: [{path: /x}]",
	"policyRef: {name: tracing}, config: {}",
	"policyRef: {name: idle-timeout}, config: {timeout: 3}",
	"policyRef: {name: circuit-breaker}, config: {thresholds: {maxConnections: 3}}",
};
/* The same with something wrong. */
static const char *const mistakes[] = {
	"policyRef: {name: respons-timeout}, config: {timeout: 2}",
	"policyRef: {name: response-timeout}, config: {timeut: 2}",
	"policyRef: {name: header-injection}, config: {inboundHeaders: 7}",
	"policyRef: {name: tls}, config: {certificate: {secretRef: {name: a}}}",
	"policyRef: {name: rate-limiting}",
	"policyRef: {name: callout}, config: {services: [nobody]}",
	"policyRef: {name: callout}, config: {services: [\"h2://h3:1\"]}",
	"policyRef: {name: header-injection}, config: {inboundHeaders: [{key: x, value: $NONE}]}",
};

/* Any number of them may be bound to one API. */
static const char *const calm[] = {
	"policyRef: {name: header-injection}, config: {inboundHeaders: [{key: x, value: $WAIT}]}",
	"policyRef: {name: header-injection}, config: {inboundHeaders: [{key: x, value: "
	"\"${file:more.txt}\"}]}",
	"policyRef: {name: rate-limiting}, config: {rateLimits: [{maximumRequests: 7, "
	"timePeriodInMilliseconds: 1000}]}",
	"policyRef: {name: header-removal}, config: {inboundHeaders: [x-a]}",
	"policyRef: {name: callout}, config: {services: [up], fallback: up}",
};

static const char *policy(unsigned wrong)
{
	if (amiss(wrong))
		return ANY(mistakes);
	if (is_calm)
		return ANY(calm);
	return one_in(8) ? ANY(policies) : policies[below(SIMPLE)];
}

static void head(FILE *f, const char *kind, const char *name)
{
	fprintf(f, "apiVersion: gateway.sluice.dev/v1\nkind: %s\nmetadata: {name: %s", kind, name);
	if (one_in(is_calm ? 60 : 12))
		fprintf(f, ", namespace: other");
	if (!one_in(3))
		fprintf(f, ", labels: {tier: %s}", ANY(tiers));
	fprintf(f, "}\nspec:\n");
}

static const char *address_of_another(void)
{
	static const char *const hosts[] = {
		"127.0.0.1", "[::]", "[::1]", "[0:0::1]", "[::ffff:0.0.0.0]"};
	return ANY(hosts);
}

static void api(FILE *f, const char *name)
{
	head(f, "ApiInstance", amiss(25) ? ANY(names) : name);
	fprintf(f, "  address: http%s://%s:%u/%s\n", amiss(30) ? "s" : "",
		amiss(30) ? address_of_another() : "0.0.0.0", 8081 + below(2),
		amiss(25) ? ANY(names) : name);
	if (!amiss(8))
		fprintf(f, "  services:\n    up: {address: \"http://h%u:1/p\"}\n", below(9));
	if (one_in(9))
		fprintf(f, "  limits: {requestBodyBytes: %u}\n", 1000 + below(9));
	if (amiss(30))
		fprintf(f, "  polices: []\n");
	fprintf(f, "  policies:\n");
	if (is_calm && one_in(3))
		fprintf(f, "    - {policyRef: {name: route}, config: {destinationRef: {name: "
			   "shared}}, "
			   "rules: [{path: /x}]}\n");
	for (unsigned i = is_calm + below(4 - is_calm); i > 0; i--)
		fprintf(f, "    - {%s}\n", policy(60));
}

static void binding(FILE *f, const char *name)
{
	static const char *const targets[] = {"{name: %s}", "{kind: Service, name: %s-up}",
		"{kind: Service, name: %s}", "{kind: Selector, selector: {labels: {tier: %s}}}"};
	unsigned target = is_calm ? below(2) * 3 : below(4);
	head(f, "PolicyBinding", name);
	fprintf(f, "  targetRef: ");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	fprintf(f, targets[target],
		target == 3 ? ANY(tiers) : names[below(is_calm ? 6 : ARRAY_COUNT(names))]);
#pragma GCC diagnostic pop
	fprintf(f, "\n");
	if (one_in(2))
		fprintf(f, "  order: %u\n", 50 + below(3));
	char *text = heap_strdup(policy(20)), *rest = strstr(text, ", config");
	fprintf(f, "  %.*s\n", rest ? (int)(rest - text) : (int)strlen(text), text);
	char *rules = rest ? strstr(rest, ", rules") : NULL;
	if (rest)
		fprintf(f, "  %.*s\n", rules ? (int)(rules - rest - 2) : (int)strlen(rest + 2),
			rest + 2);
	free(text);
}

static void other(FILE *f, const char *name)
{
	static const char *const settings[] = {"timeouts: {streamIdleSeconds: 9}",
		"timeouts: {upstreamResponseSeconds: 4}", "routing: {rewriteHostHeader: false}",
		"probe: {port: 8081}", "tracing: {}",
		"forwardProxy: {https: {address: \"http://p:1\"}}", "strict: true",
		"limits: {requestBodyBytes: 70000}"};
	switch (below(is_calm ? 2 : 5)) {
	case 0:
		head(f, "Service", name);
		fprintf(f, "  address: http://s%u:%s\n", below(9), amiss(9) ? "x" : "80");
		return;
	case 1:
		head(f, "Secret", amiss(9) ? "a" : name);
		fprintf(f, "  data: {word: \"w%u$WAIT\"}\n", below(3));
		return;
	case 2:
		head(f, "Configuration", name);
		fprintf(f, "  %s\n", ANY(settings));
		return;
	case 3:
		head(f, "Contract", name);
		fprintf(f, "  apiId: %s\n  client: {id: x}\n", ANY(names));
		return;
	default:
		head(f, "Extension", name);
		fprintf(f, "  extends: [{name: %s}]\n", one_in(9) ? "proxy-wasm-filter" : "x");
	}
}

static void odd(FILE *f, const char *name)
{
	switch (below(6)) {
	case 0:
		fprintf(f, "a: [\n");
		return;
	case 1:
		api(f, name);
		fprintf(f, "---\n{kind: Service, metadata: {name: b}, spec: {}}\n");
		return;
	case 2:
		fprintf(f, "kind: ApiInstance\nkind: ApiInstance\nmetadata: {name: a}\n");
		return;
	case 3:
		fprintf(f, "# nothing\n");
		return;
	case 4:
		fprintf(f, "kind: ConfigMap\ndata: {}\n");
		return;
	default:
		fprintf(f, "{\"kind\": \"ApiInstance\", \"metadata\": {\"name\": \"%s\"}}\n", name);
	}
}

static void write_file(unsigned i)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%02u.yaml", folder, i);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	const char *name = names[i % ARRAY_COUNT(names)];
	unsigned kind = below(20);
	if (kind < 13 || i < 6)
		api(f, name);
	else if (kind < 16)
		binding(f, name);
	else if (kind < 19 || is_calm)
		other(f, name);
	else
		odd(f, name);
	if (amiss(20)) {
		fprintf(f, "---\n");
		api(f, ANY(names));
	}
	fclose(f);
}

static void write_text(const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void remove_text(const char *name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

static void remove_file(unsigned i)
{
	char name[32];
	snprintf(name, sizeof(name), "%02u.yaml", i);
	remove_text(name);
}

static void edit(void)
{
	unsigned i = below(is_calm ? ARRAY_COUNT(names) : FILES_MAX);
	switch (below(24)) {
	case 0:
	case 1:
	case 2:
		remove_file(i);
		return;
	case 3:
		write_text("more.txt", one_in(2) ? "more" : "less");
		return;
	case 4:
		snprintf(variable, sizeof(variable), "%u", 1 + below(3));
		return;
	case 5:
		if (one_in(3))
			write_text("z.lua", "for api in sluice.apis() do api:warn('seen') end");
		return;
	case 6:
	case 7:
		remove_text("z.lua");
		return;
	default:
		write_file(i);
	}
}

/* --- composing ------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
	return strcmp(name, "WAIT") == 0 && variable[0] ? variable : NULL;
}

struct outcome {
	struct buffer plan;
	struct buffer with_parts; /* as it was, where it has parts */
	struct buffer findings;
	enum rc rc;
};

/* One tree of all, so that it can be compared. */
static void put_together(struct outcome *o)
{
	char message[160] = "";
	struct plan *plan = NULL;
	struct plan_writer *w = plan_writer_new();
	o->with_parts = o->plan;
	buffer_init(&o->plan, LIMIT_PLAN_BYTES);
	enum rc rc = plan_decode(buffer_str(&o->with_parts), &plan, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s: %s", folder, message);
	plan_write_copy(w, NULL, plan_root(plan));
	ck_assert_int_eq(plan_writer_finish(w, &o->plan), RC_OK);
	plan_writer_free(w);
	plan_free(plan);
}

static struct buffer record; /* what the last composition left */
static size_t apart_total, reused_total, surveyed_total;

enum way { WHOLE, APART, PARTS, REUSING };

static void compose(struct outcome *o, enum way way, int settled_s)
{
	const char *paths[] = {folder}, *plugins[] = {plugin_dir, callout_dir};
	struct diagnostics diagnostics;
	struct buffer left;
	struct config_work work = {0};
	struct config_options options = {
		.paths = paths,
		.path_count = 1,
		.plugin_dirs = plugins,
		.plugin_dir_count = 2,
		.getenv = environment,
		.apart_min = way == WHOLE ? SIZE_MAX : 1,
		.settled_s = settled_s,
		.record = way == REUSING ? buffer_str(&record) : STR_EMPTY,
		.record_out = way == REUSING ? &left : NULL,
		.takes_parts = way == PARTS || way == REUSING,
		.work = &work,
	};
	buffer_init(&left, SIZE_MAX / 2);
	buffer_init(&o->plan, LIMIT_PLAN_BYTES);
	buffer_init(&o->with_parts, LIMIT_PLAN_BYTES);
	buffer_init(&o->findings, SIZE_MAX / 2);
	diagnostics_init(&diagnostics);
	o->rc = config_compile(&options, &o->plan, &diagnostics);
	if (o->rc == RC_OK && options.takes_parts)
		put_together(o);
	diagnostics_print(&diagnostics, &o->findings);
	diagnostics_deinit(&diagnostics);
	apart_total += work.apart;
	reused_total += work.reused;
	surveyed_total += work.is_surveyed;
	if (way != REUSING)
		return;
	struct buffer *older = one_in(8) ? &left : &record; /* now and then the older one stays */
	buffer_deinit(older);
	if (older == &record)
		record = left;
}

static void forget(struct outcome *o)
{
	buffer_deinit(&o->plan);
	buffer_deinit(&o->with_parts);
	buffer_deinit(&o->findings);
}

static void keep_for_study(const struct outcome *o, const char *name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s.%s", folder, name);
	FILE *f = fopen(path, "w");
	if (!f)
		return;
	fwrite(o->plan.p, 1, o->plan.n, f);
	fwrite(o->findings.p, 1, o->findings.n, f);
	fclose(f);
}

static void compare(
	const struct outcome *whole, const struct outcome *made, const char *how, uint64_t n)
{
	bool is_same = whole->rc == made->rc &&
		       str_eq(buffer_str(&whole->plan), buffer_str(&made->plan)) &&
		       str_eq(buffer_str(&whole->findings), buffer_str(&made->findings));
	if (!is_same) {
		keep_for_study(whole, "whole");
		keep_for_study(made, how);
	}
	ck_assert_msg(is_same, "edit %llu of %s: %s is not what the whole is:\n%.*s\n--- but\n%.*s",
		(unsigned long long)n, folder, how, STR_ARG(buffer_str(&whole->findings)),
		STR_ARG(buffer_str(&made->findings)));
}

static void open_empty_folder(uint64_t number)
{
	const char *top = getenv("TMPDIR");
	seed = 0x9e3779b97f4a7c15u * (number + 1);
	snprintf(folder, sizeof(folder), "%s/sluice-apart-XXXXXX", top ? top : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void open_folder(uint64_t number)
{
	open_empty_folder(number);
	is_calm = number / FOLDER_EDITS % 2 == 1;
	snprintf(variable, sizeof(variable), "1");
	write_text("more.txt", "more");
	write_text("secret.yaml",
		"apiVersion: gateway.sluice.dev/v1\nkind: Secret\nmetadata: {name: a}\n"
		"spec: {data: {word: hush}}\n---\n"
		"apiVersion: gateway.sluice.dev/v1\nkind: Service\nmetadata: {name: shared}\n"
		"spec: {address: \"http://shared:80\"}\n");
	for (unsigned i = 0; i < (is_calm ? ARRAY_COUNT(names) : FILES_MAX); i++)
		write_file(i);
}

static void close_folder(void)
{
	for (unsigned i = 0; i < FILES_MAX; i++)
		remove_file(i);
	remove_text("z.lua");
	remove_text("more.txt");
	remove_text("secret.yaml");
	rmdir(folder);
}

/* Most records are of the folder before the last edit; some are damaged, or cut off. */
static void harm_record(void)
{
	if (record.n == 0 || !one_in(10))
		return;
	if (one_in(2))
		record.p[below((unsigned)record.n)] ^= (char)(1u << below(8));
	else
		record.n = below((unsigned)record.n);
}

static void try_all_ways(uint64_t n)
{
	struct outcome whole, made, anew;
	compose(&whole, WHOLE, 0);
	compose(&made, APART, 0);
	compare(&whole, &made, "apart", n);
	forget(&made);
	compose(&anew, PARTS, 0);
	compare(&whole, &anew, "in-parts", n);
	harm_record();
	compose(&made, REUSING, n % 3 == 0 ? 0 : -2);
	compare(&whole, &made, "reusing", n);
	ck_assert(str_eq(buffer_str(&anew.with_parts), buffer_str(&made.with_parts)));
	forget(&anew);
	forget(&made);
	forget(&whole);
}

START_TEST(no_way_of_composing_gives_another_plan)
{
	uint64_t edits = EDITS_QUICK;
	const char *asked = getenv("SLUICE_EDITS");
	if (asked)
		ck_assert_int_eq(str_to_u64(str_of(asked), 1000000, &edits), RC_OK);
	buffer_init(&record, SIZE_MAX / 2);
	for (uint64_t n = 0; n < edits; n++) {
		if (n % FOLDER_EDITS == 0)
			open_folder(n);
		try_all_ways(n);
		edit();
		if (n % FOLDER_EDITS == FOLDER_EDITS - 1 || n + 1 == edits)
			close_folder();
	}
	buffer_deinit(&record);
	/* The ways were different ones. */
	ck_assert_uint_gt(apart_total, edits);
	ck_assert_uint_gt(reused_total, edits / 4);
	ck_assert_uint_gt(surveyed_total, edits / 10);
}
END_TEST

static const char plain_api[] =
	"apiVersion: gateway.sluice.dev/v1\nkind: ApiInstance\nmetadata: {name: %s}\n"
	"spec:\n  address: http://0.0.0.0:8081/%s\n"
	"  services: {up: {address: \"http://h:1\"}}\n";

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
	snprintf(text, sizeof(text), plain_api, "a", "a");
	write_text("a.yaml", text);
	for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
		int n = snprintf(text, sizeof(text), plain_api, "b", "b");
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
	snprintf(text, sizeof(text), plain_api, "a", "a");
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
	int n = snprintf(text, sizeof(text), plain_api, "a", "a");
	if (routes_to_it)
		snprintf(text + n, sizeof(text) - (size_t)n,
			"  policies:\n"
			"    - {policyRef: {name: route}, config: {destinationRef: {name: "
			"shared}}, "
			"rules: [{path: /x}]}\n");
	write_text("a.yaml", text);
	snprintf(text, sizeof(text), plain_api, "b", "b");
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

UNIT_SUITE(apart, a_binding_that_hides_in_a_file_of_apis_is_bound,
	a_binding_beside_a_mistake_is_bound,
	ports_that_hold_one_another_are_found_over_files_that_are_reused,
	callers_are_composed_apart_unless_their_service_is_two,
	no_way_of_composing_gives_another_plan)
