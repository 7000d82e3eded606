/* SPDX-License-Identifier: Apache-2.0 */
#include "apart_folder.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 14

char folder[128];
static uint64_t seed;
static char variable[16];
static bool is_calm;

/* --- chance ---------------------------------------------------------------------------------- */

unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

bool one_in(unsigned n)
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

void write_text(const char *name, const char *text)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

void remove_text(const char *name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
}

void remove_file(unsigned i)
{
	char name[32];
	snprintf(name, sizeof(name), "%02u.yaml", i);
	remove_text(name);
}

void edit_folder(void)
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

/* --- the folder ------------------------------------------------------------------------------ */

void open_empty_folder(uint64_t number)
{
	const char *top = getenv("TMPDIR");
	seed = 0x9e3779b97f4a7c15u * (number + 1);
	snprintf(folder, sizeof(folder), "%s/sluice-apart-XXXXXX", top ? top : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

void open_folder(uint64_t number)
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

void close_folder(void)
{
	for (unsigned i = 0; i < FILES_MAX; i++)
		remove_file(i);
	remove_text("z.lua");
	remove_text("more.txt");
	remove_text("secret.yaml");
	rmdir(folder);
}

int plain_api(char *to, size_t n, const char *name)
{
	return snprintf(to, n,
		"apiVersion: gateway.sluice.dev/v1\nkind: ApiInstance\nmetadata: {name: %s}\n"
		"spec:\n  address: http://0.0.0.0:8081/%s\n"
		"  services: {up: {address: \"http://h:1\"}}\n",
		name, name);
}

const char *folder_variable(const char *name)
{
	return strcmp(name, "WAIT") == 0 && variable[0] ? variable : NULL;
}
