/* SPDX-License-Identifier: Apache-2.0 */
/* plan/plan_priv.h - the binary form of a plan. All numbers are little-endian.
 *
 *   header    magic, version, length of the whole, checksum of all behind it, three counts
 *   lengths   u32 each: of the strings, without their final NUL
 *   strings   in ascending order, each different, each with a final NUL; number 0 is ""
 *   nodes     24 bytes each, level by level: the root, then the children of the first node that has
 *             some, of the second, ...
 *
 * Level by level the place of a list's children follows from the counts before it, so no offset is
 * stored that would have to be checked, and one pass fills the arrays. Strings are different and in
 * order, so two keys are equal when their numbers are, and one mark per string finds keys that
 * repeat.
 */
#pragma once

#include "plan/plan.h"

#include <endian.h>

#define PLAN_MAGIC   "sluicePL"
#define PLAN_VERSION 1

enum {
	PLAN_AT_VERSION = 8,
	PLAN_AT_LENGTH = 12,
	PLAN_AT_CHECKSUM = 16,
	PLAN_AT_STRING_COUNT = 24,
	PLAN_AT_NODE_COUNT = 28,
	PLAN_AT_STRING_BYTES = 32, /* with the NULs */
	PLAN_HEADER_BYTES = 36,
};

enum {
	PLAN_NODE_KEY = 0,  /* number of a string; 0 for what is no member, too */
	PLAN_NODE_FILE = 4, /* number of a string; 0: no position */
	PLAN_NODE_LINE = 8,
	PLAN_NODE_COLUMN = 12, /* type in the low byte, column above it */
	PLAN_NODE_VALUE = 16,  /* u64: the scalar, number of a string, or count of children */
	PLAN_NODE_BYTES = 24,
};

#define PLAN_COLUMN_MAX 0xffffffu

/* With parts (plan_parts.h): magic, version, length and checksum stand at the same places. */
#define PLAN_PARTS_VERSION 2

enum {
	PLAN_PARTS_AT_SUMMED = 24, /* the checksum begins here */
	PLAN_PARTS_AT_TREE_BYTES = PLAN_PARTS_AT_SUMMED,
	PLAN_PARTS_AT_COUNT = 28,
	PLAN_PARTS_AT_TABLE_BYTES = 32,
	PLAN_PARTS_HEADER_BYTES = 36,
};

struct plan_parts;

struct plan {
	char *strings;           /* owned: their bytes, each with a NUL */
	struct plan_node *nodes; /* owned: the root is the first */
	uint64_t digest;
	struct plan_parts *parts; /* owned; NULL: all of it is in the nodes */
};

/* Of bytes without parts. */
enum rc plan_decode_tree(struct str bytes, struct plan **out, char *message, size_t message_size);
bool plan_is_tree(struct str bytes);
bool plan_has_parts(struct str bytes);
void plan_parts_free(struct plan_parts *parts);

static inline uint32_t plan_load32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t plan_load64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void plan_store32(char *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void plan_store64(char *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

/* Every bit of the result depends on every bit of x. */
static inline uint64_t plan_mix(uint64_t x)
{
	x = (x ^ (x >> 32)) * 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 29)) * 0xd6e8feb86659fd93;
	return x ^ (x >> 32);
}

/* Eight bytes a step: 20 MB take 8 ms, where FNV-1a byte by byte took 25. */
static inline uint64_t plan_hash_bytes(struct str s)
{
	uint64_t h = s.n;
	size_t i = 0;
	for (; s.n - i >= 8; i += 8)
		h = ((h ^ plan_load64(s.p + i)) * 0x9e3779b97f4a7c15) ^ (h >> 31);
	uint64_t last = 0;
	for (; i < s.n; i++)
		last = last << 8 | (unsigned char)s.p[i];
	return plan_mix(h ^ last);
}

/* What the header's checksum has to be; `bytes` holds a whole header. */
static inline uint64_t plan_checksum(struct str bytes)
{
	return plan_hash_bytes(str_from(bytes, PLAN_AT_STRING_COUNT));
}

/* The same of one with parts: over the tree and the table, which end at `summed_end`. The contents
 * have their SHA-256 in the table. */
static inline uint64_t plan_parts_checksum(struct str bytes, size_t summed_end)
{
	return plan_hash_bytes(
		str_slice(bytes, PLAN_PARTS_AT_SUMMED, summed_end - PLAN_PARTS_AT_SUMMED));
}

/* --- the writer ------------------------------------------------------------------------------ */
#define PLAN_NONE UINT32_MAX
/* A type that only drafts and fragments have: a value that is known later, by the name in it. */
#define PLAN_TARGET ((enum plan_type)(PLAN_OBJECT + 1))

struct draft {
	enum plan_type type;
	uint32_t key; /* numbers of strings */
	uint32_t file;
	uint32_t line;
	uint32_t column;
	uint32_t first; /* child, and next sibling: PLAN_NONE at the end */
	uint32_t next;
	uint64_t value; /* as in the binary form */
};

struct open_list {
	uint32_t draft;
	uint32_t last; /* child */
};

struct plan_writer {
	struct draft *drafts; /* owned */
	uint32_t draft_count;
	uint32_t draft_capacity;
	struct open_list open[PLAN_DEPTH_MAX];
	unsigned depth;
	char *bytes; /* owned: of the strings, each with a NUL */
	size_t byte_count;
	size_t byte_capacity;
	struct {
		uint32_t at, n;
	} * strings; /* owned; by number */
	uint32_t string_count;
	uint32_t string_capacity;
	uint32_t *slots;     /* owned: hash table of numbers of strings; PLAN_NONE: free */
	uint32_t slot_count; /* power of two */
	uint32_t target_count;
	enum rc rc; /* the first failure */
};

/* The first failure stands. */
void plan_writer_fail(struct plan_writer *w, enum rc rc);
/* The string's number. 0, that of "", stands in once something has failed. */
uint32_t plan_writer_intern(struct plan_writer *w, struct str s);
struct str plan_writer_string(const struct plan_writer *w, uint32_t number);
/* Adds a value to the innermost open list. `key` 0: it is no member; a file 0: its parent's place. */
void plan_writer_add(struct plan_writer *w, struct draft draft);
void plan_writer_open(struct plan_writer *w, struct draft draft);
