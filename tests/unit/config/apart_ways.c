/* SPDX-License-Identifier: Apache-2.0 */
#include "apart_ways.h"

#include "apart_folder.h"
#include "base/limits.h"
#include "config/config.h"
#include "plan/plan.h"

#include <stdio.h>

static const char plugin_dir[] = BUILD_DIR "/lib/sluice/plugins";
static const char callout_dir[] = BUILD_DIR "/tests/callout"; /* its configuration names services */

struct buffer record;
size_t apart_total, reused_total, surveyed_total;

/* One tree of all, so that it can be compared. */
static void put_together(struct outcome *o)
{
	char message[160] = "";
	struct plan *plan = NULL;
	struct plan_writer *w = plan_writer_new();
	o->with_parts = o->plan;
	buffer_init(&o->plan, LIMIT_PLAN_BYTES);
	enum rc rc = plan_decode(buffer_str(&o->with_parts), &plan, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s: %s", folder, message);
	plan_write_copy(w, NULL, plan_root(plan));
	ck_assert_int_eq(plan_writer_finish(w, &o->plan), RC_OK);
	plan_writer_free(w);
	plan_free(plan);
}

void compose(struct outcome *o, enum way way, int settled_s)
{
	const char *paths[] = {folder}, *plugins[] = {plugin_dir, callout_dir};
	struct diagnostics diagnostics;
	struct buffer left;
	struct config_work work = {0};
	struct config_options options = {
		.paths = paths,
		.path_count = 1,
		.plugin_dirs = plugins,
		.plugin_dir_count = 2,
		.getenv = folder_variable,
		.apart_min = way == WHOLE ? SIZE_MAX : 1,
		.settled_s = settled_s,
		.record = way == REUSING ? buffer_str(&record) : STR_EMPTY,
		.record_out = way == REUSING ? &left : NULL,
		.takes_parts = way == PARTS || way == REUSING,
		.work = &work,
	};
	buffer_init(&left, SIZE_MAX / 2);
	buffer_init(&o->plan, LIMIT_PLAN_BYTES);
	buffer_init(&o->with_parts, LIMIT_PLAN_BYTES);
	buffer_init(&o->findings, SIZE_MAX / 2);
	diagnostics_init(&diagnostics);
	o->rc = config_compile(&options, &o->plan, &diagnostics);
	if (o->rc == RC_OK && options.takes_parts)
		put_together(o);
	diagnostics_print(&diagnostics, &o->findings);
	diagnostics_deinit(&diagnostics);
	apart_total += work.apart;
	reused_total += work.reused;
	surveyed_total += work.is_surveyed;
	if (way != REUSING)
		return;
	struct buffer *older = one_in(8) ? &left : &record; /* now and then the older one stays */
	buffer_deinit(older);
	if (older == &record)
		record = left;
}

void forget(struct outcome *o)
{
	buffer_deinit(&o->plan);
	buffer_deinit(&o->with_parts);
	buffer_deinit(&o->findings);
}

static void keep_for_study(const struct outcome *o, const char *name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s.%s", folder, name);
	FILE *f = fopen(path, "w");
	if (!f)
		return;
	fwrite(o->plan.p, 1, o->plan.n, f);
	fwrite(o->findings.p, 1, o->findings.n, f);
	fclose(f);
}

void compare(const struct outcome *whole, const struct outcome *made, const char *how, uint64_t n)
{
	bool is_same = whole->rc == made->rc &&
		       str_eq(buffer_str(&whole->plan), buffer_str(&made->plan)) &&
		       str_eq(buffer_str(&whole->findings), buffer_str(&made->findings));
	if (!is_same) {
		keep_for_study(whole, "whole");
		keep_for_study(made, how);
	}
	ck_assert_msg(is_same, "edit %llu of %s: %s is not what the whole is:\n%.*s\n--- but\n%.*s",
		(unsigned long long)n, folder, how, STR_ARG(buffer_str(&whole->findings)),
		STR_ARG(buffer_str(&made->findings)));
}
