/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to trees with positions. */
#include "config/document.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct document_set set;
static struct diagnostics diagnostics;

static enum rc read_text(const char *text)
{
	diagnostics_init(&diagnostics);
	return document_set_read(&set, "f.yaml", str_of(text), &diagnostics);
}

static void done(void)
{
	document_set_deinit(&set);
	diagnostics_deinit(&diagnostics);
}

static const struct node *get(const struct node *map, const char *key)
{
	ck_assert_ptr_nonnull(map);
	ck_assert_int_eq(map->type, NODE_MAP);
	for (const struct node *m = map->u.list.first; m; m = m->next)
		if (str_eq(m->key, str_of(key)))
			return m;
	return NULL;
}

static void at(const struct node *n, uint32_t line, uint32_t column)
{
	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(n->line, line);
	ck_assert_uint_eq(n->column, column);
}

START_TEST(knows_the_place_of_every_key_and_value)
{
	ck_assert_int_eq(read_text("a: 1\n"
				   "list:\n"
				   "  - x\n"
				   "  -   deep: {k: \"v\"}\n"
				   "\xc3\xa4\xc3\xb6: z\n"),
		RC_OK);
	const struct node *root = set.roots;
	at(root, 1, 1);
	at(get(root, "a"), 1, 4);
	ck_assert_uint_eq(get(root, "a")->key_column, 1);
	const struct node *list = get(root, "list");
	at(list, 3, 3);
	ck_assert_uint_eq(list->key_line, 2);
	at(list->u.list.first, 3, 5);
	const struct node *deep = get(list->u.list.first->next, "deep");
	at(deep, 4, 13);
	ck_assert_uint_eq(deep->key_column, 7);
	at(get(deep, "k"), 4, 17);
	ck_assert_uint_eq(get(deep, "k")->text_column, 18);
	at(get(root, "\xc3\xa4\xc3\xb6"), 5, 5); /* columns count characters */
	done();
}
END_TEST

START_TEST(knows_when_a_text_stands_as_it_is)
{
	ck_assert_int_eq(read_text("plain: abc\nsingle: 'abc'\nescaped: 'a''c'\n"
				   "double: \"a\\nc\"\nblock: |\n  abc\nfolded: abc\n  def\n"),
		RC_OK);
	ck_assert_uint_eq(get(set.roots, "plain")->text_column, 8);
	ck_assert_uint_eq(get(set.roots, "single")->text_column, 10);
	ck_assert_uint_eq(get(set.roots, "escaped")->text_column, 0);
	ck_assert_uint_eq(get(set.roots, "double")->text_column, 0);
	ck_assert_uint_eq(get(set.roots, "block")->text_column, 0);
	ck_assert_uint_eq(get(set.roots, "folded")->text_column, 0);
	assert_str(get(set.roots, "block")->u.string, "abc\n");
	done();
}
END_TEST

START_TEST(keeps_what_is_quoted_a_text)
{
	ck_assert_int_eq(
		read_text("a: '1'\nb: \"true\"\nc: ''\nd: !!str 5\ne: on\nf: ! 7\n"), RC_OK);
	for (const struct node *m = set.roots->u.list.first; m; m = m->next)
		ck_assert_msg(m->type == NODE_STRING, "%.*s", STR_ARG(m->key));
	assert_str(get(set.roots, "d")->u.string, "5");
	done();
}
END_TEST

START_TEST(reads_many_documents_and_leaves_empty_ones_out)
{
	ck_assert_int_eq(
		read_text("\xef\xbb\xbf---\n---\na: 1\n---\n# nothing\n---\n- b\n...\n"), RC_OK);
	ck_assert_uint_eq(set.count, 2);
	at(set.roots, 3, 1);
	ck_assert_int_eq(set.roots->next->type, NODE_LIST);
	done();
}
END_TEST

START_TEST(copies_what_an_alias_names)
{
	ck_assert_int_eq(read_text("a: &x {k: [1, 2]}\nb: *x\nc: &y 5\nd: *y\ne: [*y]\n"), RC_OK);
	ck_assert_uint_eq(get(set.roots, "e")->u.list.first->key.n, 0);
	const struct node *b = get(set.roots, "b");
	ck_assert_uint_eq(get(b, "k")->u.list.count, 2);
	ck_assert_ptr_ne(get(set.roots, "a")->u.list.first, b->u.list.first);
	ck_assert_int_eq(get(set.roots, "d")->u.integer, 5);
	done();
}
END_TEST

static void note_of(const char *text, const char *part, uint32_t line, uint32_t column)
{
	ck_assert_msg(read_text(text) == RC_OK, "%s", text);
	const struct mistake *m = set.roots->mistakes;
	ck_assert_msg(m && m->message.n, "%s", text);
	ck_assert_msg(str_find(m->message, str_of(part)) < m->message.n, "%s: %.*s", text,
		STR_ARG(m->message));
	ck_assert_msg(
		m->line == line && m->column == column, "%s: %u:%u", text, m->line, m->column);
	done();
}

START_TEST(notes_mistakes_that_cost_their_document_alone)
{
	note_of("a: 1\nb: 2\na: 3\n", "first at line 1, column 1", 3, 1);
	note_of("a: 017\n", "leading zeros", 1, 4);
	note_of("a: &x {k: 1}\nb:\n  <<: *x\n", "merge keys", 3, 3);
	note_of("a: !!python/none x\n", "tag", 1, 4);
	note_of("a: !!int x\n", "tag", 1, 4);
	note_of("a: !thing [x]\n", "tag", 1, 4);
	note_of("a: 99999999999999999999\n", "9007199254740991", 1, 4);
}
END_TEST

