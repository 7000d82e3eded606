/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/outline.h - JSON for people: an indented outline, one value a line.
 *
 *   {"a": {"b": [1, "x"]}}   becomes   a:
 *                                        b:
 *                                          - 1
 *                                          - x
 *
 * Strings are unescaped but for control bytes, so that what a gateway reports cannot drive the
 * terminal. */
#pragma once

#include "base/buffer.h"

/* RC_INVALID when `json` is not one JSON value (or nests deeper than 64); `out` is then undefined.
 */
MUST_USE enum rc outline_of_json(struct str json, struct buffer *out);
