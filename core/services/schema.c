/* SPDX-License-Identifier: Apache-2.0 */
/* services/schema.c - "sluice.schema/1": JSON documents and JSON Schema.
 *
 * A document is kept twice: as JSON, for the schemas, and as plan nodes, which is what the host's
 * value_ calls read. */
#include "sluice/schema.h"

#include "base/memory.h"
#include "plan/plan.h"
#include "policy/chain.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/schema_formats.h"
#include "services/services_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* Of a document, as JSON text and as plan nodes. */
#define DOCUMENT_BYTES_MAX (64u << 20)

enum { DOCUMENT_NEW, COMPILE, CHECK_JSON };
static const struct policy_call calls[] = {
	[DOCUMENT_NEW] = {"sluice.schema/1 document_new", IN(CONFIGURE)},
	[COMPILE] = {"sluice.schema/1 compile", IN(CONFIGURE)},
	[CHECK_JSON] = {"sluice.schema/1 check", IN_LIVE},
};

struct sluice_document {
	struct json_document *json; /* owned */
	struct plan *plan;          /* owned */
};

struct sluice_schema {
	struct schema *schema; /* owned */
};

/* What the last call in `configure` on this thread complained about. */
static _Thread_local char last_message[400];

static void *complain(struct sluice_str *message, const char *text)
{
	if (text)
		snprintf(last_message, sizeof(last_message), "%s", text);
	if (message)
		*message = str_out(str_of(last_message));
	return NULL;
}

/* --- documents ------------------------------------------------------------------------------- */
static const struct position nowhere;

static void write_value(struct plan_writer *w, const struct json_value *v, const char *key);

static void write_members(struct plan_writer *w, const struct json_value *v)
{
	for (uint32_t i = 0; i < v->u.object.count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		write_value(w, &m->value, m->key.p); /* a NUL stands behind it, none in it */
	}
}

/* Nesting is bounded by JSON_DEPTH_MAX. */
static void write_value(struct plan_writer *w, const struct json_value *v, const char *key)
{
	switch (v->type) {
	case JSON_NULL:
		plan_write_null(w, key, nowhere);
		return;
	case JSON_BOOL:
		plan_write_bool(w, key, nowhere, v->u.boolean);
		return;
	case JSON_INTEGER:
		plan_write_integer(w, key, nowhere, v->u.integer);
		return;
	case JSON_REAL:
		plan_write_real(w, key, nowhere, v->u.real);
		return;
	case JSON_STRING:
		plan_write_string(w, key, nowhere, v->u.string);
		return;
	case JSON_ARRAY:
		plan_open_array(w, key, nowhere);
		for (uint32_t i = 0; i < v->u.array.count; i++)
			write_value(w, &v->u.array.items[i], NULL);
		break;
	case JSON_OBJECT:
		plan_open_object(w, key, nowhere);
		write_members(w, v);
		break;
	}
	plan_close(w);
}

static enum rc plan_of(const struct json_value *root, struct plan **out, char *message, size_t size)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	buffer_init(&bytes, DOCUMENT_BYTES_MAX);
	write_value(w, root, NULL);
	enum rc rc = plan_writer_finish(w, &bytes);
	plan_writer_free(w);
	snprintf(message, size, "the document is too large");
	if (rc == RC_OK)
		rc = plan_decode(buffer_str(&bytes), out, message, size);
	buffer_deinit(&bytes);
	return rc;
}

static void document_free(struct sluice_instance *i, struct sluice_document *d)
{
	if (!d)
		return;
	json_free(d->json);
	plan_free(d->plan);
	policy_free(i, d);
}

static struct sluice_document *document_new(
	struct sluice_instance *i, struct sluice_str json, struct sluice_str *message)
{
	struct json_error error;
	if (!policy_allows(&calls[DOCUMENT_NEW], i))
		return complain(message, "a document is read in configure alone");
	if (json.n > DOCUMENT_BYTES_MAX)
		return complain(message, "the document is too large");
	struct sluice_document *d = policy_alloc(i, sizeof(*d));
	if (!d)
		return complain(message, "the policy has no memory left");
	*d = (struct sluice_document){0};
	if (json_parse(str_in(json), &d->json, &error) != RC_OK) {
		snprintf(last_message, sizeof(last_message), "line %u, column %u: %s", error.line,
			error.column, error.message);
		policy_free(i, d);
		return complain(message, NULL);
	}
	if (plan_of(json_root(d->json), &d->plan, last_message, sizeof(last_message)) != RC_OK) {
		document_free(i, d);
		return complain(message, NULL);
	}
	return d;
}

