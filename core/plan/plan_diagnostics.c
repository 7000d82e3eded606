/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_diagnostics.h"

#include "base/memory.h"

#include <stdlib.h>

static void write_one(struct plan_writer *w, const struct diagnostic *d)
{
	const struct position none = {0};
	const char *severity = d->severity == SEVERITY_ERROR ? "error" : "warning";
	plan_open_object(w, NULL, none);
	plan_write_string(w, "severity", none, str_of(severity));
	plan_write_string(w, "file", none, str_of(d->position.file));
	plan_write_integer(w, "line", none, d->position.line);
	plan_write_integer(w, "column", none, d->position.column);
	plan_write_string(w, "path", none, str_of(d->path));
	plan_write_string(w, "message", none, str_of(d->message));
	plan_write_string(w, "subject", none, str_of(d->subject));
	plan_close(w);
}

void plan_write_diagnostics(struct plan_writer *w, const struct diagnostics *d)
{
	plan_open_array(w, "diagnostics", (struct position){0});
	for (size_t i = 0; i < d->count; i++)
		write_one(w, &d->items[i]);
	plan_close(w);
}

static char *text_of(const struct plan_node *node, const char *key)
{
	return heap_strndup(plan_string(node, key, STR_EMPTY));
}

static void read_one(const struct plan_node *node, struct diagnostics *d)
{
	struct str severity = plan_string(node, "severity", STR("error"));
	char *file = text_of(node, "file"), *path = text_of(node, "path");
	char *message = text_of(node, "message"), *subject = text_of(node, "subject");
	struct position at = {
		.file = file[0] ? file : NULL,
		.line = (uint32_t)plan_integer(node, "line", 0),
		.column = (uint32_t)plan_integer(node, "column", 0),
	};
	diagnostics_add_for(d, subject,
		str_eq(severity, STR("warning")) ? SEVERITY_WARNING : SEVERITY_ERROR, at, path,
		message);
	free(subject);
	free(message);
	free(path);
	free(file);
}

void plan_read_diagnostics(const struct plan_node *root, struct diagnostics *d)
{
	const struct plan_node *list = plan_get(root, "diagnostics");
	for (size_t i = 0; i < plan_count(list); i++)
		read_one(plan_at(list, i), d);
}
