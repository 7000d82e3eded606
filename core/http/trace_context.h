/* SPDX-License-Identifier: Apache-2.0 */
/* http/trace_context.h - whether traceparent and tracestate are what W3C Trace Context says. */
#pragma once

#include "base/str.h"

#define TRACE_ID_BYTES 32

/* A traceparent that may be passed on. `trace_id` is a view into it. A version that we do not know
 * is read as far as ours goes (W3C Trace Context 4.3). */
bool traceparent_is_valid(struct str value, struct str *trace_id);
/* At most 32 members and 8 KiB in all; the values of several fields are joined by commas before. */
bool tracestate_is_valid(struct str value);
