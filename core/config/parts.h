/* SPDX-License-Identifier: Apache-2.0 */
/* config/parts.h - what files contribute to a plan that were composed apart (lua/sluice/apart.lua).
 *
 * A part holds fragments of the plan, the names that they lead to, and rows: for each API of the file
 * its summary, a list of texts and numbers that only Lua understands.
 *
 *   part       counts of fragments and of rows; bytes of the content and of the targets; SHA-256 of
 *              the content; the content, as plan/plan_parts.h has it; the targets; the rows
 *   targets    of each fragment: count of values, twice that of its targets: each a key and a name
 *   row        count of values
 *   value      's' length bytes, or 'n' and a double
 *
 * Ownership    a part owns its bytes, or borrows them from a record.
 */
#pragma once

#include "base/buffer.h"

struct part {
	char *owned; /* or NULL */
	struct str bytes;
	const uint8_t *sha256; /* what follows are views; of `content` */
	struct str content;
	struct str targets;
	struct str rows;
	uint32_t fragment_count; /* 0: there is no part */
	uint32_t row_count;
};

/* Finds what is in `bytes`, which the part borrows. RC_INVALID: they are no part. */
MUST_USE enum rc part_open(struct part *p, struct str bytes);
void part_deinit(struct part *p);
/* Empty: there is none of that number. */
struct str part_fragment(const struct part *p, uint32_t number);

/* Makes one: fragments first, each with its targets, then rows. */
struct part_maker {
	struct buffer ends;
	struct buffer fragments;
	struct buffer targets;
	struct buffer rows;
	uint32_t fragment_count;
	uint32_t row_count;
};

void part_maker_init(struct part_maker *m);
void part_maker_deinit(struct part_maker *m);
void part_maker_reset(struct part_maker *m);
/* Whoever calls has added it to `fragments`. Its number, from 0. */
uint32_t part_maker_end_fragment(struct part_maker *m);
void part_maker_begin_row(struct part_maker *m, uint32_t value_count);
/* Values go into `targets` or `rows`. */
void part_add_count(struct buffer *to, uint32_t count);
void part_add_text(struct buffer *to, struct str text);
void part_add_number(struct buffer *to, double number);
/* The part owns a copy; the maker is reset. RC_FULL: it had no room. */
MUST_USE enum rc part_maker_take(struct part_maker *m, struct part *out);

/* Reading targets or rows: false at the end, or at what is none. */
struct part_value {
	bool is_text;
	struct str text;
	double number;
};
bool part_read_count(struct str *from, uint32_t *count);
bool part_read_value(struct str *from, struct part_value *out);
