/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/targeted.h - fields of caching that are meant for us alone (RFC 9213): CDN-Cache-Control.
 *
 * A dictionary of structured fields (RFC 8941 3.2). It counts instead of Cache-Control and Expires when
 * all of it can be read and it is not empty.
 *
 * Threads      pure functions.
 */
#pragma once

#include "cache_control.h"

/* All fields' values, joined by commas. 0: it is empty or broken, and *cc means nothing. */
int targeted_parse(struct sluice_str value, struct cache_control *cc);
