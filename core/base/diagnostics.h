/* SPDX-License-Identifier: Apache-2.0 */
/* base/diagnostics.h - what is wrong with what an operator wrote: all of it, each with its place.
 *
 * Printed as  shop.yaml:41:9: spec.policies[0].config.rateLimit: unknown field; did you mean ...
 * Ownership   texts are copied; the object frees them. */
#pragma once

#include "base/buffer.h"
#include "base/str.h"

enum severity { SEVERITY_WARNING, SEVERITY_ERROR };

/* line and column count from 1; 0 means unknown. */
struct position {
	const char *file; /* borrowed for as long as whoever reads the position; NULL: unknown */
	uint32_t line;
	uint32_t column;
};

struct diagnostic {
	enum severity severity;
	struct position position; /* file is owned by the diagnostics */
	char *path;               /* owned: "spec.policies[0].config"; may be "" */
	char *message;            /* owned: one sentence, without a final stop */
	char *subject;            /* owned: the API it stubs, "namespace/name", or "" */
};

/* More than this are counted, not kept. */
#define DIAGNOSTICS_MAX 1000

struct diagnostics {
	struct diagnostic *items; /* owned */
	size_t count;
	size_t capacity;
	size_t dropped;
	size_t errors;
	size_t warnings;
};

void diagnostics_init(struct diagnostics *d);
void diagnostics_deinit(struct diagnostics *d);
void diagnostics_add(struct diagnostics *d, enum severity severity, struct position at,
	const char *path, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same with the subject that it concerns. */
void diagnostics_add_for(struct diagnostics *d, const char *subject, enum severity severity,
	struct position at, const char *path, const char *message);
/* Copies of all that `more` has. */
void diagnostics_append(struct diagnostics *d, const struct diagnostics *more);
/* One line each, in the order of file, line, column. */
void diagnostics_print(const struct diagnostics *d, struct buffer *out);
