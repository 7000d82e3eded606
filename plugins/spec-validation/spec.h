/* SPDX-License-Identifier: Apache-2.0 */
/* spec.h - an OpenAPI description, compiled.
 *
 * Ownership    everything is the pool's but for the document and the schemas, which spec_free
 *              frees.
 * Threads      built in `configure`; then immutable.
 */
#pragma once

#include "template.h"

#include "sluice/request.h"
#include "sluice/schema.h"

enum place { IN_PATH, IN_QUERY, IN_HEADER, IN_COOKIE };
enum style { STYLE_SIMPLE, STYLE_FORM, STYLE_SPACES, STYLE_PIPES, STYLE_DEEP_OBJECT };
enum method {
	METHOD_GET,
	METHOD_PUT,
	METHOD_POST,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_HEAD,
	METHOD_PATCH,
	METHOD_TRACE,
	METHOD_COUNT
};

struct parameter {
	struct sluice_str name;
	enum place place;
	enum style style;
	size_t ordinal; /* of a path's: which of its {} */
	int is_required, is_exploded, allows_empty, is_json;
	uint32_t types;               /* SLUICE_SCHEMA_..., what it is to be read as */
	struct sluice_schema *schema; /* owned; NULL: anything goes */
};

struct media {
	struct sluice_str type; /* "application/json", or with a range: text and any subtype */
	struct sluice_schema *schema; /* owned; NULL: anything goes */
};

struct operation {
	struct parameter **parameters;
	size_t parameter_count;
	struct media *media;
	size_t media_count;
	int has_body, body_is_required;
};

struct path_item {
	struct operation *operations[METHOD_COUNT];
};

struct schema_link {
	struct schema_link *next;
	struct sluice_schema *schema;
};

struct spec {
	const struct sluice_schema_service *service;
	const struct sluice_request_service *request;
	struct pool pool;
	struct sluice_document *document; /* owned */
	struct schema_link *schemas;      /* owned: all of them */
	uint32_t dialect;
	struct template_node root;
};

/* From JSON or YAML. SLUICE_OK, or SLUICE_E_INVALID with a sentence in `message`. */
int32_t spec_init(struct spec *spec, const struct sluice_call *call, struct sluice_str text,
	char *message, size_t message_size);
void spec_free(struct spec *spec);
/* METHOD_COUNT: none of OpenAPI's. */
enum method method_of(struct sluice_str name);
