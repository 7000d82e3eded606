/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/plan_text.h - a plan, written in a test: JSON, with ' for " so that C needs no
 * escapes.
 *
 * Every node stands at t.yaml, line 1, in the column of its text. No escapes inside strings. */
#pragma once

#include <check.h>

#include "plan/plan.h"

#include <stdlib.h>

struct plan_text {
	struct plan_writer *writer;
	const char *start;
	const char *at;
};

static void plan_text_skip(struct plan_text *t)
{
	t->at += strspn(t->at, " \n\t,:");
}

static struct str plan_text_string(struct plan_text *t)
{
	const char *from = ++t->at;
	const char *end = strchr(from, '\'');
	ck_assert_msg(end != NULL, "no end of the string at %s", from);
	t->at = end + 1;
	return str_n(from, (size_t)(end - from));
}

static void plan_text_value(struct plan_text *t, const char *key);

static void plan_text_list(struct plan_text *t, char close)
{
	t->at++;
	for (plan_text_skip(t); *t->at != close; plan_text_skip(t)) {
		char key[64];
		if (close == '}') {
			ck_assert_int_eq(*t->at, '\'');
			struct str name = plan_text_string(t);
			ck_assert_uint_lt(name.n, sizeof(key));
			memcpy(key, name.p, name.n);
			key[name.n] = '\0';
			plan_text_skip(t);
		}
		plan_text_value(t, close == '}' ? key : NULL);
	}
	t->at++;
	plan_close(t->writer);
}

static void plan_text_scalar(struct plan_text *t, const char *key, struct position at)
{
	size_t n = strcspn(t->at, ",]} \n\t");
	struct str word = str_n(t->at, n);
	ck_assert_msg(n > 0, "nothing at %s", t->at);
	if (str_eq(word, STR("null")))
		plan_write_null(t->writer, key, at);
	else if (str_eq(word, STR("true")) || str_eq(word, STR("false")))
		plan_write_bool(t->writer, key, at, word.p[0] == 't');
	else if (strcspn(t->at, ".eE") < n)
		plan_write_real(t->writer, key, at, strtod(t->at, NULL));
	else
		plan_write_integer(t->writer, key, at, strtoll(t->at, NULL, 10));
	t->at += n;
}

static void plan_text_value(struct plan_text *t, const char *key)
{
	struct position at = {"t.yaml", 1, (uint32_t)(t->at - t->start) + 1};
	switch (*t->at) {
	case '{':
		plan_open_object(t->writer, key, at);
		plan_text_list(t, '}');
		break;
	case '[':
		plan_open_array(t->writer, key, at);
		plan_text_list(t, ']');
		break;
	case '\'':
		plan_write_string(t->writer, key, at, plan_text_string(t));
		break;
	default:
		plan_text_scalar(t, key, at);
	}
}

/* Appends the binary form. */
static inline void plan_text_encode(const char *text, struct buffer *out)
{
	struct plan_text t = {plan_writer_new(), text, text};
	plan_text_skip(&t);
	plan_text_value(&t, NULL);
	ck_assert_int_eq(plan_writer_finish(t.writer, out), RC_OK);
	plan_writer_free(t.writer);
}

/* Free with plan_free. */
static inline struct plan *plan_text(const char *text)
{
	struct buffer bytes;
	struct plan *plan;
	char message[160] = "";
	buffer_init(&bytes, 64 << 20);
	plan_text_encode(text, &bytes);
	enum rc rc = plan_decode(buffer_str(&bytes), &plan, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	buffer_deinit(&bytes);
	return plan;
}
