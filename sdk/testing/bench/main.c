/* SPDX-License-Identifier: Apache-2.0 */
/* sluice-policy-bench FILE.so POLICY [options] - what a request costs a policy; `sluicectl policy
 * bench` runs it. sluice-policy-bench --check FILE.so loads a plugin and says what is wrong with
 * it; `sluicectl policy build` and `pack` run that.
 *
 *   --config FILE    the binding's configuration      --header 'N: V'   one more field of the
 * request
 *   --request 'M T'  method and target                --body FILE       what it carries
 *   --count N        requests                         --json            for programs
 */
#include "sluice/testing.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (16u << 20)
#define HEADERS_MAX    64

struct options {
	const char *plugin, *policy, *config_path, *body_path;
	const char *headers[HEADERS_MAX];
	size_t header_count;
	const char *request;
	uint32_t count;
	int json;
};

/* --- the heap -------------------------------------------------------------------------------- */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static _Atomic uint64_t allocation_count;

static uint64_t allocations(void)
{
	return atomic_load_explicit(&allocation_count, memory_order_relaxed);
}

static void count(void)
{
	atomic_fetch_add_explicit(&allocation_count, 1, memory_order_relaxed);
}

/* In front of the C library's, for the policy and the harness, too. */
SLUICE_EXPORT void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

SLUICE_EXPORT void *calloc(size_t n, size_t size)
{
	count();
	return __libc_calloc(n, size);
}

SLUICE_EXPORT void *realloc(void *p, size_t size)
{
	count();
	return __libc_realloc(p, size);
}
#else
static uint64_t (*const allocations)(void); /* nobody counts */
#endif

/* --- the command line ------------------------------------------------------------------------ */
#define EXIT_USAGE 2

/* A sentence, or lines of them. */
static void end(int code, const char *what, const char *why)
{
	size_t n = strlen(why);
	while (n > 0 && why[n - 1] == '\n')
		n--;
	fprintf(stderr, "sluice-policy-bench: %s: %.*s\n", what, (int)n, why);
	exit(code);
}

static void fail(const char *what, const char *why)
{
	end(EXIT_FAILURE, what, why);
}

static void refuse(const char *option, const char *expected, const char *found)
{
	char why[512];
	snprintf(why, sizeof(why), "expected %s, found '%s'", expected, found);
	end(EXIT_USAGE, option, why);
}

static uint32_t number_of(const char *text)
{
	char *rest;
	unsigned long n = strtoul(text, &rest, 10);
	if (*rest || rest == text || n < 1 || n > 100000000)
		refuse("--count", "a number from 1 to 100000000", text);
	return (uint32_t)n;
}

static void take(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--config") == 0)
		o->config_path = value;
	else if (strcmp(name, "--body") == 0)
		o->body_path = value;
	else if (strcmp(name, "--request") == 0)
		o->request = value;
	else if (strcmp(name, "--count") == 0)
		o->count = number_of(value);
	else if (strcmp(name, "--header") == 0 && o->header_count < HEADERS_MAX)
		o->headers[o->header_count++] = value;
	else
		end(EXIT_USAGE, name, "is no option, or is given too often");
}

static struct options parse(int argc, char **argv)
{
	struct options o = {.request = "GET /", .count = 200000};
	if (argc < 3)
		end(EXIT_USAGE, "usage", "sluice-policy-bench FILE.so POLICY [options]");
	o.plugin = argv[1];
	o.policy = argv[2];
	for (int i = 3; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			o.json = 1;
		else if (i + 1 == argc)
			end(EXIT_USAGE, argv[i], "needs a value");
		else
			take(&o, argv[i], argv[i + 1]), i++;
	}
	return o;
}

/* Heap; NUL-terminated. */
static char *read_file(const char *path)
{
	char *text = calloc(1, FILE_BYTES_MAX);
	FILE *f = fopen(path, "rb");
	if (!f || !text)
		fail(path, strerror(errno));
	size_t n = fread(text, 1, FILE_BYTES_MAX - 1, f);
	if (ferror(f) || n == FILE_BYTES_MAX - 1)
		fail(path, ferror(f) ? strerror(errno) : "is longer than 16 MiB");
	fclose(f);
	return text;
}

/* --- the request ----------------------------------------------------------------------------- */
static void add_header(struct sluice_test_exchange *x, const char *header)
{
	char name[256];
	size_t n = strcspn(header, ":");
	if (header[n] != ':' || n == 0 || n >= sizeof(name))
		refuse("--header", "NAME: VALUE", header);
	memcpy(name, header, n);
	name[n] = '\0';
	sluice_test_add(x, SLUICE_REQUEST, name, header + n + 1 + strspn(header + n + 1, " "));
}

