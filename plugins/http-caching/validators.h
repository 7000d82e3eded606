/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/validators.h - entity tags and dates by which clients ask whether something has changed (RFC 9110 13).
 *
 * Threads      pure functions of views.
 */
#pragma once

#include "sluice/sluice.h"

/* The next entity tag of a list, W/ and quotes included. 1, 0 at the end, -1: the rest is no list of tags. A tag may
 * hold commas; a backslash in it is a backslash. */
int etag_next(struct sluice_str *rest, struct sluice_str *tag);
int etag_is_valid(struct sluice_str tag);
int etag_is_weak(struct sluice_str tag);
int etag_equal_weak(struct sluice_str a, struct sluice_str b);
/* Neither of them is weak. */
int etag_equal_strong(struct sluice_str a, struct sluice_str b);
/* One If-None-Match field against what is stored (an empty tag: it has none). */
int if_none_match_holds(struct sluice_str value, struct sluice_str tag);

/* Of what is stored. */
struct validators {
	struct sluice_str tag;   /* empty: none */
	int64_t last_modified_s; /* 0: none */
	int64_t date_s;
};
/* If-Modified-Since; what is no date asks nothing. */
int if_modified_since_holds(struct sluice_str value, const struct validators *v, int64_t now_s);
/* If-Range: whether the part may be sent. Only a strong tag, or a date that is a second older than the answer. */
int if_range_holds(struct sluice_str value, const struct validators *v, int64_t now_s);
