/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-web/text.h - base64 of gRPC-Web's text form.
 *
 * What is sent at once is encoded for itself, so padding may stand behind any group of four digits,
 * not only the last (PROTOCOL-WEB.md of gRPC, RFC 4648 section 4).
 *
 * Threads      pure functions of their arguments. */
#pragma once

#include "sluice/sluice.h"

#define TEXT_GROUP_BYTES  3
#define TEXT_GROUP_DIGITS 4

/* A group that is not whole yet; zeros at first. */
struct text_group {
	size_t n;
	char digits[TEXT_GROUP_DIGITS];
};

/* Takes the next digits. `out` has room for the bytes of (in.n + 3) / 4 groups; how many they are,
 * or SLUICE_E_INVALID: it is no base64. */
int64_t text_decode(struct text_group *g, struct sluice_str in, char *out);
/* One group of 1 to 3 bytes. */
void text_encode(const char *bytes, size_t n, char out[TEXT_GROUP_DIGITS]);
