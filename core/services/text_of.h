/* SPDX-License-Identifier: Apache-2.0 */
/* services/text_of.h - what an expression of the gateway's own configuration makes of a request. */
#pragma once

#include "expr/expr.h"

struct sluice_exchange;

/* Its text as expressions see the request, in the exchange's arena. False: it is null, or no text,
 * or could not be told. */
bool services_text_of(const struct expr *e, struct sluice_exchange *x, struct str *out);
