/* SPDX-License-Identifier: Apache-2.0 */
/* generation/edge.h - what the gateway does at its edge, whatever the API: whom it believes about
 * the client, and which fields of heads are its own.
 *
 * All zero is the default: nobody is believed.
 *
 * Ownership    embedded in its generation; of a plan nothing is kept.
 * Threads      immutable once built; read by all workers.
 */
#pragma once

#include "base/str.h"
#include "generation/error_pages.h"
#include "net/cidr.h"

/* Where proxies write for whom they ask. */
enum edge_header { EDGE_X_FORWARDED_FOR, EDGE_FORWARDED, EDGE_OTHER_HEADER };

struct edge {
	struct cidr_set proxies; /* peers that are believed */
	uint32_t hops;           /* how many proxies stand before the gateway; 0: as many as are in
				    `proxies` */
	enum edge_header header;
	struct str header_name; /* of EDGE_OTHER_HEADER: in header_text */
	char *header_text;      /* owned; or NULL */
	bool emits_forwarded;   /* upstreams get RFC 7239's field, too */

	bool has_proxy_protocol;
	struct cidr_set proxy_protocol_from; /* none: every peer */

	bool keeps_request_id; /* of every client, not of proxies alone */
	bool passes_overrides; /* fields that name another method or path than the request's */
	bool removes_server;
	bool tells_reason;        /* x-sluice-reason */
	bool adds_via_to_request; /* RFC 9110 7.6.3 */
	bool adds_via_to_response;
	bool changes_responses; /* any of these, or `server` */
	struct str server;      /* in field_text: of all responses; empty: as they come */
	struct str via[3];      /* in field_text: of what came by HTTP/1.0, 1.1, 2 */
	char *field_text;       /* owned; or NULL */

	struct str
		*record_claims; /* owned: names of claims that access records show, texts and all */
	size_t record_claim_count;

	struct error_pages
		*errors; /* owned; of APIs without their own, and where there is no API */
};

void edge_deinit(struct edge *e);
