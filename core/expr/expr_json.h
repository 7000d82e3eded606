/* SPDX-License-Identifier: Apache-2.0 */
/* expr/expr_json.h - a JSON text as a value: what `payload` is. */
#pragma once

#include "expr/expr.h"

/* Everything is copied into the arena. RC_INVALID: no JSON; RC_FULL: the arena is spent. */
MUST_USE enum rc expr_from_json(struct str text, struct arena *arena, struct expr_value *out);
