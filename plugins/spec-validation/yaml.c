/* SPDX-License-Identifier: Apache-2.0 */
#include "yaml.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX      100
#define EXPANSION_FREE (1u << 20)
#define NUMBER_MAX     64

struct writer {
	yaml_document_t document;
	struct text *json;
	size_t bytes_max;
	char *message;
	size_t message_size;
};

static int fail(struct writer *w, yaml_mark_t at, const char *why)
{
	snprintf(w->message, w->message_size, "line %zu, column %zu: %s", at.line + 1,
		at.column + 1, why);
	return -1;
}

/* --- scalars --------------------------------------------------------------------------------- */
static int is_one_of(struct sluice_str s, const char *const *words)
{
	for (; *words; words++)
		if (str_equal(s, (struct sluice_str){*words, strlen(*words)}))
			return 1;
	return 0;
}

/* [-+]? digits with an optional fraction and exponent, which JSON writes otherwise: +1, 007, .5, 2.
 */
static int is_decimal(struct sluice_str s)
{
	size_t digits = 0, i = s.n && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
	for (int dots = 0;
		i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] == '.' && !dots)); i++) {
		dots += s.p[i] == '.';
		digits += s.p[i] != '.';
	}
	if (digits == 0)
		return 0;
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i++;
		if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
			i++;
		if (i == s.n)
			return 0;
		while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
			i++;
	}
	return i == s.n;
}

/* 0x1F, 0o17 */
static int is_based(const char *text, unsigned long long *value)
{
	int base = strncmp(text, "0x", 2) == 0 ? 16 : strncmp(text, "0o", 2) == 0 ? 8 : 0;
	char *end = NULL;
	if (!base || !text[2] || text[2] == '-' || text[2] == '+' || text[2] == ' ')
		return 0;
	errno = 0;
	*value = strtoull(text + 2, &end, base);
	return *end == '\0';
}

/* 0: it is none that JSON has. Integers beyond 64 bits become reals. */
static int put_number(struct text *json, struct sluice_str s)
{
	char text[NUMBER_MAX + 1], out[64];
	unsigned long long based;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	double real = strtod(text, NULL);
	int n = snprintf(out, sizeof(out), "%.17g", real);
	if (is_based(text, &based)) {
		if (errno == ERANGE)
			return 0;
		n = snprintf(out, sizeof(out), "%llu", based);
	} else if (!isfinite(real)) {
		return 0;
	} else if (strspn(text, "+-0123456789") == s.n) {
		errno = 0;
		long long integer = strtoll(text, NULL, 10);
		if (errno != ERANGE)
			n = snprintf(out, sizeof(out), "%lld", integer);
	} else if (str_is_number(s)) {
		text_add(json, s); /* as it was written */
		return 1;
	}
	text_add(json, (struct sluice_str){out, (size_t)n});
	return 1;
}

/* 0: a number that JSON does not have. */
static int put_plain(struct text *json, struct sluice_str s)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const truths[] = {"true", "True", "TRUE", NULL};
	static const char *const lies[] = {"false", "False", "FALSE", NULL};
	unsigned long long based;
	if (is_one_of(s, nulls))
		text_add(json, SLUICE_STR("null"));
	else if (is_one_of(s, truths))
		text_add(json, SLUICE_STR("true"));
	else if (is_one_of(s, lies))
		text_add(json, SLUICE_STR("false"));
	else if (s.n <= NUMBER_MAX && (is_decimal(s) || is_based(s.p, &based)))
		return put_number(json, s);
	else
		text_add_json(json, s);
	return 1;
}

static struct sluice_str scalar_of(const yaml_node_t *n)
{
	return (struct sluice_str){(const char *)n->data.scalar.value, n->data.scalar.length};
}

static int put_scalar(struct writer *w, const yaml_node_t *n)
{
	static const char *const unreal[] = {".inf", ".Inf", ".INF", "+.inf", "-.inf", "+.Inf",
		"-.Inf", "+.INF", "-.INF", ".nan", ".NaN", ".NAN", NULL};
	struct sluice_str s = scalar_of(n);
	if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
		text_add_json(w->json, s);
		return 0;
	}
	if (is_one_of(s, unreal) || !put_plain(w->json, s))
		return fail(w, n->start_mark, "a number that JSON does not have");
	return 0;
}

