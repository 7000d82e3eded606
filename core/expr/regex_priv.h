/* SPDX-License-Identifier: Apache-2.0 */
/* expr/regex_priv.h - patterns that need no regular expression engine.
 *
 * Most rules of a gateway are "GET|POST", "/items/.*" or "/items(/.*)?". These are recognised when
 * they are compiled and matched by comparing bytes, with exactly the result that PCRE2 would have.
 *
 *   words    literal { "|" literal }
 *   prefix   literal [tail]              tail = ".*" | ".+"
 *          | literal "(" literal [tail] ")" ["?"]
 *
 * A literal is made of bytes that mean themselves, and of escaped punctuation.
 */
#pragma once

#include "expr/regex.h"

#define PLAIN_WORDS_MAX 16

enum plain_kind { PLAIN_NONE, PLAIN_WORDS, PLAIN_PREFIX };
enum plain_tail { TAIL_NONE, TAIL_ANY, TAIL_SOME };

struct plain {
	enum plain_kind kind;
	unsigned word_count;
	struct str words[PLAIN_WORDS_MAX]; /* in `text` */
	struct str prefix;                 /* in `text`; both literals */
	size_t group_at;                   /* where the second literal and the group begin */
	enum plain_tail tail;
	bool has_group;
	bool ignores_case;
	bool is_optional; /* the group */
	char *text;       /* owned */
};

/* `kind` is PLAIN_NONE when the pattern has another form. */
void plain_init(struct plain *p, struct str pattern, bool ignores_case);
void plain_deinit(struct plain *p);
/* The whole subject. RC_AGAIN: it holds what only the engine decides (an LF under a dot). */
MUST_USE enum rc plain_match(const struct plain *p, struct str subject, struct str *group);
/* Whether it is one literal, which a search can look for byte by byte. */
bool plain_is_literal(const struct plain *p);
