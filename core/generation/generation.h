/* SPDX-License-Identifier: Apache-2.0 */
/* generation/generation.h - the numbered, immutable runtime form of a plan.
 *
 * Ownership    owns its listeners, and shares services and APIs with the generation before where
 *              nothing of them changed. Workers borrow it from their swap until the next; APIs
 *              outlive it until their last exchange (api.h, A3). Nothing of the plan is kept.
 * Threads      made and freed on the main thread, read by all workers.
 */
#pragma once

#include "generation/api.h"
#include "generation/edge.h"
#include "net/address.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "policy/contracts.h"
#include "state/redis_settings.h"

/* What becomes of X-Forwarded-Client-Cert on a TLS port, in Envoy's words. All but the last take it
 * out where the client has shown no certificate. */
enum client_cert_mode {
	CLIENT_CERT_SANITIZE, /* taken out */
	CLIENT_CERT_FORWARD_ONLY,
	CLIENT_CERT_APPEND_FORWARD, /* what came, and this connection's behind it */
	CLIENT_CERT_SANITIZE_SET,   /* this connection's alone */
	CLIENT_CERT_ALWAYS_FORWARD_ONLY
};

/* What is said of this connection's, beside By and Hash. */
enum client_cert_detail {
	CLIENT_CERT_CERT = 1,
	CLIENT_CERT_CHAIN = 2,
	CLIENT_CERT_SUBJECT = 4,
	CLIENT_CERT_URI = 8,
	CLIENT_CERT_DNS = 16
};

struct generation_listener {
	char *key; /* owned: "0.0.0.0:8081" */
	struct address address;
	struct position position; /* where it was written; file: owned */
	struct tls_context *tls;  /* ref; NULL: plain */
	uint64_t tls_identity;    /* hash of its settings, in which generations differ; 0: plain */
	enum client_cert_mode client_cert_mode;
	unsigned client_cert_details; /* enum client_cert_detail */
	struct route_table *routes;   /* owned: base paths to indices of apis */
	struct api **apis;            /* borrowed: the generation's */
	bool hides_queries;           /* some API of the generation has secrets in queries */
	bool takes_upgrades;          /* some API of it lets requests switch protocols */
	int *fds;                     /* borrowed from whoever keeps the ports */
	unsigned fd_count; /* at least worker_count: worker w has w, w + worker_count, ... */
	unsigned worker_count;
};

#define GENERATION_NONE UINT32_MAX

/* What a part of the plan was built into, for the next generation, which may have the same part. */
struct generation_part {
	uint8_t sha256[32];
	uint32_t first_item, item_count; /* in `items`: its fragments */
};

struct generation {
	uint64_t number;
	uint64_t plan_digest; /* of the plan that it was built from */
	struct connection_limits limits;
	struct edge edge;
	struct resolver_options resolver; /* `servers` owned */
	struct api **apis;                /* refs; NULL: taken out */
	size_t api_count;
	bool hides_queries;          /* some API has secrets in queries, or may have */
	bool takes_upgrades;         /* some API lets requests switch protocols */
	struct contracts *contracts; /* owned */
	struct redis_settings *storage; /* ref; NULL: what is shared is in memory */
	struct api **dropped_apis;   /* borrowed: the former generation's that this one has not */
	size_t dropped_api_count;
	struct generation_listener *listeners;
	size_t listener_count;
	struct service **services; /* refs; one that did not change is the former generation's */
	size_t service_count;
	uint8_t (*service_digests)[32]; /* owned: SHA-256 of what each was built from */
	struct generation_part *parts;  /* owned */
	uint32_t part_count;
	uint32_t *items; /* owned: numbers of services or APIs; GENERATION_NONE: not to be kept */
	/* All that its APIs have of the settings beside what stands in their own nodes. */
	struct message_limits shared_limits;
	struct service **dropped; /* refs: the former generation's that this one has not */
	size_t dropped_count;
};

/* Lets go of the APIs that are still in `apis`; those that retire elsewhere have been taken out. */
void generation_free(struct generation *g);
/* Frees what a listener owns; for one that is taken out of its generation. */
void generation_listener_deinit(struct generation_listener *l);
/* NULL when absent. */
const struct generation_listener *generation_find_listener(
	const struct generation *g, struct str key);
