/* SPDX-License-Identifier: Apache-2.0 */
/* expr/regex.h - bounded regular expressions.
 *
 * PCRE2 with its JIT where there is one, a match limit, and no back references to the host's
 * locale. The syntax that operators know from RE2 and the vendor is a subset of it; look-around is
 * allowed. Subjects are bytes: `.` is any byte but LF, `$` is the very end.
 *
 * Invariants   R1  a match of the whole subject takes at most EXPR_MATCH_LIMIT steps; a search
 *                  shares REGEX_SEARCH_STEPS among the places where a match may begin.
 * Threads      a compiled expression is immutable; matching uses the calling thread's scratch
 *              memory, made with its first match and freed when the thread ends.
 */
#pragma once

#include "base/str.h"

/* Steps (PCRE2's match limit): far above any honest rule, milliseconds at the most. */
#define EXPR_MATCH_LIMIT 100000
/* PCRE2 counts anew at each place of a search: for long subjects each place gets its share of
 * these, REGEX_PLACE_STEPS_MIN at least. */
#define REGEX_SEARCH_STEPS    4000000
#define REGEX_PLACE_STEPS_MIN 64
/* One that takes more steps than these at a place counts as slow: it pays from the thread's budget.
 */
#define REGEX_SLOW_STEPS 100
/* Processor time of all slow ones between two regex_budget_begin: far below what ends a callback.
 */
#define REGEX_BUDGET_MS  500
#define REGEX_GROUPS_MAX 32
#define REGEX_BYTES_MAX  4096
/* Longer subjects are RC_FULL: a buffered body is not longer (base/limits.h). */
#define REGEX_SUBJECT_BYTES_MAX (1u << 20)

/* How a pattern is taken; REGEX_IGNORE_CASE is about ASCII letters. */
enum { REGEX_WHOLE = 1, REGEX_IGNORE_CASE = 2 };

struct regex;

/* A body may hold tens of thousands of texts that are slow each. From here on the calling thread's
 * slow matches take REGEX_BUDGET_MS together, and are RC_FULL when that is spent. A thread that
 * never calls it has no such bound. */
void regex_budget_begin(void);

/* REGEX_WHOLE: it has to match the whole subject. On RC_INVALID `message` gets one sentence and
 * *offset where in `pattern` it went wrong (0-based). */
MUST_USE enum rc regex_new(struct str pattern, unsigned flags, struct regex **out, size_t *offset,
	char *message, size_t message_size);
/* NULL is harmless. */
void regex_free(struct regex *r);
unsigned regex_group_count(const struct regex *r);
/* RC_OK, RC_NOT_FOUND, or RC_FULL when the limit was reached. `groups` (may be NULL) gets
 * group_count entries, those that took no part as STR_EMPTY. */
MUST_USE enum rc regex_match(const struct regex *r, struct str subject, struct str *groups);
/* Where the whole match lies, for replacing: *from and *to are set on RC_OK. Searches from `start`.
 */
MUST_USE enum rc regex_search(const struct regex *r, struct str subject, size_t start, size_t *from,
	size_t *to, struct str *groups);
