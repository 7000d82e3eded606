/* SPDX-License-Identifier: Apache-2.0 */
#include "generation/error_pages.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "http/accept.h"

#include <stdlib.h>

#define MESSAGE_BYTES_MAX 1024

enum media { MEDIA_JSON, MEDIA_PROBLEM, MEDIA_HTML, MEDIA_TEXT, MEDIA_COUNT };

static const struct {
	struct str name, type, content_type;
} media_rows[MEDIA_COUNT] = {
	[MEDIA_JSON] = {{"json", 4}, {"application/json", 16},
		{"application/json; charset=UTF-8", 31}},
	[MEDIA_PROBLEM] = {{"problem", 7}, {"application/problem+json", 24},
		{"application/problem+json", 24}},
	[MEDIA_HTML] = {{"html", 4}, {"text/html", 9}, {"text/html; charset=UTF-8", 24}},
	[MEDIA_TEXT] = {{"text", 4}, {"text/plain", 10}, {"text/plain; charset=UTF-8", 25}},
};

enum placeholder {
	PLACE_NONE,
#define X(id, text) PLACE_##id,
	ERROR_PLACEHOLDERS(X)
#undef X
};

/* Text, and what is put in behind it. */
struct part {
	struct str text; /* of the page's */
	enum placeholder place;
};

struct page {
	enum media media;
	char *text; /* owned */
	struct part *parts; /* owned */
	size_t count;
};

struct entry {
	unsigned low, high; /* statuses */
	struct page pages[MEDIA_COUNT]; /* as written */
	size_t count;
};

struct error_pages {
	struct entry *entries; /* owned */
	size_t count;
};

/* --- making ---------------------------------------------------------------------------------- */

static enum placeholder placeholder_of(struct str name)
{
#define X(id, text)                                                                                \
	if (str_eq(name, STR(text)))                                                               \
		return PLACE_##id;
	ERROR_PLACEHOLDERS(X)
#undef X
	return PLACE_NONE;
}

/* The next placeholder from `from` on: where it begins, and how long it is with its braces. */
static enum placeholder find_placeholder(struct str text, size_t from, size_t *at, size_t *n)
{
	for (size_t open = from; open < text.n; open++) {
		if (text.p[open] != '{')
			continue;
		struct str rest = str_from(text, open + 1);
		size_t close = str_index(rest, '}');
		enum placeholder place = placeholder_of(str_slice(rest, 0, close));
		if (close == rest.n || place == PLACE_NONE)
			continue;
		*at = open;
		*n = close + 2;
		return place;
	}
	return PLACE_NONE;
}

static void add_part(struct page *p, struct str text, enum placeholder place)
{
	p->parts = heap_realloc(p->parts, (p->count + 1) * sizeof(*p->parts));
	p->parts[p->count++] = (struct part){text, place};
}

static void page_init(struct page *p, enum media media, struct str body)
{
	*p = (struct page){.media = media, .text = heap_strndup(body)};
	struct str text = {p->text, body.n};
	size_t from = 0, at = 0, n = 0;
	enum placeholder place;
	while ((place = find_placeholder(text, from, &at, &n)) != PLACE_NONE) {
		add_part(p, str_slice(text, from, at - from), place);
		from = at + n;
	}
	add_part(p, str_from(text, from), PLACE_NONE);
}

static void take_page(struct entry *e, const struct plan_node *node)
{
	struct str name = plan_string(node, "media", STR_EMPTY);
	for (size_t m = 0; m < MEDIA_COUNT && e->count < MEDIA_COUNT; m++)
		if (str_eq(name, media_rows[m].name))
			page_init(&e->pages[e->count++], (enum media)m,
				plan_string(node, "body", STR_EMPTY));
}

struct error_pages *error_pages_new(const struct plan_node *errors)
{
	size_t count = plan_count(errors);
	if (count == 0)
		return NULL;
	struct error_pages *p = heap_zalloc(sizeof(*p));
	p->entries = heap_zalloc(count * sizeof(*p->entries));
	p->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct plan_node *node = plan_at(errors, i);
		struct entry *e = &p->entries[i];
		e->low = (unsigned)plan_integer(node, "low", 0);
		e->high = (unsigned)plan_integer(node, "high", 0);
		const struct plan_node *pages = plan_get(node, "pages");
		for (size_t k = 0; k < plan_count(pages); k++)
			take_page(e, plan_at(pages, k));
	}
	return p;
}

