/* SPDX-License-Identifier: Apache-2.0 */
#include "caching.h"

void add_fields(struct visit *v, enum sluice_side side, const char *lines)
{
	char name[64], value[400];
	while (*lines) {
		size_t n = strcspn(lines, ":"), length = strcspn(lines, "\n");
		ck_assert_uint_le(n + 2, length);
		snprintf(name, sizeof(name), "%.*s", (int)n, lines);
		snprintf(value, sizeof(value), "%.*s", (int)(length - n - 2), lines + n + 2);
		visit_field(v, side, name, value);
		lines += length;
		lines += *lines == '\n';
	}
}

int ask(struct visit *v, const char *method, const char *target, const char *fields)
{
	visit_begin(v, method, target);
	add_fields(v, REQ, fields);
	return (int)visit_send(v, NULL);
}

void answer(struct visit *v, int status, const char *fields, const char *body)
{
	add_fields(v, RSP, fields);
	ck_assert_int_eq(sluice_test_answer(v->x, status, body), PASSED);
}

void fetch(struct visit *v, const char *target, const char *fields, const char *body)
{
	ck_assert_int_eq(ask(v, "GET", target, ""), PASSED);
	answer(v, 200, fields, body);
}

enum fate fate_of(struct visit *v, int outcome)
{
	if (outcome == ANSWERED && sluice_test_status(v->x) == 504)
		return NOTHING;
	if (outcome == ANSWERED)
		return strstr(visit_answered(v, "cache-status"), "ttl=-") ||
				       strstr(visit_answered(v, "cache-status"), "ttl=0")
			       ? STALE
			       : HIT;
	ck_assert_int_eq(outcome, PASSED);
	const char *tag = visit_sent(v, "if-none-match"),
		   *date = visit_sent(v, "if-modified-since");
	return tag[0] || date[0] ? VALIDATED : MISS;
}

void assert_fate(struct visit *v, const char *target, const char *fields, enum fate fate)
{
	ck_assert_int_eq(fate_of(v, ask(v, "GET", target, fields)), fate);
}
