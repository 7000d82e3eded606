/* SPDX-License-Identifier: Apache-2.0 */
/* config/formats.h - what `pattern` and `format` of a policy's schema mean.
 *
 *   expression  a text, or #[...] of the expression language     regex     a regular expression
 *   duration    500ms, 10s, 5m, 1h, 1d                           bytes     512, 64KiB, 1MiB, 1GiB
 *   ip-range    192.168.0.0/16, 10.1., 2001:db8::/32, ::1        uri       scheme://host...
 *   ip-ranges   any number of them, also 10.0.0.1-10.0.0.9, separated by commas or white space, with
 *               # comments
 *   origin      https://shop.example:8443, or *                  instant   2027-01-31T12:00:00Z, or a date
 *   service     http, https or h2://host[:port][/path]           secret    any text; redacted
 *   services    several of them with commas between, of which composition makes a list
 * The vendor's names `dataweave` and `ipRange` stand for expression and ip-range.
 */
#pragma once

#include "json/schema.h"

extern const struct schema_hooks format_hooks;

/* Format i, from 0; NULL behind the last. docs/sdk/definitions.md lists them. */
const char *format_name(size_t i);

/* Where in `value` its format breaks: a byte offset, or SIZE_MAX when that is not known. */
size_t format_error_offset(struct str value);