void error_pages_free(struct error_pages *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		for (size_t k = 0; k < p->entries[i].count; k++) {
			free(p->entries[i].pages[k].text);
			free(p->entries[i].pages[k].parts);
		}
	}
	free(p->entries);
	free(p);
}

/* --- choosing -------------------------------------------------------------------------------- */

/* The narrowest range that the status is in. */
static const struct entry *entry_of(const struct error_pages *p, unsigned status)
{
	const struct entry *best = NULL;
	for (size_t i = 0; i < p->count; i++) {
		const struct entry *e = &p->entries[i];
		if (status < e->low || status > e->high || e->count == 0)
			continue;
		if (!best || e->high - e->low < best->high - best->low)
			best = e;
	}
	return best;
}

/* The one that is liked best, and of equals the one written first, which also is for those who like
 * none: an error in the wrong form is better than none. */
static const struct page *page_of(const struct entry *e, const struct fields *accept)
{
	const struct page *best = &e->pages[0];
	unsigned best_weight = 0;
	for (size_t i = 0; accept && i < e->count; i++) {
		unsigned weight = accept_weight(accept, media_rows[e->pages[i].media].type);
		if (weight > best_weight) {
			best = &e->pages[i];
			best_weight = weight;
		}
	}
	return best;
}

/* --- filling in ------------------------------------------------------------------------------ */

static void add_json_escaped(struct buffer *b, struct str s)
{
	size_t at = b->n;
	buffer_add_json(b, s);
	if (b->failed)
		return;
	memmove(b->p + at, b->p + at + 1, b->n - at - 2); /* without the quotes */
	b->n -= 2;
}

/* A code point, or a byte that is part of none. */
static void add_html_escaped(struct buffer *b, struct str c)
{
	switch (c.p[0]) {
	case '&':
		buffer_add(b, STR("&amp;"));
		break;
	case '<':
		buffer_add(b, STR("&lt;"));
		break;
	case '>':
		buffer_add(b, STR("&gt;"));
		break;
	case '"':
		buffer_add(b, STR("&quot;"));
		break;
	case '\'':
		buffer_add(b, STR("&#39;"));
		break;
	case '`':
		buffer_add(b, STR("&#96;"));
		break;
	default:
		buffer_add(b, c);
	}
}

/* One line of well-formed UTF-8. */
static void add_text(struct buffer *b, struct str s, bool is_html)
{
	while (s.n > 0) {
		size_t n = utf8_sequence(s);
		bool is_plain = n > 0 && (unsigned char)s.p[0] >= 0x20 && s.p[0] != 0x7f;
		struct str c = is_plain ? str_slice(s, 0, n) : n > 0 ? STR(" ") : STR("?");
		if (is_html)
			add_html_escaped(b, c);
		else
			buffer_add(b, c);
		s = str_from(s, n > 0 ? n : 1);
	}
}

static void add_value(struct buffer *b, enum media media, struct str value)
{
	if (media == MEDIA_JSON || media == MEDIA_PROBLEM)
		add_json_escaped(b, value);
	else
		add_text(b, value, media == MEDIA_HTML);
}

static void fill_in(
	struct buffer *b, enum media media, enum placeholder place, const struct error_values *v)
{
	switch (place) {
	case PLACE_NONE:
		break;
	case PLACE_STATUS:
		buffer_add_u64(b, v->status);
		break;
	case PLACE_REASON_PHRASE:
		add_value(b, media, http_reason(v->status));
		break;
	case PLACE_MESSAGE:
		add_value(b, media, str_slice(v->message, 0, MESSAGE_BYTES_MAX));
		break;
	case PLACE_REASON:
		add_value(b, media, v->reason);
		break;
	case PLACE_REQUEST_ID:
		add_value(b, media, v->request_id);
		break;
	}
}

bool error_pages_render(const struct error_pages *p, const struct fields *accept,
	const struct error_values *v, struct buffer *out, struct str *content_type, bool *varies)
{
	const struct entry *e = p ? entry_of(p, v->status) : NULL;
	if (!e)
		return false;
	const struct page *page = page_of(e, accept);
	for (size_t i = 0; i < page->count; i++) {
		buffer_add(out, page->parts[i].text);
		fill_in(out, page->media, page->parts[i].place, v);
	}
	*content_type = media_rows[page->media].content_type;
	*varies = e->count > 1;
	return true;
}
