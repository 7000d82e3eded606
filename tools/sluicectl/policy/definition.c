/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/policy/definition.h"

#include "sluicectl/policy/policy.h"

#include <stdio.h>

static const struct node *member(const struct node *map, struct str key)
{
	if (!map || map->type != NODE_MAP)
		return NULL;
	for (const struct node *n = map->u.list.first; n; n = n->next)
		if (str_eq(n->key, key))
			return n;
	return NULL;
}

static struct str text(const struct node *n)
{
	return n && n->type == NODE_STRING ? n->u.string : STR_EMPTY;
}

static struct definition definition_of(const struct node *root)
{
	const struct node *metadata = member(root, STR("metadata"));
	const struct node *spec = member(root, STR("spec"));
	return (struct definition){
		.name = text(member(metadata, STR("name"))),
		.version = text(member(metadata, STR("version"))),
		.title = text(member(metadata, STR("title"))),
		.stage = text(member(spec, STR("stage"))),
		.request_body = text(member(member(spec, STR("requestBody")), STR("mode"))),
		.response_body = text(member(member(spec, STR("responseBody")), STR("mode"))),
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

bool definitions_read(struct definitions *out, const char *file, struct str yaml)
{
	struct diagnostics diagnostics;
	out->count = 0;
	diagnostics_init(&diagnostics);
	bool is_yaml = document_set_read(&out->documents, file, yaml, &diagnostics) == RC_OK;
	for (struct node *n = out->documents.roots; is_yaml && n; n = n->next)
		if (str_eq(text(member(n, STR("kind"))), STR("PolicyDefinition")) &&
			out->count < DEFINITIONS_MAX)
			out->items[out->count++] = definition_of(n);
	print(&diagnostics);
	diagnostics_deinit(&diagnostics);
	if (is_yaml && out->count == 0)
		policy_fail("%s: holds no PolicyDefinition", file);
	return is_yaml && out->count > 0;
}

void definitions_deinit(struct definitions *d)
{
	document_set_deinit(&d->documents);
}
