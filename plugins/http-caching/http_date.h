/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/http_date.h - dates of fields (RFC 9110 5.6.7), in all three forms.
 *
 * Threads      pure functions.
 */
#pragma once

#include "sluice/sluice.h"

/* Seconds since 1970. `now_s` tells the century of a year of two digits. 0: it is no date. */
int http_date_parse(struct sluice_str text, int64_t now_s, int64_t *seconds);
