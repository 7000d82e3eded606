/* SPDX-License-Identifier: Apache-2.0 */
/* generation/api.h - one API as it is served: its chain, routes, services and timeouts.
 *
 * An exchange pins its API, not the whole generation: by a count per worker that only that worker
 * touches (0.5 ns; a shared atomic would cost 40 ns).
 *
 * Invariants   A1  an API without a chain has an `error`: it answers 503, never its upstream.
 *              A2  workers[w] is written by worker w alone.
 *              A3  an API is freed only after every worker has told that it retired it with no pin
 *                  left.
 *              A4  of two generations, the later one has the same API when the identity is
 *                  equal and it has no error.
 * Ownership    made by build on the main thread, then immutable but for workers[]. Counted by the
 *              generations that have it: one, or two while the next is under way.
 */
#pragma once

#include "base/arena.h"
#include "generation/limits.h"
#include "generation/error_pages.h"
#include "generation/route_terms.h"
#include "observe/metrics.h"
#include "policy/chain.h"
#include "route/route_table.h"
#include "upstream/upstream.h"

/* Requests by class of status; [0]: no status was sent. */
#define API_STATUS_CLASSES 6

struct binding_row;

/* What one worker knows of an API; cache lines of its own. */
struct api_worker {
	_Alignas(64) uint32_t pins;
	bool is_retired;
	struct metric_cell *requests[API_STATUS_CLASSES];
	struct metric_cell *duration;
	/* proxy/binding_tally.h */
	uint64_t ran_mask, ran_count; /* so many exchanges ran just these bindings; 0: none */
	struct link pending;          /* while ran_mask is set */
	struct binding_row **rows;    /* owned: by binding; NULL until one has run */
};

struct api_service {
	size_t index;            /* in the plan's services: how routes name it */
	struct service *service; /* ref */
	bool rewrites_host;
	char *path; /* owned: in its address; NULL: there is none */
};

/* Where requests that did not come by https are sent. */
struct api_redirect {
	char *host; /* owned; NULL: the request's own */
	uint16_t port, status;
};

/* What every request looks at stands first: of 10,000 APIs none is in the caches when its turn
 * comes, and each line of it is a wait. */
struct api {
	struct api_worker *workers;    /* owned: one each */
	struct chain *chain;           /* owned; NULL only with an error */
	struct route_api *routes;      /* owned: rules of its bindings and its routes */
	struct api_service *services;  /* owned: those that its routes name, once each */
	char *error;                   /* owned: why it answers 503; NULL: it is served */
	struct api_redirect *redirect; /* owned; NULL: none */
	struct route_terms *terms; /* owned: by route; NULL: none of them has any */
	char *id;                      /* owned: "namespace/name" */
	uint32_t id_bytes;
	bool is_quarantined;  /* that is the error: a binding of it has crashed the gateway */
	bool is_blocked;      /* by access-block: refuses every request */
	bool has_secrets;     /* its chain hides parts of requests */
	uint8_t path_options; /* enum path_options: of its base path */
	size_t service_count, terms_count;
	int response_timeout_ms; /* 0: the service's */
	int stream_idle_timeout_ms;
	struct api_limits limits;
	char *upgrades;             /* owned: tokens, "a,b"; NULL: websocket */
	char *upgrade_origins;      /* owned: "https://a,https://b"; NULL: all */
	struct error_pages *errors; /* owned; NULL: the edge's */
	struct metric_series *requests[API_STATUS_CLASSES]; /* refs */
	struct metric_series *duration;                     /* ref */
	uint8_t identity[32]; /* SHA-256 of all that it was built from */
	unsigned refs;        /* main thread: generations; build makes it with one */
	char *address;        /* owned: as it was written, for reports */
	char *base_path;      /* owned: for the tables of the next generation */
	size_t policy_count;  /* that were bound to it, for reports */
	unsigned worker_count;
	unsigned retired_count; /* main thread: workers that have let go */
};

/* The service that a route names by its index in the plan. */
const struct api_service *api_service_at(const struct api *api, size_t index);
/* One more generation has it. */
struct api *api_ref(struct api *api);
/* The last one frees it: no worker pins it. NULL is harmless. */
void api_unref(struct api *api);
