/* SPDX-License-Identifier: Apache-2.0 */
/* util/content.h - what a message says its body is.
 *
 * For policies that look into bodies of some kinds and let others pass. All Content-Type fields
 * count: of two, the upstream might believe either.
 *
 * Threads      pure functions of the exchange at hand.
 */
#pragma once

#include "sluice/sluice.h"

/* Bits. A message without Content-Type has none of them. */
enum content_kind {
	CONTENT_JSON = 1,      /* application/json, text/json, anything +json */
	CONTENT_XML = 2,       /* application/xml, text/xml, anything +xml */
	CONTENT_FORM = 4,      /* application/x-www-form-urlencoded */
	CONTENT_MULTIPART = 8, /* multipart/... */
	CONTENT_TEXT = 16,     /* any other text/... */
	CONTENT_OTHER = 32
};

uint32_t content_kind_of(struct sluice_str content_type);
/* Of all Content-Type fields together. */
uint32_t content_kinds(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side);
/* Whether a Content-Encoding other than identity hides what the body is. */
int content_is_encoded(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side);
/* The value of a parameter of a media type, without its quotes; an empty view when absent. */
struct sluice_str content_parameter(struct sluice_str content_type, struct sluice_str name);
/* Whether every Content-Type field names one of these charsets (lower case, NULL-terminated), or
 * none. */
int content_charset_is(const struct sluice_host *host, struct sluice_exchange *x,
	enum sluice_side side, const char *const *charsets);
/* type/subtype without parameters and spaces. */
struct sluice_str content_essence(struct sluice_str content_type);
/* Equal but for ASCII case. */
int content_equal(struct sluice_str a, struct sluice_str b);
