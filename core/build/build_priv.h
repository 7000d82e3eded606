/* SPDX-License-Identifier: Apache-2.0 */
/* build/build_priv.h - one build under way. */
#pragma once

#include "build/build.h"

#include "base/check.h"
#include "base/map.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "plan/plan_parts.h"

struct built_plugin {
	struct plugin *plugin; /* borrowed from the registry; NULL: it could not be loaded */
	char *error;           /* owned: why */
	bool is_quarantined;   /* that is why */
};

struct built_service {
	struct service *service;      /* borrowed from the generation; NULL: it cannot be used */
	char *error;                  /* owned: why */
	struct position error_at;     /* of its TLS settings, file owned; line 0: not of these */
	bool is_told;                 /* the diagnostics have it */
	uint8_t sha256[SHA256_BYTES]; /* of its node */
	uint32_t former;              /* its number in the former generation, or GENERATION_NONE */
	bool has_facts;               /* of its node: what follows is known */
	bool rewrites_host;
	char *path; /* owned: the prefix in its address; NULL: none */
};

/* Of the former generation: by its numbers. */
struct former_part {
	const struct generation_part *part; /* or NULL: there was none of these bytes */
	bool is_checked; /* the bytes of the new one are what their digest says */
};

struct build {
	const struct build_options *options;
	const struct plan *plan;
	const struct plan_node *root;
	struct former_part *former_parts; /* owned: by part */
	struct plan *decoded[PLAN_LISTS]; /* owned: the fragments that build_node_of gave last */
	struct diagnostics *diagnostics;
	struct generation *generation;
	struct built_plugin *plugins; /* owned: by index of the plan's plugins */
	size_t plugin_count;
	struct built_service *services; /* owned: by index of the plan's services */
	size_t service_count;
	struct map former_services; /* 1 + number by name, of the former generation; filled late */
	bool *kept_services;        /* owned: by the former generation's number */
	struct route_base *bases;   /* owned: by API; views into the APIs */
	struct buffer content;      /* of what is being hashed */
	size_t fatal_count;
	bool is_incomplete; /* a part could not be read: policies may be missing from every chain */
};

/* Reports what leaves the former generation in place. */
void build_fatal(struct build *b, const struct plan_node *at, const char *path, const char *format,
	...) __attribute__((format(printf, 4, 5)));

/* Numbers that are being read from one object. The first that is none, or is out of its range, is
 * kept, and the fallback given in its place: the reader asks `at` once, at the end. */
struct build_numbers {
	const struct plan_node *object;
	const struct plan_node *at; /* where it stands; NULL: all are right */
	char message[96];
};
/* From 0 to `most`; `fallback` where the object has none. */
int64_t build_number(struct build_numbers *n, const char *key, int64_t fallback, int64_t most);
/* Milliseconds, as timers take them. */
int build_ms(struct build_numbers *n, const char *key, int fallback);

/* Of a node's content (plan_canonical); NULL: of nothing. */
void build_sha256(struct build *b, const struct plan_node *n, uint8_t out[SHA256_BYTES]);

/* Which parts the former generation has, too. */
void build_parts(struct build *b);
/* The node of a service or an API, wherever it stands; until the next call for that list. NULL: the
 * plan is damaged, which is fatal. */
const struct plan_node *build_node_of(struct build *b, enum plan_list list, uint32_t i);
/* The number that it has in the former generation where it stands in a part of the same bytes;
 * else GENERATION_NONE. */
uint32_t build_former_item(const struct build *b, enum plan_list list, uint32_t i);
/* What became of it, for the next generation. */
void build_note_item(struct build *b, enum plan_list list, uint32_t i, uint32_t number);
/* What routes need to know of a service. */
const struct built_service *build_service_facts(struct build *b, uint32_t i);

/* Endpoints of a service and what concerns them, as `n->object` has it; what they point into is the
 * caller's to free. NULL: it has an address. */
struct endpoint_options *build_balancing(struct build_numbers *n, struct service_options *out);
/* Compiles the expression of a key, if there is one; a service that is made of the options owns it. */
bool build_hash(struct service_options *o, char *message, size_t message_size);
bool build_same_balancing(const struct service_options *a, const struct service_options *b);

void build_edge(struct build *b);
void build_resolver(struct build *b);
void build_contracts(struct build *b);
void build_storage(struct build *b);
/* Its redirect and its error pages; what is wrong with them stands in `numbers` then. */
void build_api_edge(struct api *api, const struct plan_node *node, struct build_numbers *numbers);
/* What its routes say of their requests; likewise. */
void build_terms(struct api *api, const struct plan_node *routes, struct build_numbers *numbers);
/* Who gets copies of a route's requests. */
void build_mirror(
	struct route_terms *t, const struct plan_node *node, const struct built_service *to);
void build_plugins(struct build *b);
/* False: the plan is damaged. */
bool build_services(struct build *b);
bool build_apis(struct build *b);
void build_listeners(struct build *b);
/* What the plan says about connections, and about one API (`node`); defaults where it does not. */
void build_limits(struct build *b);
void build_api_limits(struct build *b, const struct plan_node *node, struct api_limits *out);
/* Gives every worker its cells. */
void build_api_metrics(struct build *b, struct api *api);

/* What `tls` objects of the plan mean. The context is the caller's; NULL: it is said where and why.
 */
struct build_tls_mistake {
	const struct plan_node *at;
	char message[1024]; /* several files may be missing */
};
struct build_tls_port {
	struct str key; /* sessions are resumed there alone */
	bool h2;        /* HTTP/2 is offered, unless `alpn` leaves it out */
	const struct ticket_ring *tickets;
};
struct tls_context *build_tls_server(
	const struct plan_node *tls, const struct build_tls_port *to, struct build_tls_mistake *m);
struct tls_context *build_tls_client(const struct plan_node *tls,
	enum http_client_protocol protocol, struct build_tls_mistake *m);
/* The first mistake is told by whom it concerns; this tells which other files are missing. */
void build_tls_missing(
	struct build *b, const struct plan_node *tls, const struct build_tls_mistake *told);
enum client_cert_mode build_client_cert_mode(const struct plan_node *tls);
unsigned build_client_cert_details(const struct plan_node *tls);
/* Of what connections were made under; the certificates themselves do not count. */
void build_tls_terms(const struct plan_node *tls, uint8_t out[SHA256_BYTES]);
/* What of it will work, and maybe not as it was meant: certificates out of date or order, ciphers that
 * are left out. */
void build_tls_warnings(struct build *b, const struct plan_node *tls, bool is_server);

/* The names of its ciphers, "A:B", into `text`; false: one is unknown, or none can be used. */
bool build_ciphers(const struct plan_node *tls, bool is_server, struct buffer *text,
	struct build_tls_mistake *m);
void build_ciphers_warn(struct build *b, const struct plan_node *tls, bool is_server);
