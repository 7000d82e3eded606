/* SPDX-License-Identifier: Apache-2.0 */
/* template.h - path templates ("/users/{id}") as a tree by segments.
 *
 * A literal segment goes before a templated one, and of those the one with more literal bytes. A
 * lookup visits each node of the tree at most once.
 *
 * Threads      built in `configure`; then immutable.
 */
#pragma once

#include "memory.h"

#define TEMPLATE_SEGMENTS_MAX 64
#define TEMPLATE_VALUES_MAX   32
#define SEGMENT_PIECES_MAX    8

/* One segment: literal, {}, literal, {}, ..., literal; one literal alone when it has no parameter.
 */
struct segment {
	struct sluice_str literals[SEGMENT_PIECES_MAX];
	size_t literal_count;
	size_t literal_bytes;
};

struct template_node {
	struct template_node *next; /* sibling, in the order in which they are tried */
	struct template_node *children;
	struct segment segment;
	void *item; /* what was added there, or NULL */
};

/* What stood for each {} of the path, raw. */
struct template_values {
	struct sluice_str items[TEMPLATE_VALUES_MAX];
	size_t count;
};

/* Finds or makes the node of `path`; `names` gets what stands between the braces. NULL: *why says
 * it. */
struct template_node *template_add(struct pool *pool, struct template_node *root,
	struct sluice_str path, struct template_values *names, const char **why);
/* The item of the node that fits the path best; NULL. */
void *template_find(
	const struct template_node *root, struct sluice_str path, struct template_values *values);
