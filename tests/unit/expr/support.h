/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/expr/support.h - an exchange to look at, and tables of sources and results. */
#pragma once

#include "expr/expr.h"

/* The exchange that docs/expressions.md describes; members that a test wants to see are counted. */
struct fixture {
	struct expr_scope scope;
	struct pool *pool;
	struct arena arena;
	struct expr *literals[3]; /* payload, authentication.properties, vars */
	struct expr_value payload, properties, vars;
	unsigned payload_calls, field_calls, member_calls;
	struct str last_field;
	uint64_t random_state;
};

void fixture_init(struct fixture *f);
void fixture_deinit(struct fixture *f);

/* The result of a source on the fixture, as a literal: "text", 3, null, ["a"], {k: 1}; an error as
 * "error OFFSET: MESSAGE", with "compile" before it when it did not compile. In a static buffer. */
const char *fixture_run(struct fixture *f, struct str source);

/* What one evaluation may take at the most. */
#define FIXTURE_ARENA_BYTES (4u << 20)
