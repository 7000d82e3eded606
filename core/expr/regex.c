/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "expr/regex.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcre2.h>

#include "base/clock.h"
#include "base/memory.h"
#include "expr/regex_priv.h"

/* Where the JIT keeps its backtracking positions: enough for "(a|b)*" on the longest field value
 * (base/limits.h). The interpreter needs sixteen times as much, and gets eight. */
#define JIT_STACK_BYTES_MIN (16u << 10)
#define JIT_STACK_BYTES_MAX (512u << 10)
#define HEAP_KIB_MAX        4096
#define NESTED_GROUPS_MAX   64

struct regex {
	pcre2_code *code; /* owned */
	unsigned group_count;
	bool is_anchored;
	struct plain plain;
};

/* --- compiling ------------------------------------------------------------------------------- */
static pcre2_compile_context *compile_context(void)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);
	if (!c)
		abort();
	pcre2_set_newline(c, PCRE2_NEWLINE_LF);
	pcre2_set_bsr(c, PCRE2_BSR_ANYCRLF);
	pcre2_set_parens_nest_limit(c, NESTED_GROUPS_MAX);
	return c;
}

/* Subjects come from the wire and need not be UTF-8; \C and the UTF verbs are refused. */
static pcre2_code *compile(struct str pattern, unsigned flags, int *error, size_t *offset)
{
	pcre2_compile_context *c = compile_context();
	uint32_t options =
		PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
	if (flags & REGEX_WHOLE)
		options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	if (flags & REGEX_IGNORE_CASE)
		options |= PCRE2_CASELESS;
	PCRE2_SPTR text = (PCRE2_SPTR)(pattern.n ? pattern.p : "");
	pcre2_code *code = pcre2_compile(text, pattern.n, options, error, offset, c);
	pcre2_compile_context_free(c);
	return code;
}

static enum rc explain_error(int error, char *message, size_t message_size)
{
	PCRE2_UCHAR text[160];
	if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
		snprintf((char *)text, sizeof(text), "it cannot be compiled (%d)", error);
	snprintf(message, message_size, "invalid regular expression: %s", (char *)text);
	return RC_INVALID;
}

enum rc regex_new(struct str pattern, unsigned flags, struct regex **out, size_t *offset,
	char *message, size_t message_size)
{
	int error = 0;
	uint32_t groups = 0;
	*offset = 0;
	if (pattern.n > REGEX_BYTES_MAX) {
		snprintf(message, message_size,
			"a regular expression has at most %d bytes, found %zu", REGEX_BYTES_MAX,
			pattern.n);
		return RC_INVALID;
	}
	pcre2_code *code = compile(pattern, flags, &error, offset);
	if (*offset > pattern.n)
		*offset = pattern.n;
	if (!code)
		return explain_error(error, message, message_size);
	pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > REGEX_GROUPS_MAX) {
		pcre2_code_free(code);
		snprintf(message, message_size,
			"a regular expression has at most %d groups, found %u", REGEX_GROUPS_MAX,
			groups);
		return RC_INVALID;
	}
	/* Without memory that may be executed, the interpreter does the work. */
	(void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	struct regex *r = heap_zalloc(sizeof(*r));
	*r = (struct regex){
		.code = code, .group_count = groups, .is_anchored = flags & REGEX_WHOLE};
	plain_init(&r->plain, pattern, flags & REGEX_IGNORE_CASE);
	*out = r;
	return RC_OK;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_code_free(r->code);
	plain_deinit(&r->plain);
	free(r);
}

unsigned regex_group_count(const struct regex *r)
{
	return r->group_count;
}

/* --- the thread's scratch memory ------------------------------------------------------------- */
struct scratch {
	pcre2_match_data *data;
	pcre2_match_context *limits;
	pcre2_jit_stack *jit_stack;
	uint32_t match_limit; /* as set in `limits` */
};

static _Thread_local struct scratch *scratch; /* owned */
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *arg)
{
	struct scratch *s = arg;
	pcre2_match_data_free(s->data);
	pcre2_match_context_free(s->limits);
	pcre2_jit_stack_free(s->jit_stack);
	free(s);
	scratch = NULL;
}

static void scratch_key_new(void)
{
	if (pthread_key_create(&scratch_key, scratch_free) != 0)
		abort();
}

static struct scratch *scratch_new(void)
{
	struct scratch *s = heap_zalloc(sizeof(*s));
	s->data = pcre2_match_data_create(REGEX_GROUPS_MAX + 1, NULL);
	s->limits = pcre2_match_context_create(NULL);
	if (!s->data || !s->limits)
		abort();
	pcre2_set_depth_limit(s->limits, EXPR_MATCH_LIMIT);
	pcre2_set_heap_limit(s->limits, HEAP_KIB_MAX);
	s->jit_stack = pcre2_jit_stack_create(JIT_STACK_BYTES_MIN, JIT_STACK_BYTES_MAX, NULL);
	if (s->jit_stack)
		pcre2_jit_stack_assign(s->limits, NULL, s->jit_stack);
	pthread_once(&scratch_once, scratch_key_new);
	if (pthread_setspecific(scratch_key, s) != 0)
		abort();
	scratch = s;
	return s;
}

