/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "plan/plan_diagnostics.h"

#include "base/limits.h"

START_TEST(come_back_as_they_were)
{
	struct diagnostics in, out;
	struct buffer bytes;
	struct plan *plan;
	char message[100];
	struct position at = {"a.yaml", 7, 9};
	diagnostics_init(&in);
	diagnostics_init(&out);
	diagnostics_add_for(&in, "default/a", SEVERITY_ERROR, at, "spec.x", "unknown field");
	diagnostics_add(&in, SEVERITY_WARNING, (struct position){0}, "", "\"quoted\"");
	struct plan_writer *w = plan_writer_new();
	plan_open_object(w, NULL, (struct position){0});
	plan_write_diagnostics(w, &in);
	plan_close(w);
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	ck_assert_int_eq(plan_writer_finish(w, &bytes), RC_OK);
	plan_writer_free(w);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	plan_read_diagnostics(plan_root(plan), &out);
	plan_free(plan);
	buffer_deinit(&bytes);
	ck_assert_uint_eq(out.errors, 1);
	ck_assert_uint_eq(out.warnings, 1);
	ck_assert_str_eq(out.items[0].position.file, "a.yaml");
	ck_assert_uint_eq(out.items[0].position.line, 7);
	ck_assert_uint_eq(out.items[0].position.column, 9);
	ck_assert_str_eq(out.items[0].path, "spec.x");
	ck_assert_str_eq(out.items[0].subject, "default/a");
	ck_assert_str_eq(out.items[1].message, "\"quoted\"");
	ck_assert_uint_eq(out.items[1].position.line, 0);
	diagnostics_deinit(&in);
	diagnostics_deinit(&out);
}
END_TEST

UNIT_SUITE(plan_diagnostics, come_back_as_they_were)
