/* SPDX-License-Identifier: Apache-2.0 */
/* scan.h - one pass over a JSON text (RFC 8259) that checks it and its structure.
 *
 * Iterative: nesting costs a word of the scanner's memory and no stack. Nothing is built. Strict:
 * UTF-8 is validated, no byte order mark, no lone surrogates, nothing behind the value.
 *
 * Ownership    a scanner keeps its memory between texts; scanner_deinit frees it.
 * Threads      one at a time.
 */
#pragma once

#include "sluice/crypto.h"

/* "Unlimited" nesting ends here: no parser that recurses gets this far. 512 KiB of memory. */
#define SCAN_DEPTH_MAX 65536

struct scan_limits {
	/* Each -1 or the largest that passes; lengths in characters. */
	int64_t depth, entries, name_length, elements, string_length, number_length;
	int unique_names;
};

enum scan_verdict {
	SCAN_OK,
	SCAN_INVALID,
	SCAN_DEPTH,
	SCAN_ENTRIES,
	SCAN_NAME_LENGTH,
	SCAN_ELEMENTS,
	SCAN_STRING_LENGTH,
	SCAN_NUMBER_LENGTH,
	SCAN_DUPLICATE,
	SCAN_MEMORY /* the instance's budget is spent */
};

/* A name that was seen: equal hashes under a random key count as equal names. */
struct scan_name {
	uint64_t hash;
	uint32_t object;
	uint32_t text; /* of which text; 0: free */
};

struct scanner {
	const struct sluice_host *host;   /* for memory */
	struct sluice_instance *instance; /* whose account it is on */
	const struct sluice_crypto_service *crypto;
	uint8_t key[16];
	uint64_t *levels; /* owned: kind, serial number and count of each open container */
	size_t level_capacity;
	struct scan_name *names; /* owned: open addressing, a power of two; NULL at first */
	size_t name_capacity, name_count;
	char *decoded; /* owned: a name with escapes */
	size_t decoded_capacity;
	uint32_t text;   /* serial number of the text */
	uint32_t object; /* and of the last container in it */
};

/* 0, or -1: no randomness, which only unique_names needs. */
int scanner_init(struct scanner *s, const struct sluice_call *call,
	const struct sluice_crypto_service *crypto);
void scanner_deinit(struct scanner *s);
/* *at: the byte at which the verdict fell. */
enum scan_verdict scan(
	struct scanner *s, const struct scan_limits *limits, struct sluice_str text, size_t *at);