static struct scratch *scratch_with_limit(uint32_t match_limit)
{
	struct scratch *s = scratch ? scratch : scratch_new();
	if (s->match_limit != match_limit) {
		pcre2_set_match_limit(s->limits, match_limit);
		s->match_limit = match_limit;
	}
	return s;
}

/* --- matching -------------------------------------------------------------------------------- */
static void copy_groups(const struct regex *r, struct str subject, const size_t *bounds,
	unsigned matched, struct str *groups)
{
	for (unsigned i = 1; i <= r->group_count; i++) {
		bool took_part = i < matched && bounds[2 * i] != PCRE2_UNSET;
		groups[i - 1] = took_part ? str_n(subject.p + bounds[2 * i],
						    bounds[2 * i + 1] - bounds[2 * i])
					  : STR_EMPTY;
	}
}

static uint32_t steps_per_place(const struct regex *r, size_t places)
{
	if (r->is_anchored || places <= REGEX_SEARCH_STEPS / EXPR_MATCH_LIMIT)
		return EXPR_MATCH_LIMIT;
	uint32_t share = (uint32_t)(REGEX_SEARCH_STEPS / places);
	return share > REGEX_PLACE_STEPS_MIN ? share : REGEX_PLACE_STEPS_MIN;
}

/* --- the budget of slow matches -------------------------------------------------------------- */
static _Thread_local int64_t budget_ns = INT64_MAX;

void regex_budget_begin(void)
{
	budget_ns = REGEX_BUDGET_MS * (int64_t)1000000;
}

static int match_within(
	const struct regex *r, struct str subject, size_t start, uint32_t match_limit)
{
	struct scratch *s = scratch_with_limit(match_limit);
	return pcre2_match(r->code, (PCRE2_SPTR)subject.p, subject.n, start, 0, s->data, s->limits);
}

/* Nearly all end within the first few steps; the clock of the others costs less than they do. */
static int match_within_budget(const struct regex *r, struct str subject, size_t start)
{
	uint32_t limit = steps_per_place(r, subject.n - start + 1);
	uint32_t quick = limit < REGEX_SLOW_STEPS ? limit : REGEX_SLOW_STEPS;
	int matched = match_within(r, subject, start, quick);
	if (matched != PCRE2_ERROR_MATCHLIMIT || budget_ns <= 0)
		return matched;
	int64_t before = clock_thread_ns();
	matched = match_within(r, subject, start, limit);
	if (budget_ns != INT64_MAX)
		budget_ns -= clock_thread_ns() - before;
	return matched;
}

static enum rc engine_search(const struct regex *r, struct str subject, size_t start, size_t *from,
	size_t *to, struct str *groups)
{
	if (subject.n > REGEX_SUBJECT_BYTES_MAX)
		return RC_FULL;
	if (!subject.p)
		subject.p = "";
	int matched = match_within_budget(r, subject, start);
	if (matched == PCRE2_ERROR_NOMATCH)
		return RC_NOT_FOUND;
	if (matched < 0)
		return RC_FULL;
	const size_t *bounds = pcre2_get_ovector_pointer(scratch->data);
	/* \K may set the start behind the end. */
	if (bounds[0] > bounds[1])
		return RC_NOT_FOUND;
	*from = bounds[0];
	*to = bounds[1];
	if (groups)
		copy_groups(r, subject, bounds, (unsigned)matched, groups);
	return RC_OK;
}

enum rc regex_match(const struct regex *r, struct str subject, struct str *groups)
{
	size_t from, to;
	if (r->is_anchored && r->plain.kind != PLAIN_NONE) {
		enum rc rc = plain_match(&r->plain, subject, groups);
		if (rc != RC_AGAIN)
			return rc;
	}
	return engine_search(r, subject, 0, &from, &to, groups);
}

enum rc regex_search(const struct regex *r, struct str subject, size_t start, size_t *from,
	size_t *to, struct str *groups)
{
	if (start > subject.n)
		return RC_NOT_FOUND;
	if (r->is_anchored || !plain_is_literal(&r->plain))
		return engine_search(r, subject, start, from, to, groups);
	struct str word = r->plain.words[0];
	size_t at = start + str_find(str_from(subject, start), word);
	if (at + word.n > subject.n)
		return RC_NOT_FOUND;
	*from = at;
	*to = at + word.n;
	return RC_OK;
}
