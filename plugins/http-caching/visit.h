/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/visit.h - one exchange, as the policy follows it from its request to the end of its answer.
 *
 * Ownership    the exchange's memory.
 * Threads      the worker of the exchange; `flight` is linked into a table of all (flights.h).
 */
#pragma once

#include "cache_status.h"
#include "lookup.h"

enum visit_role {
	VISIT_PASSES,      /* neither answered nor stored */
	VISIT_INVALIDATES, /* an unsafe method */
	VISIT_FETCHES      /* its answer may be stored */
};

struct visit {
	enum visit_role role;
	enum cache_forward forward;
	struct wanted wanted;
	struct field_pairs request; /* as it came here */
	int is_copied;              /* `request` lasts as long as the exchange */
	struct lookup lookup;
	struct origin origin; /* of what invalidates */
	struct flight flight;
	int is_waiting, has_waited; /* for another that fetches the same */
	int is_validating;          /* the origin is asked whether what was found is still right */
	int is_capturing;
	int64_t sent_ms; /* when it went on */
	uint64_t mark;   /* likewise, among what is dropped */
};
