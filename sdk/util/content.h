/* SPDX-License-Identifier: Apache-2.0 */
/* util/content.h - what a message says its body is.
 *
 * For policies that look into bodies of some kinds and let others pass. All media types of all
 * Content-Type fields count, though one may stand there: of two, the upstream might believe either.
 *
 * Threads      pure functions of the exchange at hand.
 */
#pragma once

#include "sluice/sluice.h"

/* Bits. A message without Content-Type, or with an empty one, has none of them. */
enum content_kind {
	CONTENT_JSON = 1,      /* application/json, text/json, anything +json */
	CONTENT_XML = 2,       /* application/xml, text/xml, anything +xml */
	CONTENT_FORM = 4,      /* application/x-www-form-urlencoded */
	CONTENT_MULTIPART = 8, /* multipart/... */
	CONTENT_TEXT = 16,     /* any other text/... */
	CONTENT_OTHER = 32
};

/* Of one media type; what stands behind a blank in it does not count. */
uint32_t content_kind_of(struct sluice_str content_type);
/* Of all media types of all Content-Type fields together. */
uint32_t content_kinds(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side);
/* Whether a Content-Encoding other than identity hides what the body is. */
int content_is_encoded(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side);
/* The value of a parameter of a media type, without its quotes; an empty view when absent. */
struct sluice_str content_parameter(struct sluice_str content_type, struct sluice_str name);
/* Whether all charsets that Content-Type fields name are of these (lower case, NULL-terminated). */
int content_charset_is(const struct sluice_host *host, struct sluice_exchange *x,
	enum sluice_side side, const char *const *charsets);
/* type/subtype without parameters and spaces. */
struct sluice_str content_essence(struct sluice_str content_type);
/* Equal but for ASCII case. */
int content_equal(struct sluice_str a, struct sluice_str b);
