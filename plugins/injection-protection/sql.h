/* SPDX-License-Identifier: Apache-2.0 */
/* sql.h - whether a value, put into an SQL statement as it is, would change what the statement
 * does.
 *
 * A value is read as a database would read it in three places: where a number stands, and within
 * each kind of quotes. Of what comes out of a quote, or follows a number, only shapes that are SQL
 * and no prose count: README.md lists them. Linear in the value's length.
 *
 * Threads      pure.
 */
#pragma once

#include "sluice/sluice.h"

/* The name of the shape that was found ("union", "tautology", ...), or NULL. */
const char *sql_injection(struct sluice_str value);
