/* SPDX-License-Identifier: Apache-2.0 */
/* tests/policies/policy.h - the included policies in the SDK's harness, in few words.
 *
 *	struct visit *v = visit_policy("ip-lists", "ip-blocklist", "{ips: [10.]}");
 *	visit_begin(v, "GET", "/");                              // a request by 192.0.2.1
 *	visit_field(v, SLUICE_REQUEST, "x-a", "1");
 *	ck_assert_int_eq(visit_send(v, NULL), PASSED);           // it is at the upstream
 *	ck_assert_int_eq(visit_reply(v, "ok"), PASSED);          // 200, at the client
 *	visit_leave(v);
 */
#pragma once

#include "unit.h"

#include "sluice/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQ SLUICE_REQUEST
#define RSP SLUICE_RESPONSE
enum {
	PASSED = SLUICE_TEST_PASSED,
	ANSWERED = SLUICE_TEST_ANSWERED,
	DENIED = SLUICE_TEST_DENIED,
	TOO_LARGE = SLUICE_TEST_TOO_LARGE
};
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A gateway with one binding, and the exchange that is under way. */
struct visit {
	struct sluice_test *t;
	struct sluice_test_exchange *x;
};

/* `plugin` is the name of its file. The configuration is YAML (or JSON), and has to be right. */
struct visit *visit_policy(const char *plugin, const char *policy, const char *config);
/* The same; right or not: sluice_test_problems tells. */
struct visit *visit_try(const char *plugin, const char *policy, const char *config);
void visit_leave(struct visit *v);

/* A request of its own; the one before is over. */
void visit_begin(struct visit *v, const char *method, const char *target);
void visit_field(struct visit *v, enum sluice_side side, const char *name, const char *value);
enum sluice_test_outcome visit_send(struct visit *v, const char *body);
/* The upstream's 200. */
enum sluice_test_outcome visit_reply(struct visit *v, const char *body);
/* Of the request as it went on, and of the response; "": there is none. */
const char *visit_sent(struct visit *v, const char *name);
const char *visit_answered(struct visit *v, const char *name);

void visit_assert_answer(struct visit *v, int status, const char *reason);

/* The configuration is refused, its first mistake at `path` ("config.ips[1]"), with `text` in it
 * (NULL: whatever). */
void assert_refused(const char *plugin, const char *policy, const char *config, const char *path,
	const char *text);
/* Each fault in turn, in a scenario that opens and leaves its own gateway; at least one is met. */
void assert_faults(void (*scenario)(void *arg), void *arg);
