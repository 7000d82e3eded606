/* SPDX-License-Identifier: Apache-2.0 */
/* json/schema.h - JSON Schema (2020-12) for configurations, and for messages.
 *
 * docs/sdk/definitions.md lists keywords and formats for those who write schemas.
 *
 * Keywords: type, enum, const, multipleOf, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
 * minLength, maxLength, pattern, format, items, prefixItems, contains, minContains, maxContains,
 * minItems, maxItems, uniqueItems, properties, patternProperties, additionalProperties,
 * propertyNames, required, dependentRequired, dependentSchemas, minProperties, maxProperties,
 * allOf, anyOf, oneOf, not, if/then/else, $ref to "#..." (and $defs, definitions), default, and the
 * annotations title, description, $comment, examples, deprecated; $schema, when it names 2020-12.
 * Anything else in a schema is an error: a keyword that is not enforced must not look as if it
 * were. Unknown `format`s are errors as well; `secret` is one that every string has, and
 * "x-secret": true says the same of values of any kind. Messages never show what is secret.
 *
 * Every problem of an instance is told, not only the first; of anyOf and oneOf the branch that came
 * closest explains itself.
 *
 * The dialects of OpenAPI are for messages: see enum schema_dialect.
 *
 * Threads      a compiled schema is immutable.
 */
#pragma once

#include "json/json.h"

struct schema;

/* What patterns and formats mean is the caller's: this folder has no regular expressions. */
struct schema_hooks {
	/* Compiles; NULL with one sentence in `message` when it is none. */
	void *(*pattern_new)(void *arg, struct str pattern, char *message, size_t message_size);
	/* RC_OK, RC_NOT_FOUND; anything else: that could not be told, and the instance is not
	 * valid, whatever stands around the pattern. */
	enum rc (*pattern_match)(void *arg, void *pattern, struct str subject);
	void (*pattern_free)(void *arg, void *pattern);
	/* Whether there is such a format. */
	bool (*format_exists)(void *arg, struct str format);
	/* false with what was expected in `message`: "an IPv4 address". */
	bool (*format_check)(
		void *arg, struct str format, struct str value, char *message, size_t message_size);
	void *arg;
};

/* The schema is copied. RC_INVALID: `message` says which part of the schema is wrong, as a JSON
 * pointer:
 * `#/properties/a: unknown keyword "maximun"; did you mean "maximum"?`. NULL hooks, or a NULL in
 * them: there are no patterns, no formats. */
MUST_USE enum rc schema_new(const struct json_value *schema, const struct schema_hooks *hooks,
	struct schema **out, char *message, size_t message_size);
void schema_free(struct schema *s);

/* How a schema is written. Both of OpenAPI take the keywords above and, as annotations, example,
 * externalDocs, xml, writeOnly, content..., whatever begins with "x-", formats that
 * the hooks do not know, and unknown keywords, unless those look like a mistyped one. What would
 * have to be enforced and is not is an error: $id, $anchor, $dynamicRef, $dynamicAnchor,
 * unevaluatedItems, unevaluatedProperties. readOnly: as `required` is about a request, it leaves
 * out properties that are read-only where they are declared. discriminator: an object has to fit
 * the alternative of oneOf or anyOf that it names. The format int32 bounds numbers. */
enum schema_dialect {
	SCHEMA_CONFIGURATION,
	/* 3.0: $ref stands alone, nullable lets null pass, exclusiveMinimum and -Maximum are
	   booleans. */
	SCHEMA_OPENAPI_30,
	SCHEMA_OPENAPI_31,
};
/* The schema at a place of a document ("#/components/schemas/a", "#"), to which its references may
 * go. The document is borrowed and has to outlive it. */
MUST_USE enum rc schema_new_at(const struct json_value *document, struct str pointer,
	enum schema_dialect dialect, const struct schema_hooks *hooks, struct schema **out,
	char *message, size_t message_size);

/* Keyword i, from 0; NULL behind the last. docs/sdk/definitions.md lists them. */
const char *schema_keyword_name(size_t i);

/* One problem. `path` is the place, "rateLimits[0].maximumRequests", "" at the root; `at` the value
 * there (for an unknown or missing field: the object). Names that are not letters, digits, "_" and
 * "-" stand in the path as ["a.b"]. `message` is one sentence: what was expected, what was found,
 * the nearest valid name; it quotes an instance and so may hold control bytes' escapes, never the
 * bytes. */
struct schema_problem {
	struct str path;
	const struct json_value *at;
	const struct json_member
		*member; /* an unknown field, or one whose name is wrong; else NULL */
	struct str message;
	struct str pointer;  /* the place as a JSON pointer (RFC 6901) */
	const char *keyword; /* static: which one of the schema is not met */
};
typedef void schema_problem_fn(void *arg, const struct schema_problem *p);

/* How many problems; fn comes for each. */
size_t schema_check(const struct schema *s, const struct json_value *instance,
	schema_problem_fn *fn, void *arg);
/* Whether each `default` fits the schema that it stands in, which a schema need not mind. fn comes
 * for each problem: `place` is the default's, "#/properties/a/default", and the problem's own place
 * is one within it. How many. */
size_t schema_check_defaults(const struct schema *s,
	void (*fn)(void *arg, struct str place, const struct schema_problem *p), void *arg);
/* For instances from the network: true when it is valid; it is not when that takes more than
 * SCHEMA_MESSAGE_STEPS_MAX steps. Nothing is told, and nothing allocated but for uniqueItems. */
bool schema_is_valid(const struct schema *s, const struct json_value *instance);
/* The first problem of one that is not valid; fn comes once. The work is as bounded. */
void schema_tell_first(const struct schema *s, const struct json_value *instance,
	schema_problem_fn *fn, void *arg);
/* The types that a value may have, as far as the schema says so by itself, $ref, allOf, anyOf and
 * oneOf: bit 1 << enum json_type for each, JSON_REAL without JSON_INTEGER being any number; 0: it
 * does not say. */
unsigned schema_types(const struct schema *s);
/* The same of the items of an array, and of a property of an object. */
unsigned schema_item_types(const struct schema *s);
unsigned schema_property_types(const struct schema *s, struct str name);
/* And of the items of a property that is an array. */
unsigned schema_property_item_types(const struct schema *s, struct str name);
/* The instance with the schema's defaults put in where members are absent (recursively, through
 * properties, items, $ref, allOf, the taken branch of if and the first that fits of anyOf and
 * oneOf; which one is decided by the instance as it was written). Memory is the builder's; values
 * that did not change are shared with the instance. What a default brings has no origin. */
const struct json_value *schema_apply_defaults(
	const struct schema *s, const struct json_value *instance, struct json_builder *b);
/* For redaction: fn(arg, path) once for each string of the instance that some schema which may
 * judge it, or a value around it, calls secret. */
void schema_each_secret(const struct schema *s, const struct json_value *instance,
	void (*fn)(void *arg, struct str path), void *arg);
/* Each string of the instance that a schema which may judge it gives that format. */
void schema_each_format(const struct schema *s, const struct json_value *instance,
	struct str format, void (*fn)(void *arg, struct str path, const struct json_value *at),
	void *arg);
