/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/messages.h - what requests and answers say of caching, read from their fields in one walk.
 *
 * Ownership    what is read are views of the fields; fields_copy makes them last as long as the exchange.
 * Threads      the worker of the exchange.
 */
#pragma once

#include "kept.h"
#include "settings.h"
#include "vary.h"

/* All fields of a message. 0: no memory. */
int fields_collect(const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side,
	struct field_pairs *fields);
/* Of the exchange's memory from here on. 0: no memory. */
int fields_copy(
	const struct sluice_host *host, struct sluice_exchange *x, struct field_pairs *fields);
/* The first value of that name (in lower case); an empty view: there is none. */
struct sluice_str fields_get(const struct field_pairs *fields, struct sluice_str name);

struct wanted {
	struct asked asked;
	struct sluice_str if_modified_since, range, if_range, invalidation;
	int has_none_match, has_cookie;
	int has_override; /* of the method, the path or the host; or it asks for another protocol */
	int has_precondition; /* If-Match and its kin: the origin's to judge */
};
void wanted_read(struct wanted *w, const struct field_pairs *request, const struct settings *s);
/* Whether one of its If-None-Match fields names the tag, or any. */
int wanted_none_match(const struct field_pairs *request, struct sluice_str tag);

struct reading {
	struct answer answer;
	struct vary vary;
	struct sluice_str tag;
	int sets_cookie; /* and nothing opens it to others */
};
/* `at` tells when it was asked for and came: delay_s and received_s, and the status. */
void answer_read(struct reading *r, const struct field_pairs *fields, const struct answer *at,
	const struct settings *s);
/* Whether a field of that answer may be kept. */
int answer_keeps(const struct reading *r, struct sluice_str name);
