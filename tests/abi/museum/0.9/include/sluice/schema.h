/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/schema.h - the service "sluice.schema/1": JSON documents and JSON Schema.
 *
 * For policies whose configuration holds a document with schemas in it (an OpenAPI description), by
 * which messages are judged. A document is read once, in `configure`; its values are walked with
 * the calls of the host (value_get, value_at, ...), and the schemas in it are compiled by their
 * place.
 *
 * JSON is strict (RFC 8259): duplicate names, numbers beyond 64 bits and nesting beyond 128 are no
 * JSON.
 */
#ifndef SLUICE_SCHEMA_H
#define SLUICE_SCHEMA_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_SCHEMA_SERVICE "sluice.schema/1"

struct sluice_document; /* a JSON document; belongs to the instance */
struct sluice_schema; /* compiled; belongs to the instance; immutable; borrows from its document */

/* How a schema is written. */
enum {
	SLUICE_SCHEMA_OPENAPI_30 = 1, /* 3.0's own dialect: nullable, boolean exclusive bounds */
	SLUICE_SCHEMA_OPENAPI_31 = 2  /* JSON Schema 2020-12 */
};

/* Bits of types: what a value may be, as far as its schema says so. None: anything. */
enum {
	SLUICE_SCHEMA_NULL = 1,
	SLUICE_SCHEMA_BOOLEAN = 2,
	SLUICE_SCHEMA_INTEGER = 4,
	SLUICE_SCHEMA_NUMBER = 8,
	SLUICE_SCHEMA_STRING = 16,
	SLUICE_SCHEMA_ARRAY = 32,
	SLUICE_SCHEMA_OBJECT = 64
};

/* Why a message is not valid. */
struct sluice_schema_problem {
	uint32_t size;
	uint32_t reserved;
	/* Where, as a JSON pointer into the message ("/items/0/id", "" at its root); in the memory
	 * of the exchange. */
	struct sluice_str pointer;
	/* What of the schema is not met: "type", "required", "maxLength", ... */
	struct sluice_str keyword;
	/* SLUICE_E_RUNTIME: the byte at which the text stops being JSON. */
	uint64_t offset;
};

struct sluice_schema_service {
	uint32_t size;
	uint32_t reserved;

	/* All of these: `configure` only, but for the two that free, which are for `release` as
	 * well. NULL: *message says why, until the next call on this thread. */
	struct sluice_document *(*document_new)(struct sluice_instance *instance,
		struct sluice_str json, struct sluice_str *message);
	/* After its schemas. NULL is harmless. */
	void (*document_free)(struct sluice_instance *instance, struct sluice_document *document);
	/* Lives as long as the document. */
	const struct sluice_value *(*document_root)(const struct sluice_document *document);
	/* The schema at `pointer`, a JSON pointer as a URI fragment: "#/components/schemas/pet".
	 * References lead within the document alone. */
	struct sluice_schema *(*compile)(struct sluice_instance *instance,
		const struct sluice_document *document, struct sluice_str pointer, uint32_t dialect,
		struct sluice_str *message);
	/* NULL is harmless. */
	void (*free)(struct sluice_instance *instance, struct sluice_schema *schema);

	/* Any callback, any thread. */
	uint32_t (*types)(const struct sluice_schema *schema);
	/* Of the items of an array, and of one property of an object. */
	uint32_t (*item_types)(const struct sluice_schema *schema);
	uint32_t (*property_types)(const struct sluice_schema *schema, struct sluice_str name);

	/* Exchange callbacks up to response_end. SLUICE_OK: the text is JSON and valid;
	 * SLUICE_E_RUNTIME: it is no JSON; SLUICE_E_INVALID: it is not valid, or to judge it takes
	 * more than a million steps, or a pattern too many (keyword "time"); SLUICE_E_FULL: the exchange has no memory
	 * left. `problem` (may be NULL; its size set) is filled in but for SLUICE_OK. */
	int32_t (*check)(const struct sluice_schema *schema, struct sluice_exchange *exchange,
		struct sluice_str json, struct sluice_schema_problem *problem);

	/* Any callback, any thread: of the items of a property that is an array. */
	uint32_t (*property_item_types)(const struct sluice_schema *schema, struct sluice_str name);
};

#ifdef __cplusplus
}
#endif
#endif
