/* SPDX-License-Identifier: Apache-2.0 */
/* config/document.h - YAML as trees in which every key and value knows its line and column.
 *
 * A strict reading of YAML 1.2's core schema: `on` and `yes` are strings; duplicate and merge keys,
 * unknown tags, numbers that readers disagree on (017, above 2^53) are mistakes. Those cost their
 * document alone; what is no YAML, or exceeds a limit, costs the rest of the file. Aliases are
 * copies, and bounded like everything else, so that a small file cannot become a large tree.
 *
 * Invariants   D1  keys of a map are unique and not empty.
 *              D2  depth <= DOCUMENT_DEPTH_MAX, nodes per file <= DOCUMENT_NODES_MAX.
 * Ownership    a document_set owns all nodes and strings of one file; they die with it.
 */
#pragma once

#include "base/arena.h"
#include "base/diagnostics.h"

/* Anchors: control planes of others take 1 to 4 MiB and 16 to 64 levels. */
#define DOCUMENT_FILE_BYTES_MAX (4u << 20)
#define DOCUMENT_DEPTH_MAX      32
#define DOCUMENT_NODES_MAX      400000
#define DOCUMENT_ALIASES_MAX    100
#define DOCUMENTS_PER_FILE_MAX  10000

enum node_type {
	NODE_NULL,
	NODE_BOOL,
	NODE_INTEGER, /* within +-(2^53 - 1) */
	NODE_REAL,    /* finite */
	NODE_STRING,
	NODE_LIST,
	NODE_MAP,
};

/* Something wrong that leaves the rest of its document readable. */
struct mistake {
	uint32_t line, column;
	struct str message;
	struct mistake *next;
};

struct node {
	enum node_type type;
	bool is_plain;         /* a scalar without quotes */
	bool is_doubled;       /* its key stands once more in the same map: what is there is lost */
	uint32_t line, column; /* from 1; columns count characters */
	/* Column of the text's first character where the text stands in the file as it is (one
	 * line, no escapes); else 0. */
	uint32_t text_column;
	struct str key; /* of a map's member; else empty */
	uint32_t key_line, key_column;
	struct node *next;        /* sibling */
	struct mistake *mistakes; /* of a document's root */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct str string;
		struct {
			struct node *first;
			uint32_t count;
		} list; /* of maps, too */
	} u;
};

struct document_set {
	struct pool *pool;  /* owned */
	struct arena arena; /* of all nodes */
	struct node *roots; /* by `next`; documents that hold nothing are left out */
	uint32_t count;
};

/* Reads all documents of a file. RC_INVALID: the error that ended it was added to `diagnostics`,
 * and `out` holds the documents before it. In every case `out` needs document_set_deinit. */
MUST_USE enum rc document_set_read(struct document_set *out, const char *file, struct str text,
	struct diagnostics *diagnostics);
void document_set_deinit(struct document_set *set);

/* NULL: `map` is NULL or none, or has no such member. */
const struct node *node_member(const struct node *map, struct str key);

/* Gives a plain scalar its type. False: a number that readers disagree on, `message` says why. */
bool scalar_resolve(struct str text, struct node *out, const char **message);