static const struct sluice_value *document_root(const struct sluice_document *d)
{
	return (const struct sluice_value *)(const void *)plan_root(d->plan);
}

/* --- schemas --------------------------------------------------------------------------------- */
static void release(struct sluice_instance *i, struct sluice_schema *s)
{
	if (!s)
		return;
	schema_free(s->schema);
	policy_free(i, s);
}

static struct sluice_schema *compile(struct sluice_instance *i, const struct sluice_document *d,
	struct sluice_str pointer, uint32_t dialect, struct sluice_str *message)
{
	enum schema_dialect written =
		dialect == SLUICE_SCHEMA_OPENAPI_30 ? SCHEMA_OPENAPI_30 : SCHEMA_OPENAPI_31;
	if (!policy_allows(&calls[COMPILE], i))
		return complain(message, "a schema is compiled in configure alone");
	if (dialect != SLUICE_SCHEMA_OPENAPI_30 && dialect != SLUICE_SCHEMA_OPENAPI_31)
		return complain(message, "there is no such dialect");
	struct sluice_schema *s = policy_alloc(i, sizeof(*s));
	if (!s)
		return complain(message, "the policy has no memory left");
	*s = (struct sluice_schema){0};
	if (schema_new_at(json_root(d->json), str_in(pointer), written, &message_hooks, &s->schema,
		    last_message, sizeof(last_message)) == RC_OK)
		return s;
	policy_free(i, s);
	return complain(message, NULL);
}

_Static_assert(SLUICE_SCHEMA_NULL == 1 << JSON_NULL && SLUICE_SCHEMA_BOOLEAN == 1 << JSON_BOOL &&
		       SLUICE_SCHEMA_INTEGER == 1 << JSON_INTEGER &&
		       SLUICE_SCHEMA_NUMBER == 1 << JSON_REAL &&
		       SLUICE_SCHEMA_STRING == 1 << JSON_STRING &&
		       SLUICE_SCHEMA_ARRAY == 1 << JSON_ARRAY &&
		       SLUICE_SCHEMA_OBJECT == 1 << JSON_OBJECT,
	"the bits of the ABI are those of the engine");

static uint32_t types(const struct sluice_schema *s)
{
	return schema_types(s->schema);
}

static uint32_t item_types(const struct sluice_schema *s)
{
	return schema_item_types(s->schema);
}

static uint32_t property_types(const struct sluice_schema *s, struct sluice_str name)
{
	return schema_property_types(s->schema, str_in(name));
}

static uint32_t property_item_types(const struct sluice_schema *s, struct sluice_str name)
{
	return schema_property_item_types(s->schema, str_in(name));
}

/* --- messages -------------------------------------------------------------------------------- */
struct told {
	struct sluice_exchange *exchange;
	struct sluice_schema_problem *problem;
};

static void take_problem(void *arg, const struct schema_problem *p)
{
	struct told *told = arg;
	const char *keyword = p->keyword ? p->keyword : "schema";
	told->problem->pointer = str_out(arena_copy(told->exchange->arena, p->pointer));
	told->problem->keyword = str_out(str_of(keyword));
}

static int32_t check(const struct sluice_schema *s, struct sluice_exchange *x,
	struct sluice_str json, struct sluice_schema_problem *problem)
{
	struct sluice_schema_problem own;
	struct told told = {x, problem ? problem : &own};
	struct json_document *d;
	struct json_error error;
	if (!policy_allows_exchange(&calls[CHECK_JSON], x))
		return SLUICE_E_WRONG_CALLBACK;
	told.problem->pointer = told.problem->keyword = str_out(STR_EMPTY);
	told.problem->offset = 0;
	if (json_parse(str_in(json), &d, &error) != RC_OK) {
		told.problem->offset = error.offset;
		return SLUICE_E_RUNTIME;
	}
	bool is_valid = schema_is_valid(s->schema, json_root(d));
	if (!is_valid && problem)
		schema_tell_first(s->schema, json_root(d), take_problem, &told);
	json_free(d);
	return is_valid ? SLUICE_OK : SLUICE_E_INVALID;
}

const void *services_schema_table(void)
{
	static const struct sluice_schema_service table = {
		.size = sizeof(table),
		.document_new = document_new,
		.document_free = document_free,
		.document_root = document_root,
		.compile = compile,
		.free = release,
		.types = types,
		.item_types = item_types,
		.property_types = property_types,
		.check = check,
		.property_item_types = property_item_types,
	};
	return &table;
}
