/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/policy/definition.h"

#include "base/check.h"
#include "config/config.h"

#include <stdio.h>

static struct str text(const struct node *n)
{
	return n && n->type == NODE_STRING ? n->u.string : STR_EMPTY;
}

static struct definition definition_of(const struct node *root)
{
	const struct node *metadata = node_member(root, STR("metadata"));
	const struct node *spec = node_member(root, STR("spec"));
	return (struct definition){
		.name = text(node_member(metadata, STR("name"))),
		.version = text(node_member(metadata, STR("version"))),
		.title = text(node_member(metadata, STR("title"))),
		.stage = text(node_member(spec, STR("stage"))),
		.request_body =
			text(node_member(node_member(spec, STR("requestBody")), STR("mode"))),
		.response_body =
			text(node_member(node_member(spec, STR("responseBody")), STR("mode"))),
	};
}

static void print(const struct diagnostics *d)
{
	struct buffer lines;
	buffer_init(&lines, 1u << 20);
	diagnostics_print(d, &lines);
	if (lines.n > 0)
		fwrite(lines.p, 1, lines.n, stderr);
	buffer_deinit(&lines);
}

/* Of what was judged, so it is YAML and holds some. */
static void take(struct definitions *out, const char *file, struct str yaml)
{
	struct diagnostics none;
	diagnostics_init(&none);
	CHECK(document_set_read(&out->documents, file, yaml, &none) == RC_OK);
	for (struct node *n = out->documents.roots; n && out->count < DEFINITIONS_MAX; n = n->next)
		out->items[out->count++] = definition_of(n);
	diagnostics_deinit(&none);
}

bool definitions_read(struct definitions *out, const char *file, struct str yaml)
{
	struct diagnostics diagnostics;
	*out = (struct definitions){.count = 0};
	diagnostics_init(&diagnostics);
	bool is_good = config_judge_definitions(file, yaml, &diagnostics) == RC_OK;
	print(&diagnostics);
	diagnostics_deinit(&diagnostics);
	if (is_good)
		take(out, file, yaml);
	return is_good;
}

void definitions_deinit(struct definitions *d)
{
	if (d->count > 0)
		document_set_deinit(&d->documents);
}