START_TEST(keeps_the_first_of_two_members_of_one_name)
{
	ck_assert_int_eq(read_text("a: 1\nb: 2\na: 3\na: 4\n"), RC_OK);
	ck_assert_uint_eq(set.roots->u.list.count, 2);
	ck_assert_int_eq(get(set.roots, "a")->u.integer, 1);
	ck_assert_ptr_nonnull(set.roots->mistakes->next);
	done();
}
END_TEST

static void error_of(const char *text, const char *part, uint32_t line, uint32_t column)
{
	ck_assert_msg(read_text(text) == RC_INVALID, "%s", text);
	ck_assert_uint_eq(diagnostics.errors, 1);
	const struct diagnostic *g = &diagnostics.items[0];
	ck_assert_msg(strstr(g->message, part), "%s: %s", text, g->message);
	ck_assert_msg(g->position.line == line && g->position.column == column, "%s: %u:%u", text,
		g->position.line, g->position.column);
	ck_assert_str_eq(g->position.file, "f.yaml");
	done();
}

START_TEST(refuses_what_is_no_yaml)
{
	error_of("kind: [unclosed\n  - x: {", "did not find", 2, 6);
	error_of("a:\n\tb: 1\n", "tab", 2, 1);
	error_of("a: b: c\n", "not allowed", 1, 5);
	error_of("a: \"\xff\"\n", "UTF-8", 1, 5);
	error_of("a: 1\nb: \x01\n", "control", 2, 4);
	error_of("? [a]\n: b\n", "a key has to be a text", 1, 3);
	error_of("*x : b\n", "a key has to be a text", 1, 1);
	error_of("'': b\n", "empty", 1, 1);
	error_of("a: *nowhere\n", "no anchor", 1, 4);
	error_of("a: &x [*x]\n", "inside of what it names", 1, 8);
}
END_TEST

START_TEST(keeps_the_documents_before_an_error)
{
	ck_assert_int_eq(read_text("a: 1\n---\nb: 2\n---\n[\n"), RC_INVALID);
	ck_assert_uint_eq(set.count, 2);
	done();
}
END_TEST

static char *nested(int depth)
{
	char *text = heap_zalloc((size_t)depth * 2 + 8);
	memset(text, '[', (size_t)depth);
	memset(text + depth, ']', (size_t)depth);
	return text;
}

START_TEST(bounds_depth)
{
	char *deep = nested(DOCUMENT_DEPTH_MAX), *too_deep = nested(DOCUMENT_DEPTH_MAX + 1);
	ck_assert_int_eq(read_text(deep), RC_OK);
	done();
	error_of(too_deep, "nested deeper", 1, DOCUMENT_DEPTH_MAX + 1);
	free(deep);
	free(too_deep);
	char *half = nested(DOCUMENT_DEPTH_MAX - 1);
	char *text = heap_printf("- &a %s\n- [[*a]]\n", half);
	ck_assert_int_eq(read_text(text), RC_INVALID); /* the copy would be too deep */
	done();
	free(text);
	free(half);
}
END_TEST

START_TEST(bounds_what_aliases_make)
{
	struct buffer b;
	buffer_init(&b, 1 << 20);
	buffer_add(&b, STR("a: &a [x, x, x, x, x, x, x, x, x, x]\n"));
	for (char c = 'b'; c < 'k'; c++)
		buffer_addf(&b, "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c,
			c, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
	buffer_add_char(&b, '\0');
	ck_assert_int_eq(read_text(b.p), RC_INVALID);
	done();
	buffer_reset(&b);
	buffer_add(&b, STR("- &a x\n"));
	for (int i = 0; i <= DOCUMENT_ALIASES_MAX; i++)
		buffer_add(&b, STR("- *a\n"));
	buffer_add_char(&b, '\0');
	ck_assert_int_eq(read_text(b.p), RC_INVALID);
	done();
	buffer_deinit(&b);
}
END_TEST

START_TEST(takes_a_file_that_ends_anywhere)
{
	static const char text[] =
		"\xef\xbb\xbf# c\na: &x {k: [1, 'b', \"c\\n\"], l: ~}\n---\n- |\n  t\n"
		"- *x\n- !!str 5\n- \xc3\xa4: 017\n...\n";
	for (size_t n = 0; n < sizeof(text); n++) {
		char *part = heap_strndup(str_n(text, n));
		enum rc rc = read_text(part);
		ck_assert(rc == RC_OK || (rc == RC_INVALID && diagnostics.errors == 1));
		done();
		free(part);
	}
}
END_TEST

UNIT_SUITE(document, knows_the_place_of_every_key_and_value, knows_when_a_text_stands_as_it_is,
	keeps_what_is_quoted_a_text, reads_many_documents_and_leaves_empty_ones_out,
	copies_what_an_alias_names, notes_mistakes_that_cost_their_document_alone,
	keeps_the_first_of_two_members_of_one_name, refuses_what_is_no_yaml,
	keeps_the_documents_before_an_error, bounds_depth, bounds_what_aliases_make,
	takes_a_file_that_ends_anywhere)
