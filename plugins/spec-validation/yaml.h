/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - YAML 1.2 (core schema) to JSON, bounded.
 *
 * One document. Refused: duplicate keys, keys that are no scalars, merge keys, infinities, nesting
 * beyond 100, and aliases that make the text more than ten times as long (beyond 1 MiB).
 */
#pragma once

#include "memory.h"

/* 0, or -1 with "line 3, column 7: why" in `message`. */
int yaml_to_json(struct sluice_str yaml, struct text *json, char *message, size_t message_size);
