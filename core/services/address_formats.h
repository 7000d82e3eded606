/* SPDX-License-Identifier: Apache-2.0 */
/* services/address_formats.h - the grammars of what leads somewhere: hosts, mailboxes, URIs. Pure
 * functions of bytes. */
#pragma once

#include "base/str.h"

bool is_format_ip4(struct str s);
bool is_format_ip6(struct str s);
/* RFC 1123: labels of letters, digits and hyphens. What stands behind "xn--" is not decoded. */
bool is_format_hostname(struct str s);
/* RFC 5321 section 4.1.2, Mailbox: "a.b@host", "\"a b\"@host", "a@[192.0.2.1]". */
bool is_format_email(struct str s);
/* RFC 3986, with a scheme: "https://host/a?b#c", "mailto:a@b", "urn:isbn:1". */
bool is_format_uri(struct str s);
