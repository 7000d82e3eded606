/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml gives events; the tree is built here with a stack of open collections, so that depth is a
 * number and not a call stack. Its own document API is not used: it keeps neither the positions of
 * keys nor any limit. */
#include "config/document.h"

#include "base/check.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define TREE_BYTES_MAX ((size_t)DOCUMENT_NODES_MAX * sizeof(struct node) + 64 * 1024 * 1024)
#define CORE_TAG       "tag:yaml.org,2002:"

struct open {
	struct node *node;
	struct node *last; /* child */
	struct str anchor;
	bool wants_key; /* of a map: the next scalar is a key */
	struct str key;
	uint32_t key_line, key_column;
};

struct reader {
	struct document_set *set;
	const char *file;
	struct str text;
	struct diagnostics *diagnostics;
	yaml_parser_t parser;
	struct map anchors; /* name -> finished node, of this document */
	struct open stack[DOCUMENT_DEPTH_MAX];
	uint32_t depth;
	uint32_t nodes;
	uint32_t aliases;
	struct mistake *mistakes; /* of this document */
	struct node *root;        /* of this document */
	struct node *last_root;   /* of the file */
	bool failed;
};

/* Ends the reading of the file. */
static void fail(struct reader *r, yaml_mark_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Is of this document alone. */
static void note(struct reader *r, yaml_mark_t at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void fail(struct reader *r, yaml_mark_t at, const char *format, ...)
{
	char message[400];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	struct position position = {r->file, (uint32_t)at.line + 1, (uint32_t)at.column + 1};
	diagnostics_add(r->diagnostics, SEVERITY_ERROR, position, "", "%s", message);
	r->failed = true;
}

static void note(struct reader *r, yaml_mark_t at, const char *format, ...)
{
	va_list args;
	char message[400];
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	struct mistake *m = arena_alloc(&r->set->arena, sizeof(*m));
	struct str copied = arena_copy(&r->set->arena, str_of(message));
	if (!m || !copied.p)
		return; /* new_node fails next */
	*m = (struct mistake){(uint32_t)at.line + 1, (uint32_t)at.column + 1, copied, r->mistakes};
	r->mistakes = m;
}

static struct node *new_node(struct reader *r, yaml_mark_t at, enum node_type type)
{
	struct node *n = NULL;
	if (r->nodes < DOCUMENT_NODES_MAX)
		n = arena_zalloc(&r->set->arena, sizeof(*n));
	if (!n) {
		fail(r, at, "more than %d values in one file", DOCUMENT_NODES_MAX);
		return NULL;
	}
	r->nodes++;
	n->type = type;
	n->line = (uint32_t)at.line + 1;
	n->column = (uint32_t)at.column + 1;
	return n;
}

static struct str copy(struct reader *r, const yaml_char_t *p, size_t n)
{
	return arena_copy(&r->set->arena, str_n((const char *)p, n));
}

static void remember_anchor(struct reader *r, struct str anchor, struct node *n)
{
	if (anchor.n > 0)
		map_put(&r->anchors, anchor, n);
}

/* Puts a finished or just opened node where it belongs. */
static void attach(struct reader *r, struct node *n)
{
	if (r->depth == 0) {
		r->root = n;
		return;
	}
	struct open *parent = &r->stack[r->depth - 1];
	if (parent->node->type == NODE_MAP) {
		n->key = parent->key;
		n->key_line = parent->key_line;
		n->key_column = parent->key_column;
		parent->wants_key = true;
	}
	if (parent->last)
		parent->last->next = n;
	else
		parent->node->u.list.first = n;
	parent->last = n;
	parent->node->u.list.count++;
}

static bool at_key(const struct reader *r)
{
	return r->depth > 0 && r->stack[r->depth - 1].wants_key;
}

/* --- scalars --------------------------------------------------------------------------------- */

static bool is_core_tag(const char *tag, const char *name)
{
	return strncmp(tag, CORE_TAG, strlen(CORE_TAG)) == 0 &&
	       strcmp(tag + strlen(CORE_TAG), name) == 0;
}

/* Where the text stands in the file as it is: same length on one line. */
static uint32_t text_column_of(const yaml_event_t *e, struct str text)
{
	bool is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	bool is_quoted = e->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
			 e->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	size_t around = is_quoted ? 2 : 0;
	bool is_exact = (is_plain || is_quoted) && e->start_mark.line == e->end_mark.line &&
			e->end_mark.column - e->start_mark.column == utf8_length(text) + around;
	return is_exact ? (uint32_t)(e->start_mark.column + 1 + around / 2) : 0;
}

static bool has_type_of_tag(const char *tag, const struct node *n)
{
	return (n->type == NODE_NULL && is_core_tag(tag, "null")) ||
	       (n->type == NODE_BOOL && is_core_tag(tag, "bool")) ||
	       (n->type == NODE_INTEGER && is_core_tag(tag, "int")) ||
	       ((n->type == NODE_REAL || n->type == NODE_INTEGER) && is_core_tag(tag, "float"));
}

static void resolve(struct reader *r, const yaml_event_t *e, struct str text, struct node *n)
{
	const char *tag = (const char *)e->data.scalar.tag;
	const char *message = NULL;
	bool is_string = tag ? strcmp(tag, "!") == 0 || is_core_tag(tag, "str")
			     : e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (is_string) {
		n->type = NODE_STRING;
		n->u.string = text;
	} else if (!scalar_resolve(text, n, &message)) {
		note(r, e->start_mark, "%.*s: %s", STR_ARG(str_slice(text, 0, 40)), message);
		n->type = NODE_INTEGER; /* what it was to be, so that nobody tells it twice */
		n->u.integer = 1;
	} else if (tag && !has_type_of_tag(tag, n)) {
		note(r, e->start_mark, "tag %s does not fit or is not supported", tag);
	}
}

static void take_key(struct reader *r, const yaml_event_t *e, struct str text)
{
	struct open *map = &r->stack[r->depth - 1];
	if (text.n == 0 || memchr(text.p, '\0', text.n)) {
		fail(r, e->start_mark, "a key is empty or holds a NUL character");
		return;
	}
	if (str_eq(text, STR("<<")) && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		note(r, e->start_mark, "merge keys (<<) are not supported; write the members out");
		text = STR_EMPTY;
	}
	if (e->data.scalar.anchor)
		note(r, e->start_mark, "anchors on keys are not supported");
	map->key = text;
	map->key_line = (uint32_t)e->start_mark.line + 1;
	map->key_column = (uint32_t)e->start_mark.column + 1;
	map->wants_key = false;
}

static void take_scalar(struct reader *r, const yaml_event_t *e)
{
	struct str text = copy(r, e->data.scalar.value, e->data.scalar.length);
	if (at_key(r)) {
		take_key(r, e, text);
		return;
	}
	struct node *n = new_node(r, e->start_mark, NODE_STRING);
	if (!n)
		return;
	n->is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text_column = text_column_of(e, text);
	resolve(r, e, text, n);
	attach(r, n);
	remember_anchor(r, str_of((const char *)e->data.scalar.anchor), n);
}

/* --- collections ----------------------------------------------------------------------------- */

static void open_collection(struct reader *r, const yaml_event_t *e, enum node_type type,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	const char *plain = type == NODE_MAP ? "map" : "seq";
	if (tag && strcmp((const char *)tag, "!") != 0 && !is_core_tag((const char *)tag, plain))
		note(r, e->start_mark, "tag %s is not supported", (const char *)tag);
	if (at_key(r)) {
		fail(r, e->start_mark, "a key has to be a text, not a %s",
			type == NODE_MAP ? "map" : "list");
		return;
	}
	if (r->depth == DOCUMENT_DEPTH_MAX) {
		fail(r, e->start_mark, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
		return;
	}
	struct node *n = new_node(r, e->start_mark, type);
	if (!n)
		return;
	attach(r, n);
	r->stack[r->depth++] = (struct open){
		.node = n,
		.anchor = anchor ? copy(r, anchor, strlen((const char *)anchor)) : STR_EMPTY,
		.wants_key = type == NODE_MAP,
	};
}

static int by_key(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
	int order = str_compare(x->key, y->key);
	if (order == 0 && x->key_line != y->key_line)
		return x->key_line < y->key_line ? -1 : 1;
	return order ? order : (x->key_column < y->key_column ? -1 : x->key_column > y->key_column);
}

/* Takes out the members whose keys have become empty. */
static void drop_unnamed(struct node *map)
{
	struct node **at = &map->u.list.first;
	while (*at) {
		if ((*at)->key.n == 0) {
			*at = (*at)->next;
			map->u.list.count--;
		} else {
			at = &(*at)->next;
		}
	}
}

/* The first stands. Sorting keeps this n log n where comparing each with each would let a file burn
 * the CPU. */
static void refuse_duplicates(struct reader *r, struct node *map)
{
	size_t n = 0;
	struct node **sorted = heap_alloc((map->u.list.count + 1) * sizeof(*sorted));
	for (struct node *m = map->u.list.first; m; m = m->next)
		sorted[n++] = m;
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (size_t i = 1, first = 0; i < n; i++) {
		struct node *again = sorted[i];
		if (again->key.n == 0 || !str_eq(sorted[first]->key, again->key)) {
			first = i;
			continue;
		}
		yaml_mark_t at = {.line = again->key_line - 1, .column = again->key_column - 1};
		note(r, at, "\"%.*s\" is written twice; first at line %u, column %u",
			STR_ARG(again->key), sorted[first]->key_line, sorted[first]->key_column);
		again->key = STR_EMPTY;
		sorted[first]->is_doubled = true;
	}
	free(sorted);
	drop_unnamed(map);
}

static void close_collection(struct reader *r)
{
	struct open *open = &r->stack[--r->depth];
	if (open->node->type == NODE_MAP)
		refuse_duplicates(r, open->node);
	remember_anchor(r, open->anchor, open->node);
}

/* --- aliases --------------------------------------------------------------------------------- */

static uint32_t height_of(const struct node *n)
{
	uint32_t highest = 0;
	if (n->type != NODE_LIST && n->type != NODE_MAP)
		return 0;
	for (const struct node *c = n->u.list.first; c; c = c->next) {
		uint32_t h = height_of(c);
		highest = h > highest ? h : highest;
	}
	return highest + 1;
}

/* The depth of what it copies is bounded by D2. */
static struct node *copy_tree(struct reader *r, const struct node *from, yaml_mark_t at)
{
	struct node *n = new_node(r, at, from->type);
	if (!n)
		return NULL;
	*n = *from;
	n->next = NULL;
	if (n->type != NODE_LIST && n->type != NODE_MAP)
		return n;
	struct node **end = &n->u.list.first;
	for (const struct node *c = from->u.list.first; c; c = c->next) {
		*end = copy_tree(r, c, at);
		if (!*end)
			return NULL;
		end = &(*end)->next;
	}
	return n;
}

static bool is_open(const struct reader *r, struct str anchor)
{
	for (uint32_t i = 0; i < r->depth; i++)
		if (str_eq(r->stack[i].anchor, anchor))
			return true;
	return false;
}

static void take_alias(struct reader *r, const yaml_event_t *e)
{
	struct str name = str_of((const char *)e->data.alias.anchor);
	const struct node *from = map_get(&r->anchors, name);
	if (at_key(r))
		fail(r, e->start_mark, "a key has to be a text, not an alias");
	else if (is_open(r, name))
		fail(r, e->start_mark, "alias *%.*s stands inside of what it names", STR_ARG(name));
	else if (!from)
		fail(r, e->start_mark, "alias *%.*s: no anchor of this name stands before it",
			STR_ARG(name));
	else if (++r->aliases > DOCUMENT_ALIASES_MAX)
		fail(r, e->start_mark, "more than %d aliases in one file", DOCUMENT_ALIASES_MAX);
	else if (r->depth + height_of(from) > DOCUMENT_DEPTH_MAX)
		fail(r, e->start_mark, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
	if (r->failed)
		return;
	struct node *n = copy_tree(r, from, e->start_mark);
	if (!n)
		return;
	n->key = STR_EMPTY; /* that of where it was anchored */
	n->key_line = n->key_column = 0;
	attach(r, n);
}

/* --- documents ------------------------------------------------------------------------------- */

static void end_document(struct reader *r, const yaml_event_t *e)
{
	map_deinit(&r->anchors);
	map_init(&r->anchors);
	struct node *root = r->root;
	struct mistake *mistakes = r->mistakes;
	r->root = NULL;
	r->mistakes = NULL;
	if (!root || (root->type == NODE_NULL && !mistakes))
		return;
	root->mistakes = mistakes;
	if (r->set->count == DOCUMENTS_PER_FILE_MAX) {
		fail(r, e->start_mark, "more than %d documents in one file",
			DOCUMENTS_PER_FILE_MAX);
		return;
	}
	if (r->last_root)
		r->last_root->next = root;
	else
		r->set->roots = root;
	r->last_root = root;
	r->set->count++;
}

static void take_event(struct reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		take_scalar(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		open_collection(
			r, e, NODE_LIST, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		open_collection(
			r, e, NODE_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_collection(r);
		break;
	case YAML_ALIAS_EVENT:
		take_alias(r, e);
		break;
	case YAML_DOCUMENT_END_EVENT:
		end_document(r, e);
		break;
	default:
		break;
	}
}

/* The byte at a mark of the parser, whose columns count characters; 0 beyond the end. */
static char byte_at(struct str text, yaml_mark_t at)
{
	struct str rest = text;
	for (size_t line = 0; line < at.line && rest.n > 0; line++)
		str_cut(&rest, '\n');
	for (size_t i = 0; i < at.column && rest.n > 0; i++) {
		size_t n = utf8_sequence(rest);
		rest = str_from(rest, n ? n : 1);
	}
	return rest.n > 0 ? rest.p[0] : '\0';
}

/* Where the bytes themselves are wrong there is no mark, only an offset. */
static yaml_mark_t mark_of_offset(struct str text, size_t offset)
{
	yaml_mark_t at = {0};
	for (size_t i = 0; i < offset && i < text.n; i++) {
		at.column++;
		if (text.p[i] == '\n') {
			at.line++;
			at.column = 0;
		}
	}
	return at;
}

static void tell_parser_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "not YAML";
	if (p->error == YAML_READER_ERROR) {
		yaml_mark_t at = mark_of_offset(r->text, p->problem_offset);
		fail(r, at, "not a UTF-8 text: %s", problem);
		return;
	}
	if (p->error == YAML_MEMORY_ERROR) {
		fail(r, (yaml_mark_t){0}, "out of memory");
		return;
	}
	char c = byte_at(r->text, p->problem_mark);
	if (c == '\t')
		fail(r, p->problem_mark, "a tab where YAML wants spaces");
	else if (p->context)
		fail(r, p->problem_mark, "%s %s (line %zu)", problem, p->context,
			p->context_mark.line + 1);
	else
		fail(r, p->problem_mark, "%s", problem);
}

static void read_events(struct reader *r)
{
	while (!r->failed) {
		yaml_event_t event;
		if (!yaml_parser_parse(&r->parser, &event)) {
			tell_parser_error(r);
			return;
		}
		bool is_end = event.type == YAML_STREAM_END_EVENT;
		take_event(r, &event);
		yaml_event_delete(&event);
		if (is_end)
			return;
	}
}

enum rc document_set_read(struct document_set *out, const char *file, struct str text,
	struct diagnostics *diagnostics)
{
	*out = (struct document_set){.pool = pool_new()};
	arena_init(&out->arena, out->pool, TREE_BYTES_MAX);
	struct str bom = STR("\xef\xbb\xbf");
	if (str_starts(text, bom))
		text = str_from(text, bom.n);
	struct reader *r = heap_zalloc(sizeof(*r));
	r->set = out;
	r->file = file;
	r->text = text;
	r->diagnostics = diagnostics;
	map_init(&r->anchors);
	CHECK(yaml_parser_initialize(&r->parser));
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.p, text.n);
	read_events(r);
	yaml_parser_delete(&r->parser);
	map_deinit(&r->anchors);
	bool failed = r->failed;
	free(r);
	return failed ? RC_INVALID : RC_OK;
}

void document_set_deinit(struct document_set *set)
{
	arena_reset(&set->arena);
	pool_free(set->pool);
	*set = (struct document_set){0};
}

const struct node *node_member(const struct node *map, struct str key)
{
	const struct node *n = map && map->type == NODE_MAP ? map->u.list.first : NULL;
	while (n && !str_eq(n->key, key))
		n = n->next;
	return n;
}