/* --- collections ----------------------------------------------------------------------------- */
static int put_node(struct writer *w, int index, unsigned depth);

static int put_sequence(struct writer *w, const yaml_node_t *n, unsigned depth)
{
	text_add_char(w->json, '[');
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
		i++) {
		if (i > n->data.sequence.items.start)
			text_add_char(w->json, ',');
		if (put_node(w, *i, depth + 1) != 0)
			return -1;
	}
	text_add_char(w->json, ']');
	return 0;
}

static int put_key(struct writer *w, const yaml_node_t *n, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key = yaml_document_get_node(&w->document, pair->key);
	if (!key || key->type != YAML_SCALAR_NODE)
		return fail(w, n->start_mark, "a key that is no scalar");
	struct sluice_str name = scalar_of(key);
	if (str_equal(name, SLUICE_STR("<<")))
		return fail(w, key->start_mark, "merge keys are not supported");
	for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < pair; p++)
		if (str_equal(name, scalar_of(yaml_document_get_node(&w->document, p->key))))
			return fail(w, key->start_mark, "duplicate key");
	text_add_json(w->json, name);
	text_add_char(w->json, ':');
	return 0;
}

static int put_mapping(struct writer *w, const yaml_node_t *n, unsigned depth)
{
	text_add_char(w->json, '{');
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
		p++) {
		if (p > n->data.mapping.pairs.start)
			text_add_char(w->json, ',');
		if (put_key(w, n, p) != 0 || put_node(w, p->value, depth + 1) != 0)
			return -1;
	}
	text_add_char(w->json, '}');
	return 0;
}

static int put_node(struct writer *w, int index, unsigned depth)
{
	const yaml_node_t *n = yaml_document_get_node(&w->document, index);
	if (!n)
		return -1;
	if (depth > DEPTH_MAX)
		return fail(w, n->start_mark, "nested too deeply, or within itself");
	if (w->json->n > w->bytes_max || w->json->failed)
		return fail(w, n->start_mark, "the description is too large, with its aliases");
	switch (n->type) {
	case YAML_SEQUENCE_NODE:
		return put_sequence(w, n, depth);
	case YAML_MAPPING_NODE:
		return put_mapping(w, n, depth);
	default:
		return put_scalar(w, n);
	}
}

/* --- documents ------------------------------------------------------------------------------- */
static int fail_parser(struct writer *w, const yaml_parser_t *parser)
{
	return fail(w, parser->problem_mark, parser->problem ? parser->problem : "no YAML");
}

static int put_document(struct writer *w)
{
	const yaml_node_t *root = yaml_document_get_root_node(&w->document);
	if (!root) {
		snprintf(w->message, w->message_size, "the description is empty");
		return -1;
	}
	return put_node(w, 1, 0);
}

/* That nothing comes behind the first document. */
static int expect_end(struct writer *w, yaml_parser_t *parser)
{
	yaml_document_t next;
	if (!yaml_parser_load(parser, &next))
		return fail_parser(w, parser);
	yaml_mark_t at = next.start_mark;
	int is_end = yaml_document_get_root_node(&next) == NULL;
	yaml_document_delete(&next);
	return is_end ? 0 : fail(w, at, "a second document");
}

int yaml_to_json(struct sluice_str yaml, struct text *json, char *message, size_t message_size)
{
	struct writer w = {.json = json, .message = message, .message_size = message_size};
	yaml_parser_t parser;
	w.bytes_max = yaml.n > EXPANSION_FREE / 10 ? 10 * yaml.n : EXPANSION_FREE;
	snprintf(message, message_size, "no memory");
	if (!yaml_parser_initialize(&parser))
		return -1;
	yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.p, yaml.n);
	int rc = -1;
	if (yaml_parser_load(&parser, &w.document)) {
		rc = put_document(&w);
		if (rc == 0 && json->failed)
			rc = -1;
		if (rc == 0)
			rc = expect_end(&w, &parser);
		yaml_document_delete(&w.document);
	} else {
		fail_parser(&w, &parser);
	}
	yaml_parser_delete(&parser);
	return rc;
}
