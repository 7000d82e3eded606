/* SPDX-License-Identifier: Apache-2.0 */
/* build/build_priv.h - one build under way. */
#pragma once

#include "build/build.h"

#include "base/check.h"
#include "base/map.h"
#include "base/memory.h"
#include "crypto/crypto.h"

struct built_plugin {
	struct plugin *plugin; /* borrowed from the registry; NULL: it could not be loaded */
	char *error;           /* owned: why */
	bool is_quarantined;   /* that is why */
};

struct built_service {
	struct service *service; /* borrowed from the generation; NULL: it cannot be used */
	char *error;             /* owned: why */
	uint8_t sha256[SHA256_BYTES]; /* of its node */
};

struct build {
	const struct build_options *options;
	const struct plan_node *root;
	struct diagnostics *diagnostics;
	struct generation *generation;
	struct built_plugin *plugins; /* owned: by index of the plan's plugins */
	size_t plugin_count;
	struct built_service *services; /* owned: by index of the plan's services */
	size_t service_count;
	struct map former_services; /* by name, of the former generation */
	uint8_t settings_sha256[SHA256_BYTES]; /* what is the same for all APIs */
	struct buffer content;                 /* of what is being hashed */
	size_t fatal_count;
	bool is_incomplete; /* a part could not be read: policies may be missing from every chain */
};

/* Reports what leaves the former generation in place. */
void build_fatal(struct build *b, const struct plan_node *at, const char *path, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* Of a node's content (plan_canonical); NULL: of nothing. */
void build_sha256(struct build *b, const struct plan_node *n, uint8_t out[SHA256_BYTES]);

void build_edge(struct build *b);
/* Its redirect and its error pages. */
void build_api_edge(struct api *api, const struct plan_node *node);
void build_plugins(struct build *b);
void build_services(struct build *b);
void build_apis(struct build *b);
void build_listeners(struct build *b);
/* What the plan says about connections, and about one API (`node`); defaults where it does not. */
void build_limits(struct build *b);
void build_api_limits(struct build *b, const struct plan_node *node, struct api_limits *out);
/* Gives every worker its cells. */
void build_api_metrics(struct build *b, struct api *api);

/* What `tls` objects of the plan mean. The context is the caller's; NULL with a message. */
struct tls_context *build_tls_server(
	const struct plan_node *tls, char *message, size_t message_size);
struct tls_context *build_tls_client(
	const struct plan_node *tls, char *message, size_t message_size);
/* What of it will work, and maybe not as it was meant: certificates out of date or order. */
void build_tls_warnings(struct build *b, const struct plan_node *tls);
/* The node that a mistake of it is told at. */
const struct plan_node *build_tls_place(const struct plan_node *tls);
