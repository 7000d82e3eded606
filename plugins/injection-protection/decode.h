/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h - values as they read, once decoded.
 *
 * Outputs have room for what goes in: nothing gets longer. Escapes that are none stay as they are.
 *
 * Threads      pure.
 */
#pragma once

#include "sluice/sluice.h"

/* %XX, %uXXXX as some servers take it, and + as a space where `plus` is set. */
size_t decode_percent(struct sluice_str in, int plus, char *out);
/* The inside of a JSON string. */
size_t decode_json(struct sluice_str in, char *out);
/* &lt; &gt; &amp; &quot; &apos; and numbers. */
size_t decode_xml(struct sluice_str in, char *out);
