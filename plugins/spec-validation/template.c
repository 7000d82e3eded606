/* SPDX-License-Identifier: Apache-2.0 */
#include "template.h"

#include <string.h>

/* --- building -------------------------------------------------------------------------------- */
static int names_add(struct template_values *names, struct sluice_str name, const char **why)
{
	*why = "too many parameters";
	if (names->count == TEMPLATE_VALUES_MAX)
		return 0;
	*why = "a parameter without a name";
	if (name.n == 0 || memchr(name.p, '{', name.n))
		return 0;
	*why = "a parameter's name stands twice";
	for (size_t i = 0; i < names->count; i++)
		if (str_equal(names->items[i], name))
			return 0;
	names->items[names->count++] = name;
	return 1;
}

static int segment_parse(
	struct sluice_str text, struct segment *s, struct template_values *names, const char **why)
{
	*s = (struct segment){0};
	for (;;) {
		const char *open = text.n ? memchr(text.p, '{', text.n) : NULL;
		size_t n = open ? (size_t)(open - text.p) : text.n;
		*why = "braces that do not match";
		if (text.n && memchr(text.p, '}', n))
			return 0;
		s->literals[s->literal_count++] = (struct sluice_str){text.p, n};
		s->literal_bytes += n;
		if (!open)
			return 1;
		text = (struct sluice_str){open + 1, text.n - n - 1};
		const char *close = text.n ? memchr(text.p, '}', text.n) : NULL;
		if (!close)
			return 0;
		if (!names_add(names, (struct sluice_str){text.p, (size_t)(close - text.p)}, why))
			return 0;
		*why = "two parameters without anything between, or too many";
		text = (struct sluice_str){close + 1, text.n - (size_t)(close - text.p) - 1};
		if (s->literal_count == SEGMENT_PIECES_MAX || (text.n && text.p[0] == '{'))
			return 0;
	}
}

static int segment_equal(const struct segment *a, const struct segment *b)
{
	if (a->literal_count != b->literal_count)
		return 0;
	for (size_t i = 0; i < a->literal_count; i++)
		if (!str_equal(a->literals[i], b->literals[i]))
			return 0;
	return 1;
}

/* Whether a is tried before b. */
static int goes_before(const struct segment *a, const struct segment *b)
{
	int a_is_literal = a->literal_count == 1, b_is_literal = b->literal_count == 1;
	if (a_is_literal != b_is_literal)
		return a_is_literal;
	return a->literal_bytes > b->literal_bytes;
}

static struct template_node *child_of(
	struct pool *pool, struct template_node *node, const struct segment *s)
{
	struct template_node **at = &node->children;
	for (struct template_node *c = node->children; c; c = c->next)
		if (segment_equal(&c->segment, s))
			return c;
	while (*at && !goes_before(s, &(*at)->segment))
		at = &(*at)->next;
	struct template_node *child = pool_alloc(pool, sizeof(*child));
	if (!child)
		return NULL;
	child->segment = *s;
	child->next = *at;
	return *at = child;
}

struct template_node *template_add(struct pool *pool, struct template_node *root,
	struct sluice_str path, struct template_values *names, const char **why)
{
	struct template_node *node = root;
	names->count = 0;
	str_cut(&path, '/');
	for (size_t depth = 0; path.p; depth++) {
		struct segment s;
		*why = "too many segments";
		if (depth == TEMPLATE_SEGMENTS_MAX)
			return NULL;
		if (!segment_parse(str_cut(&path, '/'), &s, names, why))
			return NULL;
		*why = "no memory";
		node = child_of(pool, node, &s);
		if (!node)
			return NULL;
	}
	return node;
}

/* --- finding --------------------------------------------------------------------------------- */
static int starts(struct sluice_str s, struct sluice_str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* A parameter takes at least one byte, and ends at the first place where its literal comes. */
static int segment_match(
	const struct segment *s, struct sluice_str text, struct template_values *values)
{
	if (s->literal_count == 1)
		return str_equal(s->literals[0], text);
	if (!starts(text, s->literals[0]))
		return 0;
	text = (struct sluice_str){text.p + s->literals[0].n, text.n - s->literals[0].n};
	for (size_t i = 1; i < s->literal_count; i++) {
		struct sluice_str behind = s->literals[i];
		int is_last = i + 1 == s->literal_count;
		if (text.n < behind.n + 1)
			return 0;
		const char *at = text.p + text.n - behind.n;
		if (is_last && behind.n && memcmp(at, behind.p, behind.n) != 0)
			return 0;
		if (!is_last)
			at = memmem(text.p + 1, text.n - 1, behind.p, behind.n);
		if (!at || values->count == TEMPLATE_VALUES_MAX)
			return 0;
		size_t n = (size_t)(at - text.p);
		values->items[values->count++] = (struct sluice_str){text.p, n};
		text = (struct sluice_str){at + behind.n, text.n - n - behind.n};
	}
	return 1;
}

/* Recurses as deep as the tree is. */
static void *find(
	const struct template_node *node, struct sluice_str rest, struct template_values *values)
{
	if (!rest.p)
		return node->item;
	struct sluice_str text = str_cut(&rest, '/');
	size_t count = values->count;
	for (const struct template_node *c = node->children; c; c = c->next) {
		if (!segment_match(&c->segment, text, values)) {
			values->count = count;
			continue;
		}
		void *item = find(c, rest, values);
		if (item)
			return item;
		values->count = count;
	}
	return NULL;
}

void *template_find(
	const struct template_node *root, struct sluice_str path, struct template_values *values)
{
	values->count = 0;
	str_cut(&path, '/');
	return find(root, path, values);
}