static struct sluice_test_exchange *request_of(struct sluice_test *t, const struct options *o)
{
	char method[32];
	size_t n = strcspn(o->request, " ");
	if (o->request[n] != ' ' || n == 0 || n >= sizeof(method))
		refuse("--request", "METHOD TARGET", o->request);
	memcpy(method, o->request, n);
	method[n] = '\0';
	struct sluice_test_exchange *x = sluice_test_request(t, method, o->request + n + 1);
	for (size_t i = 0; i < o->header_count; i++)
		add_header(x, o->headers[i]);
	return x;
}

/* --- what is told ---------------------------------------------------------------------------- */
static const char *outcome_name(uint32_t outcome)
{
	static const char *const names[] = {"passed", "paused", "answered", "denied", "too large"};
	return outcome < sizeof(names) / sizeof(names[0]) ? names[outcome] : "cut";
}

static void print_row(const char *what, double with, double empty, const char *unit)
{
	if (with < 0)
		printf("%-14s not counted here\n", what);
	else
		printf("%-14s %10.1f %s a request  (%.1f with the policy, %.1f without)\n", what,
			with - empty, unit, with, empty);
}

static void print_text(const struct options *o, const struct sluice_test_cost *c)
{
	printf("%s, %s: %s\n", o->policy, o->request, outcome_name(c->outcome));
	print_row("time", c->ns, c->empty_ns, "ns");
	print_row("instructions", c->instructions, c->empty_instructions, "");
	print_row("allocations", c->allocations, c->empty_allocations, "");
	printf("%-14s %llu requests, half of them through the policy: %llu passed\n", "made",
		(unsigned long long)c->requests, (unsigned long long)c->passed);
}

static void print_member(const char *name, double with, double empty)
{
	if (with < 0)
		printf(",\"%s\":null", name);
	else
		printf(",\"%s\":{\"policy\":%.2f,\"with\":%.2f,\"without\":%.2f}", name,
			with - empty, with, empty);
}

static void print_json(const struct options *o, const struct sluice_test_cost *c)
{
	printf("{\"policy\":\"%s\",\"outcome\":\"%s\",\"requests\":%llu,\"passed\":%llu", o->policy,
		outcome_name(c->outcome), (unsigned long long)c->requests,
		(unsigned long long)c->passed);
	print_member("ns", c->ns, c->empty_ns);
	print_member("instructions", c->instructions, c->empty_instructions);
	print_member("allocations", c->allocations, c->empty_allocations);
	printf("}\n");
}

/* `arg`: what is being done. */
static void on_failure(void *arg, const char *message)
{
	fail(*(const char **)arg, message);
}

/* Lines that have their place in them. */
static void fail_configuration(const char *lines)
{
	fputs(lines, stderr);
	exit(EXIT_FAILURE);
}

static void bind_policy(struct sluice_test *t, const struct options *o)
{
	if (!o->config_path)
		sluice_test_bind(t, o->policy, NULL);
	else
		sluice_test_bind_file(t, o->policy, o->config_path);
	if (!sluice_test_problems(t)[0])
		return;
	if (o->config_path)
		fail_configuration(sluice_test_problems(t));
	fail("without --config", sluice_test_problems(t));
}

static int check(const char *plugin)
{
	const char *doing = "the plugin";
	sluice_test_on_failure(on_failure, &doing);
	struct sluice_test *t = sluice_test_new(plugin);
	const char *problems = sluice_test_judge(t);
	int code = problems[0] ? EXIT_FAILURE : EXIT_SUCCESS;
	fputs(problems, stderr);
	sluice_test_free(t);
	return code;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check(argv[2]);
	struct options o = parse(argc, argv);
	struct sluice_test_cost cost = {.size = sizeof(cost)};
	char *body = o.body_path ? read_file(o.body_path) : NULL;
	const char *doing = "--config";
	sluice_test_on_failure(on_failure, &doing);
	struct sluice_test *t = sluice_test_new(o.plugin);
	bind_policy(t, &o);
	doing = "the policy";
	struct sluice_test_exchange *x = request_of(t, &o);
	if (sluice_test_measure(x, body, o.count, allocations, &cost) != 0)
		fail(o.request, "the policy pauses: what it waits for would be measured");
	if (o.json)
		print_json(&o, &cost);
	else
		print_text(&o, &cost);
	sluice_test_free(t);
	free(body);
	return EXIT_SUCCESS;
}
