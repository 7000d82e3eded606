/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/guide.h - rows of the tables of docs/sdk/definitions.md, for tests that hold them to
 * be true.
 *
 *   struct guide guide = guide_open("## Keywords");
 *   struct str cells[GUIDE_CELLS_MAX];
 *   while (guide_next(&guide, cells)) ... guide_code(&cells[0])
 *   guide_close(&guide);
 */
#pragma once

#include "unit.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUIDE            SOURCE_DIR "/docs/sdk/definitions.md"
#define GUIDE_BYTES_MAX  65536
#define GUIDE_CELLS_MAX  4
#define GUIDE_CELL_BYTES 200

struct guide {
	char *text;      /* owned */
	struct str rest; /* of the section */
};

static inline struct guide guide_open(const char *heading)
{
	struct guide g = {.text = calloc(1, GUIDE_BYTES_MAX)};
	FILE *f = fopen(GUIDE, "r");
	ck_assert_msg(f && g.text, "there is no " GUIDE);
	size_t n = fread(g.text, 1, GUIDE_BYTES_MAX - 1, f);
	fclose(f);
	g.rest = str_n(g.text, n);
	g.rest = str_from(g.rest, str_find(g.rest, str_of(heading)));
	ck_assert_msg(g.rest.n > 0, "there is no section %s", heading);
	str_cut(&g.rest, '\n');
	return g;
}

static inline void guide_close(struct guide *g)
{
	free(g->text);
}

/* Up to a "|" that no backslash stands before. */
static inline struct str guide_cell(struct str *row)
{
	size_t n = 0;
	while (n < row->n && (row->p[n] != '|' || (n > 0 && row->p[n - 1] == '\\')))
		n++;
	struct str cell = str_trim(str_slice(*row, 0, n));
	*row = str_from(*row, n < row->n ? n + 1 : n);
	return cell;
}

/* The next row that begins with code; false at the section's end. */
static inline bool guide_next(struct guide *g, struct str cells[GUIDE_CELLS_MAX])
{
	while (g->rest.n > 0 && !str_starts(g->rest, STR("## "))) {
		struct str line = str_cut(&g->rest, '\n');
		if (!str_starts(line, STR("| `")))
			continue;
		line = str_from(line, 1);
		for (size_t i = 0; i < GUIDE_CELLS_MAX; i++)
			cells[i] = guide_cell(&line);
		return true;
	}
	return false;
}

/* What the next pair of backticks encloses, with "\|" as "|", good for the next 15 calls; NULL:
 * there is none. */
static inline const char *guide_code(struct str *cell)
{
	static char texts[16][GUIDE_CELL_BYTES];
	static size_t next;
	char *to = texts[next++ % 16];
	size_t n = 0;
	*cell = str_from(*cell, str_index(*cell, '`'));
	if (cell->n < 2)
		return NULL;
	*cell = str_from(*cell, 1);
	struct str code = str_cut(cell, '`');
	for (size_t i = 0; i < code.n && n < GUIDE_CELL_BYTES - 1; i++)
		if (code.p[i] != '\\' || i + 1 == code.n || code.p[i + 1] != '|')
			to[n++] = code.p[i];
	to[n] = '\0';
	return to;
}
