/* SPDX-License-Identifier: Apache-2.0 */
/* A request again and again, through the bindings and through none, in turns: what the harness
 * itself costs is in both, and a noisy moment hits both. */
#include "testing/testing_priv.h"

#include "base/memory.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TURNS_MIN 20
/* A fraction of a millisecond each: on a busy machine some are left alone. */
#define TURN_REQUESTS_MAX 1000

struct measurement {
	struct sluice_test_exchange *x; /* the one that is sent */
	const struct sluice_test_exchange *like;
	struct str body;
	uint64_t (*allocations)(void);
	int counter; /* perf's descriptor; -1: there is none */
	uint32_t outcome;
	uint64_t requests, passed;
	uint32_t turns, per_turn;
	bool pauses;
};

struct turn {
	double ns;
	uint64_t instructions, allocations;
};

/* --- counters -------------------------------------------------------------------------------- */
static int open_instructions(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1};
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t instructions(const struct measurement *m)
{
	uint64_t n = 0;
	if (m->counter >= 0 && read(m->counter, &n, sizeof(n)) != (ssize_t)sizeof(n))
		n = 0;
	return n;
}

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* --- turns ----------------------------------------------------------------------------------- */
static struct turn take_turn(struct measurement *m, uint64_t *passed)
{
	struct turn t = {.instructions = instructions(m)};
	if (m->allocations)
		t.allocations = m->allocations();
	t.ns = now_ns();
	for (uint32_t i = 0; i < m->per_turn && !m->pauses; i++) {
		m->outcome = testing_replay(m->x, m->like, m->body);
		m->pauses = m->outcome == SLUICE_TEST_PAUSED;
		*passed += m->outcome == SLUICE_TEST_PASSED;
	}
	m->requests += m->per_turn;
	t.ns = now_ns() - t.ns;
	if (m->allocations)
		t.allocations = m->allocations() - t.allocations;
	t.instructions = instructions(m) - t.instructions;
	return t;
}

static void keep_the_best(struct turn *best, struct turn t, bool is_first)
{
	if (is_first || t.ns < best->ns)
		best->ns = t.ns;
	if (is_first || t.instructions < best->instructions)
		best->instructions = t.instructions;
	if (is_first || t.allocations < best->allocations)
		best->allocations = t.allocations;
}

static uint32_t run_turns(
	struct measurement *m, struct sluice_test *t, struct chain *empty, struct turn best[2])
{
	struct chain *own = t->chain;
	uint64_t ignored = 0;
	uint32_t outcome = SLUICE_TEST_PASSED;
	for (uint32_t i = 0; i < m->turns && !m->pauses; i++) {
		t->chain = empty;
		keep_the_best(&best[1], take_turn(m, &ignored), i == 0);
		t->chain = own;
		keep_the_best(&best[0], take_turn(m, &m->passed), i == 0);
		outcome = m->outcome;
	}
	return outcome;
}

int sluice_test_measure(struct sluice_test_exchange *x, const char *body, uint32_t count,
	uint64_t (*allocations)(void), struct sluice_test_cost *cost)
{
	struct sluice_test *t = testing_gateway_of(x);
	struct turn best[2] = {{0}};
	struct chain *empty;
	struct measurement m = {.x = sluice_test_request(t, "GET", "/"),
		.like = x,
		.body = body ? str_of(body) : STR_EMPTY,
		.allocations = allocations,
		.counter = open_instructions()};
	uint32_t per_turn = count / TURNS_MIN > 0 ? count / TURNS_MIN : 1;
	m.per_turn = per_turn = per_turn < TURN_REQUESTS_MAX ? per_turn : TURN_REQUESTS_MAX;
	m.turns = count / per_turn > TURNS_MIN ? count / per_turn : TURNS_MIN;
	if (chain_new(NULL, 0, &empty) != RC_OK)
		testing_fail("the chain cannot be made");
	cost->outcome = run_turns(&m, t, empty, best);
	cost->requests = m.requests;
	cost->passed = m.passed;
	cost->ns = best[0].ns / per_turn;
	cost->empty_ns = best[1].ns / per_turn;
	bool counts = m.counter >= 0 && best[1].instructions > 0;
	cost->instructions = counts ? (double)best[0].instructions / per_turn : -1;
	cost->empty_instructions = counts ? (double)best[1].instructions / per_turn : -1;
	cost->allocations = allocations ? (double)best[0].allocations / per_turn : -1;
	cost->empty_allocations = allocations ? (double)best[1].allocations / per_turn : -1;
	if (m.counter >= 0)
		close(m.counter);
	sluice_test_end(m.x);
	chain_free(empty);
	return m.pauses ? -1 : 0;
}
