/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/http/support.h - tables of bytes and of what a parser has to say about them. */
#pragma once

#include "base/arena.h"
#include "http/message.h"
#include "http/message_limits.h"
#include "unit.h"

/* How the bytes come. */
struct reading {
	bool is_response;
	enum http_method method;
	bool upgrade_asked;
	bool ends;                           /* FIN behind them */
	const struct message_limits *limits; /* NULL: the defaults */
};
extern const struct reading a_request, a_response, an_ended_response;

struct reading_case {
	const char *name;
	struct str raw;
	const char *expected; /* see fuzz/h1_transcript.h */
};
#define BYTES(literal)                                                                             \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

/* Each case whole, in two pieces at every byte, and byte by byte; long ones at fewer places. What
 * ends well is also written anew and read again. */
void check_readings(const struct reading *how, const struct reading_case *cases, size_t n);
void check_reading(
	const struct reading *how, const char *name, struct str raw, const char *expected);
#define CHECK_READINGS(how, cases) check_readings(how, cases, ARRAY_COUNT(cases))

/* The arena of one test. */
struct arena *test_arena(void);
/* count copies of text; like the next one with a NUL behind. */
struct str repeated(const char *text, size_t count);
/* All given texts in one; the last is NULL. */
struct str joined(const char *first, ...) __attribute__((sentinel));
