/* SPDX-License-Identifier: Apache-2.0 */
/* parameter.h - parameters of a request, read as their style says and judged by their schemas.
 *
 * A value is a text; which JSON value it stands for, the types of its schema decide: a number where
 * one is allowed and it looks like one, then a boolean, else a string. Where both a number and a
 * string are, either may fit.
 */
#pragma once

#include "spec.h"

struct pair {
	struct sluice_str name;  /* decoded */
	struct sluice_str value; /* raw */
	uint32_t order;          /* of the request */
	int is_taken;            /* some parameter is it, or has it */
};
struct pairs {
	struct pair *items; /* in the exchange's memory */
	size_t count;
};

/* What does not fit: "query parameter \"limit\" (maximum)". */
struct complaint {
	char text[400];
	size_t n;
};

struct check {
	const struct sluice_call *call;
	struct sluice_exchange *exchange;
	const struct spec *spec;
	const struct operation *operation;
	struct template_values path;
	struct pairs query, cookies;
	struct complaint *complaint;
};

/* 1: fits; 0: does not, the complaint says why; -1: no memory. */
int check_parameters(struct check *c, int is_strict);
/* name=value pairs of a query or a form. Names decoded, + as a space. 0: no memory. */
int pairs_parse(const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str text,
	struct pairs *out);
/* The object that a form is, by the types of the schema's properties; sorts the pairs. 0: no
 * memory. */
int pairs_to_json(const struct check *c, const struct sluice_schema *schema, struct pairs *pairs,
	int strings_only, struct text *json);
void complain(struct complaint *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
