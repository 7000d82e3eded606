/* SPDX-License-Identifier: Apache-2.0 */
/* The configurations of a test stand in one file when they are composed; whoever wrote them does
 * not know it. */
#include "testing/testing_priv.h"

#include "config/document.h"

#include <string.h>

bool testing_check_yaml(const char *name, const char *yaml, struct diagnostics *diagnostics)
{
	struct document_set set;
	size_t before = diagnostics->errors;
	bool is_yaml = document_set_read(&set, name, str_of(yaml), diagnostics) == RC_OK;
	const struct node *root = is_yaml ? set.roots : NULL;
	for (const struct mistake *m = root ? root->mistakes : NULL; m; m = m->next) {
		struct position at = {name, m->line, m->column};
		diagnostics_add(diagnostics, SEVERITY_ERROR, at, "", "%.*s", STR_ARG(m->message));
	}
	if (root && root->next) {
		struct position at = {name, root->next->line, root->next->column};
		diagnostics_add(diagnostics, SEVERITY_ERROR, at, "",
			"a second document, where one is expected");
	}
	document_set_deinit(&set);
	return diagnostics->errors == before;
}

/* "spec.policies[0].config.rate" is config.rate to the author of a policy. */
static const char *path_in_policy(const char *path)
{
	const char *end = strncmp(path, "spec.policies[", 14) == 0 ? strstr(path, "].") : NULL;
	return end ? end + 2 : path;
}

static const struct testing_binding *binding_at(const struct sluice_test *t, uint32_t line)
{
	for (size_t i = 0; i < t->binding_count; i++)
		if (line >= t->bindings[i].line &&
			line - t->bindings[i].line < t->bindings[i].lines)
			return &t->bindings[i];
	return NULL;
}

/* Of what a test says in a text of its own, the path tells the place, unless it has none. */
static void put_place(const struct sluice_test *t, const struct position *at, struct buffer *out)
{
	const struct testing_binding *b = NULL;
	if (!at->file)
		return;
	if (!t->composed || strcmp(at->file, t->composed) != 0)
		buffer_addf(out, "%s:%u:%u: ", at->file, at->line, at->column);
	else if ((b = binding_at(t, at->line)) && b->file)
		buffer_addf(out, "%s:%u:%u: ", b->file, at->line - b->line + 1,
			at->column > TESTING_INDENT ? at->column - TESTING_INDENT : at->column);
}

void testing_print_problems(const struct sluice_test *t, struct buffer *out)
{
	for (size_t i = 0; i < t->diagnostics.count; i++) {
		const struct diagnostic *d = &t->diagnostics.items[i];
		if (d->severity != SEVERITY_ERROR)
			continue;
		put_place(t, &d->position, out);
		buffer_addf(out, "%s%s%s\n", path_in_policy(d->path), d->path[0] ? ": " : "",
			d->message);
	}
}
