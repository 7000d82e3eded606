/* SPDX-License-Identifier: Apache-2.0 */
/* test_costs [COUNT [POLICY BINDINGS]] - what 20 policies that let everything pass cost a request, and an
 * expression; or so many of one policy.
 *
 * A test asserts what no machine changes: that nothing is allocated. The times are printed; with a
 * COUNT they are measured, docs/benchmarks.md has them. */
#include "sluice/testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static uint64_t (*const allocations)(void); /* nobody counts */
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static _Atomic uint64_t allocation_count;

static uint64_t allocations(void)
{
	return allocation_count;
}

SLUICE_EXPORT void *malloc(size_t size)
{
	allocation_count++;
	return __libc_malloc(size);
}

SLUICE_EXPORT void *calloc(size_t n, size_t size)
{
	allocation_count++;
	return __libc_calloc(n, size);
}

SLUICE_EXPORT void *realloc(void *p, size_t size)
{
	allocation_count++;
	return __libc_realloc(p, size);
}
#endif

/* How many allocations a request makes. */
static double measure(const char *policy, size_t bindings, uint32_t count)
{
	struct sluice_test_cost cost = {.size = sizeof(cost)};
	struct sluice_test *t = sluice_test_new(PLUGIN);
	for (size_t i = 0; i < bindings; i++)
		sluice_test_bind(t, policy, NULL);
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/orders/7?page=2");
	sluice_test_add(x, SLUICE_REQUEST, "accept", "application/json");
	sluice_test_add(x, SLUICE_REQUEST, "user-agent", "curl/7.88.1");
	sluice_test_add(x, SLUICE_REQUEST, "x-tenant", "blue");
	if (sluice_test_measure(x, NULL, count, allocations, &cost) != 0 ||
		cost.passed != cost.requests / 2)
		abort();
	printf("%2zu x %-10s %7.1f ns a request (%.1f with, %.1f without)\n", bindings, policy,
		cost.ns - cost.empty_ns, cost.ns, cost.empty_ns);
	sluice_test_free(t);
	return cost.allocations;
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 200;
	double made = 0;
	if (argc > 3)
		return measure(argv[2], strtoul(argv[3], NULL, 10), count) > 0;
	made += measure("passing", 1, count);
	made += measure("passing", 20, count);
	made += measure("evaluating", 1, count);
	if (made > 0)
		printf("%.1f allocations a request\n", made);
	return made > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
