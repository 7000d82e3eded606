/* SPDX-License-Identifier: Apache-2.0 */
/* generation/route_terms.h - what a route says of the requests that take it, beside where they go.
 *
 * Ownership    the API's: one for each of its routes, by their index; made by build.
 * Threads      immutable once made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct service;

enum host_rewrite {
	HOST_AS_SERVICE_SAYS, /* the route says nothing */
	HOST_IS_SERVICES,
	HOST_IS_KEPT,
	HOST_IS_LITERAL,
};

#define ROUTE_MIRROR_ALL 1000000

/* Who gets a copy of requests. */
struct route_mirror {
	struct service *service; /* borrowed from the API's services */
	char *path;              /* owned: in its address; NULL: there is none */
	uint32_t millionths;     /* of the requests */
	bool rewrites_host;      /* Host becomes the service's */
};

struct route_terms {
	int response_timeout_ms;    /* 0: as the API has it */
	int stream_idle_timeout_ms; /* likewise */
	int upstream_idle_ms;       /* 0: any; below 0: as the API has it */
	enum host_rewrite host_rewrite;
	char *host;                  /* owned: the literal; NULL: there is none */
	struct route_mirror *mirror; /* owned; NULL: nobody gets copies */
};
