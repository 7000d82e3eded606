/* SPDX-License-Identifier: Apache-2.0 */
/* process/endpoint_report.h - endpoints of services, for `status` and for the metrics. */
#pragma once

#include "generation/generation.h"

/* `"endpoints":[...]`, with a comma behind what stands before it; nothing of a service with one
 * address. */
void endpoint_report_add(struct buffer *b, struct service *s, int64_t now_ms);
/* Gauges of all of them; `current` may be NULL. */
void endpoint_report_metrics(const struct generation *current, int64_t now_ms, struct buffer *b);
