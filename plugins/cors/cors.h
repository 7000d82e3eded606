/* SPDX-License-Identifier: Apache-2.0 */
/* cors/cors.h - who may call from a browser, as plain data.
 *
 * Invariants   C1  the origin "*" never stands with credentials.
 *              C2  origins are sorted by their bytes, and each stands once.
 * Ownership    on the account of the instance; views are of its configuration or of `text`.
 * Threads      immutable once configured.
 */
#ifndef CORS_CORS_H
#define CORS_CORS_H

#include "sluice/sluice.h"

struct strings {
	struct sluice_str *items; /* owned */
	size_t count;
};

struct group {
	struct strings methods, headers, exposed;
	struct sluice_str allow_methods, allow_headers, expose_headers; /* joined; owned */
	char max_age[12];
	size_t max_age_bytes;
	int any_method; /* whatever a preflight asks for */
	int any_header;
};

struct origin {
	struct sluice_str text; /* as browsers send it, or "*"; owned */
	const struct group *group;
};

struct cors {
	struct group *groups; /* owned */
	size_t group_count;
	struct origin *origins; /* owned */
	size_t origin_count;
	struct origin star; /* without a group: others are not allowed */
	int has_credentials;
	int forwards_plain_options;
};

/* Fills *c, which is zero; on failure, too, it has to be freed. */
int32_t cors_init(
	struct cors *c, const struct sluice_call *call, const struct sluice_value *config);
void cors_deinit(struct cors *c, const struct sluice_call *call);
/* NULL: it is not allowed. */
const struct origin *cors_find(const struct cors *c, struct sluice_str origin);

#endif
