/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diagnostics.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void diagnostics_init(struct diagnostics *d)
{
	*d = (struct diagnostics){0};
}

void diagnostics_deinit(struct diagnostics *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free((void *)d->items[i].position.file);
		free(d->items[i].path);
		free(d->items[i].message);
		free(d->items[i].subject);
	}
	free(d->items);
	diagnostics_init(d);
}

void diagnostics_add_for(struct diagnostics *d, const char *subject, enum severity severity,
	struct position at, const char *path, const char *message)
{
	if (severity == SEVERITY_ERROR)
		d->errors++;
	else
		d->warnings++;
	if (d->count == DIAGNOSTICS_MAX) {
		d->dropped++;
		return;
	}
	if (d->count == d->capacity) {
		d->capacity = d->capacity ? d->capacity * 2 : 16;
		d->items = heap_realloc(d->items, d->capacity * sizeof(struct diagnostic));
	}
	d->items[d->count++] = (struct diagnostic){
		.severity = severity,
		.position = {at.file ? heap_strdup(at.file) : NULL, at.line, at.column},
		.path = heap_strdup(path ? path : ""),
		.message = heap_strdup(message),
		.subject = heap_strdup(subject ? subject : ""),
	};
}

void diagnostics_add(struct diagnostics *d, enum severity severity, struct position at,
	const char *path, const char *format, ...)
{
	char *message = NULL;
	va_list args;
	va_start(args, format);
	int n = vasprintf(&message, format, args);
	va_end(args);
	diagnostics_add_for(d, "", severity, at, path, n < 0 ? "out of memory" : message);
	free(n < 0 ? NULL : message);
}

void diagnostics_append(struct diagnostics *d, const struct diagnostics *more)
{
	size_t errors = d->errors + more->errors, warnings = d->warnings + more->warnings;
	for (size_t i = 0; i < more->count; i++) {
		const struct diagnostic *g = &more->items[i];
		diagnostics_add_for(d, g->subject, g->severity, g->position, g->path, g->message);
	}
	d->dropped += more->dropped;
	d->errors = errors; /* with those that were dropped */
	d->warnings = warnings;
}

static int compare_u32(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int by_position(const void *x, const void *y)
{
	const struct diagnostic *a = *(const struct diagnostic *const *)x;
	const struct diagnostic *b = *(const struct diagnostic *const *)y;
	int order = str_compare(str_of(a->position.file), str_of(b->position.file));
	if (order == 0)
		order = compare_u32(a->position.line, b->position.line);
	if (order == 0)
		order = compare_u32(a->position.column, b->position.column);
	return order ? order : (a < b ? -1 : a > b);
}

static void print_one(const struct diagnostic *g, struct buffer *out)
{
	const struct position *at = &g->position;
	if (at->file)
		buffer_addf(out, "%s:", at->file);
	if (at->line)
		buffer_addf(out, "%u:%u:", at->line, at->column);
	if (at->file || at->line)
		buffer_add_char(out, ' ');
	if (g->severity == SEVERITY_WARNING)
		buffer_add(out, STR("warning: "));
	if (g->path[0])
		buffer_addf(out, "%s: ", g->path);
	buffer_addf(out, "%s\n", g->message);
}

void diagnostics_print(const struct diagnostics *d, struct buffer *out)
{
	const struct diagnostic **sorted = heap_alloc((d->count + 1) * sizeof(*sorted));
	for (size_t i = 0; i < d->count; i++)
		sorted[i] = &d->items[i];
	qsort(sorted, d->count, sizeof(*sorted), by_position);
	for (size_t i = 0; i < d->count; i++)
		print_one(sorted[i], out);
	free(sorted);
	if (d->dropped)
		buffer_addf(out, "... and %zu more\n", d->dropped);
}
