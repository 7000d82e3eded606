/* SPDX-License-Identifier: Apache-2.0 */
/* services/schema_formats.h - what `pattern` and `format` of a message's schema mean.
 *
 *   date, time, date-time (RFC 3339)     uuid         ipv4, ipv6      hostname
 *   email                                uri          byte (base64)
 *
 * (services/address_formats.h has hosts, mailboxes and URIs.)
 *
 * A pattern is a bounded regular expression; one that is given up does not match. Any other format
 * says nothing.
 */
#pragma once

#include "json/schema.h"

extern const struct schema_hooks message_hooks;
