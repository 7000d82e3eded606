/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base config */
/* Any bytes as a file of YAML. A tree keeps its invariants, and written out again in flow style it
 * reads as the same tree. */
#include "config/document.h"

#include "base/check.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>

static uint32_t code_point(struct str s, size_t n)
{
	static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (unsigned char)s.p[0] & first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
	return c;
}

static void write_text(struct buffer *b, struct str s)
{
	buffer_add_char(b, '"');
	while (s.n > 0) {
		size_t n = utf8_sequence(s);
		CHECK(n > 0); /* what YAML gave is UTF-8 */
		uint32_t c = code_point(s, n);
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			buffer_addf(b, "\\U%08x", c);
		else
			buffer_add_char(b, (char)c);
		s = str_from(s, n);
	}
	buffer_add_char(b, '"');
}

static void write_node(struct buffer *b, const struct node *n)
{
	switch (n->type) {
	case NODE_NULL:
		buffer_add(b, STR("null"));
		return;
	case NODE_BOOL:
		buffer_add(b, n->u.boolean ? STR("true") : STR("false"));
		return;
	case NODE_INTEGER:
		buffer_add_i64(b, n->u.integer);
		return;
	case NODE_REAL:
		buffer_addf(b, "%.17e", n->u.real);
		return;
	case NODE_STRING:
		write_text(b, n->u.string);
		return;
	default:
		break;
	}
	bool is_map = n->type == NODE_MAP;
	buffer_add_char(b, is_map ? '{' : '[');
	for (const struct node *c = n->u.list.first; c; c = c->next) {
		if (is_map) {
			buffer_add(b, STR("? "));
			write_text(b, c->key);
			buffer_add(b, STR(" : "));
		}
		write_node(b, c);
		buffer_add(b, STR(",\n"));
	}
	buffer_add_char(b, is_map ? '}' : ']');
}

static bool is_equal(const struct node *a, const struct node *b)
{
	if (a->type != b->type || !str_eq(a->key, b->key))
		return false;
	switch (a->type) {
	case NODE_NULL:
		return true;
	case NODE_BOOL:
		return a->u.boolean == b->u.boolean;
	case NODE_INTEGER:
		return a->u.integer == b->u.integer;
	case NODE_REAL:
		return a->u.real == b->u.real;
	case NODE_STRING:
		return str_eq(a->u.string, b->u.string);
	default:
		break;
	}
	const struct node *x = a->u.list.first, *y = b->u.list.first;
	for (; x && y; x = x->next, y = y->next)
		if (!is_equal(x, y))
			return false;
	return !x && !y;
}

static void check_node(const struct node *n, uint32_t depth, uint32_t lines, uint32_t *nodes)
{
	CHECK(depth <= DOCUMENT_DEPTH_MAX);
	CHECK(++*nodes <= DOCUMENT_NODES_MAX);
	CHECK(n->line >= 1 && n->line <= lines && n->column >= 1);
	CHECK(n->type != NODE_REAL || isfinite(n->u.real));
	if (n->type != NODE_LIST && n->type != NODE_MAP)
		return;
	uint32_t count = 0;
	for (const struct node *c = n->u.list.first; c; c = c->next, count++) {
		CHECK((c->key.n > 0) == (n->type == NODE_MAP));
		check_node(c, depth + 1, lines, nodes);
		for (const struct node *d = n->u.list.first;
			n->type == NODE_MAP && d != c && count < 64; d = d->next)
			CHECK(!str_eq(c->key, d->key));
	}
	CHECK(count == n->u.list.count);
}

static void check_round_trip(const struct node *root)
{
	struct document_set again;
	struct diagnostics diagnostics;
	struct buffer text;
	diagnostics_init(&diagnostics);
	buffer_init(&text, 64u << 20);
	write_node(&text, root);
	buffer_add_char(&text, '\n');
	CHECK(!text.failed);
	CHECK(document_set_read(&again, "again", buffer_str(&text), &diagnostics) == RC_OK);
	CHECK(again.count == (root->type == NODE_NULL ? 0 : 1));
	CHECK(again.count == 0 || (is_equal(root, again.roots) && !again.roots->mistakes));
	document_set_deinit(&again);
	buffer_deinit(&text);
	diagnostics_deinit(&diagnostics);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct document_set set;
	struct diagnostics diagnostics;
	struct str text = str_n((const char *)bytes, n);
	uint32_t lines = 2, nodes = 0, count = 0;
	for (size_t i = 0; i < n; i++)
		lines += bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] >= 0x80; /* NEL, LS, PS */
	diagnostics_init(&diagnostics);
	enum rc rc = document_set_read(&set, "file", text, &diagnostics);
	CHECK(diagnostics.errors == (rc == RC_OK ? 0 : 1));
	for (const struct node *root = set.roots; root; root = root->next, count++) {
		check_node(root, 0, lines, &nodes);
		check_round_trip(root);
	}
	CHECK(count == set.count);
	document_set_deinit(&set);
	diagnostics_deinit(&diagnostics);
	return 0;
}
