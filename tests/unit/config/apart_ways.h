/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/config/apart_ways.h - the folder composed in every way there is: each has to give what
 * the whole gives, byte by byte. */
#pragma once

#include "base/buffer.h"
#include "base/rc.h"

struct outcome {
	struct buffer plan;
	struct buffer with_parts; /* as it was, where it has parts */
	struct buffer findings;
	enum rc rc;
};

enum way { WHOLE, APART, PARTS, REUSING };

extern struct buffer record; /* what the last composition left */
/* APIs composed apart, those reused, and ways that took no tree of an API, so far. */
extern size_t apart_total, reused_total, surveyed_total;

void compose(struct outcome *o, enum way way, int settled_s);
void forget(struct outcome *o);
/* Keeps both beside the folder where they differ. */
void compare(const struct outcome *whole, const struct outcome *made, const char *how, uint64_t n);
