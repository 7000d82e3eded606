/* SPDX-License-Identifier: Apache-2.0 */
/* ledger/content.h - the bytes of a body, which follow from its nonce and direction alone.
 *
 * Both ends compute every byte, so a body needs no hash beside it, and one that belongs to another
 * request, is shifted, cut or doubled differs at once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum direction { UPLOAD = 1, DOWNLOAD = 2 };

/* Writes bytes at..at+n of the body. */
void content_write(uint64_t nonce, enum direction direction, uint64_t at, char *to, size_t n);
/* Whether `p` holds just these. */
bool content_matches(
	uint64_t nonce, enum direction direction, uint64_t at, const char *p, size_t n);
