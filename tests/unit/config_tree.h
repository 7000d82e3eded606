/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/config_tree.h - a policy's configuration, written as JSON in a test. */
#pragma once

#include <check.h>

#include "base/memory.h"
#include "json/json.h"
#include "plan/plan.h"

#include <stdlib.h>

/* Everything stands at t.yaml:7:3. */
static const struct position config_tree_at = {"t.yaml", 7, 3};

static void config_tree_write(struct plan_writer *w, const struct json_value *v, const char *key)
{
	switch (v->type) {
	case JSON_NULL:
		plan_write_null(w, key, config_tree_at);
		return;
	case JSON_BOOL:
		plan_write_bool(w, key, config_tree_at, v->u.boolean);
		return;
	case JSON_INTEGER:
		plan_write_integer(w, key, config_tree_at, v->u.integer);
		return;
	case JSON_REAL:
		plan_write_real(w, key, config_tree_at, v->u.real);
		return;
	case JSON_STRING:
		plan_write_string(w, key, config_tree_at, v->u.string);
		return;
	case JSON_ARRAY:
		plan_open_array(w, key, config_tree_at);
		for (uint32_t i = 0; i < v->u.array.count; i++)
			config_tree_write(w, &v->u.array.items[i], NULL);
		break;
	case JSON_OBJECT:
		plan_open_object(w, key, config_tree_at);
		for (uint32_t i = 0; i < v->u.object.count; i++) {
			char *name = heap_strndup(v->u.object.members[i].key);
			config_tree_write(w, &v->u.object.members[i].value, name);
			free(name);
		}
		break;
	}
	plan_close(w);
}

/* Free with plan_free; its root is the configuration. */
static inline struct plan *config_tree(const char *json)
{
	struct json_document *document;
	struct json_error error;
	enum rc rc = json_parse(str_of(json), &document, &error);
	ck_assert_msg(rc == RC_OK, "%s", error.message);
	struct plan_writer *w = plan_writer_new();
	config_tree_write(w, json_root(document), NULL);
	json_free(document);
	struct buffer bytes;
	buffer_init(&bytes, 16 << 20);
	rc = plan_writer_finish(w, &bytes);
	ck_assert_int_eq(rc, RC_OK);
	plan_writer_free(w);
	struct plan *plan;
	char message[160];
	rc = plan_decode(buffer_str(&bytes), &plan, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	buffer_deinit(&bytes);
	return plan;
}
