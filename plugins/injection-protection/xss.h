/* SPDX-License-Identifier: Apache-2.0 */
/* xss.h - whether a value, put into a page as it is, would run a script in it.
 *
 * README.md lists the shapes. Linear in the value's length.
 *
 * Threads      pure.
 */
#pragma once

#include "sluice/sluice.h"

/* The name of the shape that was found ("element", "handler", ...), or NULL. */
const char *xss_attack(struct sluice_str value);
