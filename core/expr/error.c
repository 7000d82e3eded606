/* SPDX-License-Identifier: Apache-2.0 */
/* expr/error.c - the sentences that an operator reads. */
#include <stdarg.h>
#include <stdio.h>

#include "base/nearest.h"
#include "expr/expr_priv.h"

void error_set(struct expr_error *error, size_t offset, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	error->offset = offset;
}

static const char *const type_names[] = {
	"null", "boolean", "number", "string", "array", "object", "regular expression"};

const char *expr_type_name(enum expr_type t)
{
	return type_names[t];
}

struct line {
	char text[160];
	size_t n;
};

static void line_add(struct line *l, const char *s)
{
	int n = snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s", s);
	l->n += (size_t)n < sizeof(l->text) - l->n ? (size_t)n : sizeof(l->text) - l->n - 1;
}

static const char *article_of(const char *name)
{
	if (strcmp(name, "null") == 0)
		return "";
	return strchr("aeiou", name[0]) ? "an " : "a ";
}

static void line_add_types(struct line *l, unsigned types, bool with_articles)
{
	size_t count = ARRAY_COUNT(type_names);
	unsigned left = types & ((1u << count) - 1);
	for (size_t i = 0; i < count; i++) {
		if (!(left & 1u << i))
			continue;
		if (left != types)
			line_add(l, left == 1u << i ? " or " : ", ");
		line_add(l, with_articles ? article_of(type_names[i]) : "");
		line_add(l, type_names[i]);
		left &= ~(1u << i);
	}
}

void error_set_type(struct expr_error *error, size_t offset, const char *who, unsigned operand,
	unsigned expected, unsigned found)
{
	static const char *const places[] = {"", " on its left", " on its right"};
	char place[32] = "";
	struct line wants = {.n = 0}, has = {.n = 0};
	/* null is what is missing, hardly ever what is wanted. */
	line_add_types(&wants, expected == NUL ? NUL : expected & ~NUL, true);
	line_add_types(&has, found, false);
	if (operand >= OPERAND_ARGUMENT)
		snprintf(place, sizeof(place), " as argument %u", operand - OPERAND_ARGUMENT + 1);
	else
		snprintf(place, sizeof(place), "%s", places[operand]);
	error_set(error, offset, "%s expects %s%s, found %s%s", who, wants.text, place, has.text,
		found == NUL ? "; \"default\" can replace it" : "");
}

/* More would not fit into a message. */
#define LISTED_NAMES_MAX 12

void error_set_unknown(struct expr_error *error, size_t offset, const char *what, struct str name,
	const char *const *known, size_t known_count)
{
	struct line list = {.n = 0};
	const char *nearest = nearest_name(name, known, known_count);
	int shown = name.n > 40 ? 40 : (int)name.n;
	for (size_t i = 0; known_count <= LISTED_NAMES_MAX && i < known_count; i++) {
		line_add(&list, i ? ", " : "; expected ");
		line_add(&list, known[i]);
	}
	if (nearest)
		error_set(error, offset, "unknown %s \"%.*s\"; did you mean \"%s\"?", what, shown,
			name.p, nearest);
	else
		error_set(error, offset, "unknown %s \"%.*s\"%s", what, shown, name.p, list.text);
}
